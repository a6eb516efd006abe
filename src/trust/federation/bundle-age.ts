import type { BundleMemory } from './accept-document.ts';

/** The facts from which the age of a bundle follows. Times are epoch milliseconds. */
export interface AgedBundle {
  readonly memory: Pick<BundleMemory, 'applied'>;
  readonly lastSuccessAt: number | undefined;
  /**
   * Since when a bundle counts that an earlier run had in force and that is not known here; `undefined` without one. If
   * the time of its last fetch is not known either, that is the start of the server.
   */
  readonly keptSince: number | undefined;
}

/**
 * Returns when the bundle of an endpoint is too old. `trustDomainBundle` has no age, nor has an empty document that is
 * held. `maxAgeMs` is 0 for never.
 */
export function endOfAge(
  { memory, lastSuccessAt, keptSince }: AgedBundle,
  maxAgeMs: number,
): number | undefined {
  if (maxAgeMs === 0) return undefined;
  // A held document comes from the endpoint, too.
  const kept = keptSince && Math.max(keptSince, lastSuccessAt ?? keptSince);
  const since = memory.applied === undefined ? kept : lastSuccessAt;
  return since === undefined ? undefined : since + maxAgeMs;
}

/**
 * Returns the times from which the age counts, none of them later than now: after a clock that was ahead, the age is
 * not known, and would not count for long.
 */
export function notAhead(
  { lastSuccessAt, keptSince }: AgedBundle,
  now: number,
): Pick<AgedBundle, 'lastSuccessAt' | 'keptSince'> {
  return {
    lastSuccessAt: lastSuccessAt && Math.min(lastSuccessAt, now),
    keptSince: keptSince && Math.min(keptSince, now),
  };
}
