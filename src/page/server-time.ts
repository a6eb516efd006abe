/** A difference up to this is no difference: the time in the response has whole seconds, and was on its way. */
const toleratedMs = 2_000;

let aheadMs = 0;

/**
 * Follows the clock of the server by the `Date` of a response. Ages on the page are differences between the present and
 * times of the server, so a browser whose clock is wrong would show wrong ages.
 */
export function followServerTime(date: string | null, local = Date.now()): void {
  const ahead = date === null ? NaN : Date.parse(date) - local;
  if (Number.isNaN(ahead)) return;
  aheadMs = Math.abs(ahead) <= toleratedMs ? 0 : ahead;
}

/** Returns the present by the clock of the server, in epoch milliseconds. */
export function serverTime(local = Date.now()): number {
  return local + aheadMs;
}
