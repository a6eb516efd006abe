/** The state of a certificate, by its dates alone. */
export type LifeState = 'valid' | 'expiring' | 'expired' | 'future';

/** The dates of a certificate, epoch milliseconds. */
export interface Life {
  readonly from: number;
  readonly until: number;
}

/** The time that is drawn, in epoch milliseconds. */
export interface Scale {
  readonly begin: number;
  readonly end: number;
}

/** A position on a scale, in thousandths. */
export interface Span {
  readonly start: number;
  readonly width: number;
  /** True if it continues beyond the scale. */
  readonly cutBefore: boolean;
  readonly cutAfter: boolean;
}

const day = 86_400_000;
const year = 365.25 * day;
/** The same time as for the finding `expires-soon`. */
const expiringMs = 30 * day;
/** Roots are valid for decades; the next years matter. */
const longestBefore = 2 * year;
const longestAfter = 10 * year;
/** The width of the narrowest visible bar, in thousandths. */
const narrowest = 4;

export function lifeState({ from, until }: Life, now: number): LifeState {
  if (until <= now) return 'expired';
  if (from > now) return 'future';
  return until - now < expiringMs ? 'expiring' : 'valid';
}

/** Returns a scale for all certificates, up to the longest useful time. It always contains the present. */
export function scaleOf(lives: readonly Life[], now: number): Scale {
  const begin = Math.min(now - 30 * day, ...lives.map(({ from }) => from));
  const end = Math.max(now + year, ...lives.map(({ until }) => until));
  const margin = (Math.min(end, now + longestAfter) - Math.max(begin, now - longestBefore)) / 50;
  return {
    begin: Math.max(begin - margin, now - longestBefore),
    end: Math.min(end + margin, now + longestAfter),
  };
}

/** Returns the position of a certificate's validity on a scale; undefined if it is not on the scale. */
export function spanOn({ from, until }: Life, scale: Scale): Span | undefined {
  if (until <= scale.begin || from >= scale.end) return undefined;
  const start = positionOn(Math.max(from, scale.begin), scale);
  const stop = positionOn(Math.min(until, scale.end), scale);
  const width = Math.max(narrowest, stop - start);
  return {
    start: Math.min(start, 1000 - width),
    width,
    cutBefore: from < scale.begin,
    cutAfter: until > scale.end,
  };
}

/** Returns the position of a time on a scale, in thousandths. */
export function positionOn(time: number, { begin, end }: Scale): number {
  return ((time - begin) / (end - begin)) * 1000;
}

/** Returns the years that begin on a scale, at most as many as fit. */
export function yearsOn(scale: Scale): readonly { readonly year: number; readonly at: number }[] {
  const first = new Date(scale.begin).getUTCFullYear() + 1;
  const last = new Date(scale.end).getUTCFullYear();
  const step = Math.max(1, Math.ceil((last - first + 1) / 8));
  const years: { year: number; at: number }[] = [];
  for (let year = first; year <= last; year += step)
    years.push({ year, at: positionOn(Date.UTC(year, 0), scale) });
  return years;
}
