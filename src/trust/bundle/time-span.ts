/** The time for which a decision by dates stays the same, in epoch milliseconds. */
export interface TimeSpan {
  /** The last date that has passed; `undefined` if none has. */
  readonly validFrom: number | undefined;
  /** The next date; `undefined` if all have passed. */
  readonly nextChange: number | undefined;
}

/** Returns the time around `now` between two of the dates on which a decision depends. */
export function spanAround(now: number, dates: Iterable<number>): TimeSpan {
  let validFrom: number | undefined;
  let nextChange: number | undefined;
  for (const at of dates) {
    if (at > now) nextChange = Math.min(at, nextChange ?? at);
    else validFrom = Math.max(at, validFrom ?? at);
  }
  return { validFrom, nextChange };
}

/**
 * Returns whether a decision is still the one for `now`. A clock that was ahead and is set back ends it, like a date
 * that passes.
 */
export function isWithin({ validFrom, nextChange }: TimeSpan, now: number): boolean {
  return (validFrom ?? -Infinity) <= now && now < (nextChange ?? Infinity);
}
