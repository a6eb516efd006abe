/**
 * Milliseconds by which the system clock may differ from the monotonic one, for example after small corrections. Below
 * it, the recorded time does not change.
 */
const driftMs = 60_000;

/**
 * Returns when the process started, in epoch milliseconds, by the present clock. A clock that was set since the start
 * must not make the process look older than it is: gates of rotations depend on how long it has seen proxies leave.
 */
export function startTime({
  recorded,
  wall,
  upMs,
}: {
  /** The time at the start, by the clock of then. */
  readonly recorded: number;
  readonly wall: number;
  /** Milliseconds since the start, by a monotonic clock. */
  readonly upMs: number;
}): number {
  const start = wall - upMs;
  return Math.abs(start - recorded) < driftMs ? recorded : start;
}
