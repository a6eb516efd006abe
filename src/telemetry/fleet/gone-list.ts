import type { GoneRecord } from './records.ts';

/** How many proxies that went away are kept, and for how long. */
export interface GoneLimits {
  readonly entries: number;
  /** Milliseconds. */
  readonly keepMs: number;
}

/** Enough to see who left in a roll-out of a large deployment, in well under a megabyte. */
const defaultLimits: GoneLimits = { entries: 1_000, keepMs: 3_600_000 };

/** Proxies that went away, oldest first. */
export interface GoneList {
  add(key: string, gone: GoneRecord): void;
  /** Takes out the one that came back. */
  take(mesh: string, key: string): GoneRecord | undefined;
  /** Those that are not too old; `now` in epoch milliseconds. */
  list(now: number): Iterable<GoneRecord>;
}

/** Makes an empty list that forgets its oldest. A stream without a node id cannot come back, so it is not kept. */
export function createGoneList({ entries, keepMs }: GoneLimits = defaultLimits): GoneList {
  const gone = new Map<string, GoneRecord>();
  const keyOf = (mesh: string, key: string): string => `${mesh}\0${key}`;

  const forget = (now: number): void => {
    for (const [key, { goneAt }] of gone) {
      if (gone.size <= entries && now - goneAt < keepMs) return;
      gone.delete(key);
    }
  };
  return {
    add(key, record) {
      if (record.node === '') return;
      gone.set(keyOf(record.mesh, key), record);
      forget(record.goneAt);
    },
    take(mesh, key) {
      const found = gone.get(keyOf(mesh, key));
      if (found !== undefined) gone.delete(keyOf(mesh, key));
      return found;
    },
    list(now) {
      forget(now);
      return gone.values();
    },
  };
}
