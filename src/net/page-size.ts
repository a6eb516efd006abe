/** The number of objects that a list requests per page. */
export interface PageSize {
  readonly current: number;
  /** Halves the number, after a page that could not be read. Returns false if it is the least already. */
  halve(): boolean;
  /** Doubles the number, up to the most, if the longest page of a complete list was far below the limit of a page. */
  listed(longest: number): void;
}

/** The limits of a page size: the most and the least objects, and the length above which a page is too long. */
export interface PageLimits {
  readonly most: number;
  readonly least: number;
  readonly maxLength: number;
}

/** A page with twice as many objects is about twice as long. The factor of two more keeps the size from swinging. */
const farBelow = 4;

/** Creates a page size that begins with the most objects. It is kept from list to list. */
export function createPageSize({ most, least, maxLength }: PageLimits): PageSize {
  let current = most;
  return {
    get current() {
      return current;
    },
    halve() {
      if (current <= least) return false;
      current = Math.max(least, Math.floor(current / 2));
      return true;
    },
    listed(longest) {
      if (longest < maxLength / farBelow) current = Math.min(most, 2 * current);
    },
  };
}
