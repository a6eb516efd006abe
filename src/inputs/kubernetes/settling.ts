/** How long deletions are waited for, ms. */
export interface Patience {
  /** No other has come for so long. */
  readonly quietMs: number;
  /** In any case, from the first of them. */
  readonly longestMs: number;
}

/** A loss of this share of all objects may become a mass loss, which only shows as a whole. */
const muchShare = 0.05;

/**
 * How long `leaving` deletions wait for more of the same cause, among `known` objects, which they are counted
 * with; `settleMs` is what one alone waits. An API server deletes 100 to 200 objects a second, with pauses: told in
 * parts, the loss of 5,000 would go past the guard, of which no part is half.
 */
export function patienceFor(leaving: number, known: number, settleMs: number): Patience {
  if (leaving <= 1) return { quietMs: settleMs, longestMs: settleMs };
  const isMuch = leaving > muchShare * known;
  return { quietMs: 10 * settleMs, longestMs: (isMuch ? 3_000 : 100) * settleMs };
}
