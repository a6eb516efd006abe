/** How a certificate stands to the present: by its dates alone. */
export type LifeState = 'valid' | 'expiring' | 'expired' | 'future';

/** The dates of a certificate, epoch milliseconds. */
export interface Life {
  readonly from: number;
  readonly until: number;
}

/** A piece of time that is drawn, epoch milliseconds. */
export interface Scale {
  readonly begin: number;
  readonly end: number;
}

/** Where something is on a scale, in thousandths of it. */
export interface Span {
  readonly start: number;
  readonly width: number;
  /** It goes on beyond the scale. */
  readonly cutBefore: boolean;
  readonly cutAfter: boolean;
}

const day = 86_400_000;
const year = 365.25 * day;
/** As for the finding `expires-soon`. */
const expiringMs = 30 * day;
/** Roots live for decades; what matters is nearer. */
const longestBefore = 2 * year;
const longestAfter = 10 * year;
/** The narrowest bar that can be seen, in thousandths. */
const narrowest = 4;

export function lifeState({ from, until }: Life, now: number): LifeState {
  if (until <= now) return 'expired';
  if (from > now) return 'future';
  return until - now < expiringMs ? 'expiring' : 'valid';
}

/** A scale that fits all lives, within what is worth seeing; the present is always on it. */
export function scaleOf(lives: readonly Life[], now: number): Scale {
  const begin = Math.min(now - 30 * day, ...lives.map(({ from }) => from));
  const end = Math.max(now + year, ...lives.map(({ until }) => until));
  const margin = (Math.min(end, now + longestAfter) - Math.max(begin, now - longestBefore)) / 50;
  return {
    begin: Math.max(begin - margin, now - longestBefore),
    end: Math.min(end + margin, now + longestAfter),
  };
}

/** Where a life is on a scale; undefined where it is not on it at all. */
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

/** Where a moment is on a scale, in thousandths. */
export function positionOn(time: number, { begin, end }: Scale): number {
  return ((time - begin) / (end - begin)) * 1000;
}

/** The years that begin on a scale, not more than fit. */
export function yearsOn(scale: Scale): readonly { readonly year: number; readonly at: number }[] {
  const first = new Date(scale.begin).getUTCFullYear() + 1;
  const last = new Date(scale.end).getUTCFullYear();
  const step = Math.max(1, Math.ceil((last - first + 1) / 8));
  const years: { year: number; at: number }[] = [];
  for (let year = first; year <= last; year += step)
    years.push({ year, at: positionOn(Date.UTC(year, 0), scale) });
  return years;
}
