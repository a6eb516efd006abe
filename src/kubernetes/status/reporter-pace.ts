/** The times of a reporter, in milliseconds. */
export interface ReporterPace {
  /** Pause after a change. Most proxies have acknowledged the change by then. */
  readonly afterChangeMs: number;
  /** Pause between two comparisons of all objects. */
  readonly betweenMs: number;
  /** Time for which the answer about the status subresource is used before the reporter asks again. */
  readonly discoverMs: number;
  /** Pause after a failed write, and after a failed question about the status subresource. */
  readonly retryMs: number;
  /** Pause before the same status is written again to an object that does not show it. */
  readonly rewriteMs: number;
  /** Pause before new proxy counts of an object are written. It doubles each time that nothing else changed. */
  readonly progressMs: number;
}

export const defaultPace: ReporterPace = {
  afterChangeMs: 150,
  betweenMs: 1_000,
  discoverMs: 60_000,
  retryMs: 5_000,
  rewriteMs: 5_000,
  progressMs: 10_000,
};
