/** What connections have time for, in ms. */
export interface ConnectionTimes {
  /** The preface and the settings of the client. */
  readonly prefaceMs: number;
  /** A message that has begun to arrive. */
  readonly messageMs: number;
  /** A client that takes nothing of what it is sent, while much waits for it. */
  readonly stallMs: number;
  /** The client's side of a connection that the server has ended. */
  readonly lingerMs: number;
  /** Age at which a connection is asked to go; undefined: never. */
  readonly maxAgeMs: number | undefined;
  /** What its streams have left after that. */
  readonly graceMs: number;
}

export const defaultTimes: ConnectionTimes = {
  prefaceMs: 10_000,
  messageMs: 30_000,
  stallMs: 60_000,
  lingerMs: 10_000,
  maxAgeMs: undefined,
  graceMs: 10_000,
};

/** Ages vary by a tenth, so that proxies that came together do not leave together. */
const ageSpread = 0.1;
const longestSweepMs = 1000;
const shortestSweepMs = 10;

/** Returns the age at which one connection is asked to go. */
export function ageOf({ maxAgeMs }: ConnectionTimes): number {
  if (maxAgeMs === undefined) return Number.POSITIVE_INFINITY;
  return maxAgeMs * (1 + ageSpread * (2 * Math.random() - 1));
}

/** Returns how often connections are looked at: a tenth of the shortest time, and at least each second. */
export function sweepEvery(times: ConnectionTimes): number {
  const { prefaceMs, messageMs, stallMs, lingerMs, graceMs, maxAgeMs = graceMs } = times;
  const shortest = Math.min(prefaceMs, messageMs, stallMs, lingerMs, graceMs, maxAgeMs);
  return Math.max(shortestSweepMs, Math.min(longestSweepMs, shortest / 10));
}
