/** Milliseconds. A guard's hold is 30 s: after an outage the API server is asked again well within it. */
const first = 250;
const longest = 10_000;
const longestAsked = 60_000;

/**
 * How long to wait before the next request: longer with each attempt that brought nothing, by a random part so
 * that replicas do not ask in step, and at least as long as the API server asked for.
 */
export function backoffMs(attempts: number, retryAfterMs: number | undefined, random: () => number): number {
  const grown = attempts === 0 ? 0 : Math.min(longest, first * 2 ** Math.min(attempts - 1, 10));
  const asked = Math.min(retryAfterMs ?? 0, longestAsked);
  return Math.max(grown * (0.5 + random() / 2), asked * (1 + random() / 4));
}
