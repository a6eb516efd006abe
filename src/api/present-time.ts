/** Formats epoch milliseconds as RFC 3339 in UTC, with milliseconds. */
export function presentTime(time: number): string;
/** Formats epoch milliseconds if they are known. */
export function presentTime(time: number | undefined): string | undefined;
export function presentTime(time: number | undefined): string | undefined {
  return time === undefined ? undefined : new Date(time).toISOString();
}
