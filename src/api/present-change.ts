import type { LoggedChange } from '../fleet/change-log.ts';
import type { ChangeDetail } from './change-api-types.ts';

/** Returns a change as it appears in a list. */
export function presentChange({ since, servedAt, converged, ...change }: LoggedChange): ChangeDetail {
  const { mesh, version, first, denyAll, trustDomains } = change;
  return {
    mesh,
    version,
    changedAt: timeOf(since),
    servedAt: timeOf(servedAt),
    first,
    denyAll,
    trustDomains,
    ...(converged && {
      convergedAt: timeOf(converged.at),
      proxies: converged.proxies,
      gaveUp: converged.gaveUp,
    }),
  };
}

function timeOf(time: number): string {
  return new Date(time).toISOString();
}
