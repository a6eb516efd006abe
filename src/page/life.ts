/** The state of a certificate, by its dates alone. */
export type LifeState = 'valid' | 'expiring' | 'expired' | 'future';

/** The dates of a certificate, epoch milliseconds. */
export interface Life {
  readonly from: number;
  readonly until: number;
}

/** A position on the axis, in thousandths. */
export interface Span {
  readonly start: number;
  readonly width: number;
}

const day = 86_400_000;
const year = 365.25 * day;
/** The same time as for the finding `expires-soon`. */
export const expiringMs = 30 * day;
/** The axis shows this much time. Roots are valid for decades; the next years matter. */
const longestBefore = 2 * year;
const longestAfter = 10 * year;
/** The position of the present, in thousandths. */
const present = 200;
/** The width of the narrowest visible bar, in thousandths. */
const narrowest = 12;

export function lifeState({ from, until }: Life, now: number): LifeState {
  if (until <= now) return 'expired';
  if (from > now) return 'future';
  return until - now < expiringMs ? 'expiring' : 'valid';
}

/**
 * Returns the position of a time on the axis, in thousandths. The axis is logarithmic in both directions from the
 * present, so that the next days have as much space as the years after them.
 */
export function positionOf(time: number, now: number): number {
  const away = time - now;
  if (away >= 0) return present + (1000 - present) * share(away, day, longestAfter);
  return present * (1 - share(-away, 30 * day, longestBefore));
}

/** Returns the position of a certificate's validity; undefined if it ended before the axis begins. */
export function spanOf({ from, until }: Life, now: number): Span | undefined {
  if (until <= now - longestBefore) return undefined;
  const start = positionOf(from, now);
  const width = Math.max(narrowest, positionOf(until, now) - start);
  return { start: Math.min(start, 1000 - width), width };
}

/** The marks of the axis: distances from the present. */
export const marks: readonly { readonly label: string; readonly after: number }[] = [
  { label: '−1 y', after: -year },
  { label: 'now', after: 0 },
  { label: '1 wk', after: 7 * day },
  { label: '30 d', after: 30 * day },
  { label: '1 y', after: year },
  { label: '10 y', after: longestAfter },
];

/** Returns the share of the longest time, from 0 to 1, on a logarithmic scale that is linear below the unit. */
function share(away: number, unit: number, longest: number): number {
  return Math.log1p(Math.min(away, longest) / unit) / Math.log1p(longest / unit);
}
