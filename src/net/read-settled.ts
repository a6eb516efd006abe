import { setTimeout as sleep } from 'node:timers/promises';

/** Time for which a changed file must stay the same, in milliseconds: a file in the middle of a write lacks its end. */
export const settleMs = 100;
/** Time after which a file that never stays the same is no longer waited for, in milliseconds. */
export const longestUnrestMs = 10_000;

/** How a file is read, and what its readings mean. */
export interface SettledReads<Reading> {
  readonly read: () => Promise<Reading>;
  /** Returns whether two readings are of the same content. */
  readonly isSame: (one: Reading, other: Reading) => boolean;
  /** Returns whether a reading is of the content that is in force: it needs not settle. */
  readonly isInForce: (reading: Reading) => boolean;
  /** Returns whether the file was not changed during a reading, and its content can be used. */
  readonly isUsable: (reading: Reading) => boolean;
  readonly isClosed: () => boolean;
  readonly longestUnrestMs: number;
}

/** A reading. */
export interface SettledReading<Reading> {
  readonly reading: Reading;
  /** Whether the file never stayed the same, so that its newest usable reading was taken, if any. */
  readonly isRestless: boolean;
  /** Whether no reading was usable. This one may be of a half-written file, and must not be applied. */
  readonly isGivenUp: boolean;
}

/** Why a file is not applied of which no reading was usable, if its last content alone is no reason. */
export const changedWhileRead = 'changed each time while it was read';

/**
 * Reads a changed file until two readings with a pause in between are equal. After `longestUnrestMs`, the next usable
 * reading counts, because otherwise a file that changes for ever would never apply: neither a new certificate nor a
 * removed CA. If no reading is usable in the same time again, the last one is returned, for a report.
 */
export async function readSettled<Reading>(reads: SettledReads<Reading>): Promise<SettledReading<Reading>> {
  const { read, isSame, isInForce, isUsable, isClosed } = reads;
  const startedAt = performance.now();
  let reading = await read();
  while (!isInForce(reading)) {
    await sleep(settleMs, undefined, { ref: false });
    const before = reading;
    reading = await read();
    if (isClosed() || isSame(before, reading)) break;
    const unrestMs = performance.now() - startedAt;
    if (unrestMs < reads.longestUnrestMs) continue;
    if (isUsable(reading)) return { reading, isRestless: true, isGivenUp: false };
    if (unrestMs >= 2 * reads.longestUnrestMs) return { reading, isRestless: true, isGivenUp: true };
  }
  return { reading, isRestless: false, isGivenUp: false };
}
