/** The time limits of connections, in ms. A connection may exceed one by up to four times the interval of checks. */
export interface ConnectionTimes {
  /** For the preface and the settings of the client. */
  readonly prefaceMs: number;
  /** For a message, from its first byte. */
  readonly messageMs: number;
  /**
   * For a client with much unsent output that reads nothing, or whose window is too small for a response. A client with
   * little unsent output has twice this time.
   */
  readonly stallMs: number;
  /**
   * For the client to close its side, after the server has closed the connection, and for the output in the other
   * order.
   */
  readonly lingerMs: number;
  /**
   * For the client to answer that it has seen that it is asked to leave. Then the server takes no more streams of it.
   */
  readonly warningMs: number;
  /** Age at which the client is asked to leave; `undefined` for no maximum age. */
  readonly maxAgeMs: number | undefined;
  /** For the streams of the connection to end, after its maximum age. */
  readonly graceMs: number;
}

/** The default time limits of connections. */
export const defaultTimes: ConnectionTimes = {
  prefaceMs: 10_000,
  messageMs: 30_000,
  stallMs: 60_000,
  lingerMs: 10_000,
  warningMs: 5_000,
  maxAgeMs: undefined,
  graceMs: 10_000,
};

/** The age varies by a tenth, so that proxies that connected together do not reconnect together. */
const ageSpread = 0.1;
const longestSweepMs = 1000;
const shortestSweepMs = 10;

/** Returns the maximum age of one connection. */
export function ageOf({ maxAgeMs }: ConnectionTimes): number {
  if (maxAgeMs === undefined) return Number.POSITIVE_INFINITY;
  return maxAgeMs * (1 + ageSpread * (2 * Math.random() - 1));
}

/**
 * Returns the interval of the checks of connections, in ms: a tenth of the shortest time, at most one second.
 * Connections that have begun and are not closing are part of each fourth check (`Sweep`).
 */
export function sweepEvery(times: ConnectionTimes): number {
  const { prefaceMs, messageMs, stallMs, lingerMs, warningMs, graceMs, maxAgeMs = graceMs } = times;
  const shortest = Math.min(prefaceMs, messageMs, stallMs, lingerMs, warningMs, graceMs, maxAgeMs);
  return Math.max(shortestSweepMs, Math.min(longestSweepMs, shortest / 10));
}
