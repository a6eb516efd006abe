/** Formats epoch milliseconds as RFC 3339 in UTC; without milliseconds if these are 0. */
export function formatTime(time: number): string {
  return new Date(time).toISOString().replace('.000Z', 'Z');
}
