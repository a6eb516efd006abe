import type { LoggedChange } from '../fleet/change-log.ts';
import type { ChangeDetail } from './change-api-types.ts';
import { presentTime } from './present-time.ts';

/** Returns a change as it appears in a list. */
export function presentChange({ since, servedAt, converged, ...change }: LoggedChange): ChangeDetail {
  const { mesh, version, first, denyAll, trustDomains } = change;
  return {
    mesh,
    version,
    changedAt: presentTime(since),
    servedAt: presentTime(servedAt),
    first,
    denyAll,
    trustDomains,
    ...(converged && {
      convergedAt: presentTime(converged.at),
      proxies: converged.proxies,
      gaveUp: converged.gaveUp,
    }),
  };
}
