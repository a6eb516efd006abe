import type { TrustDomain } from '../model/mesh-trust.ts';
import type { Holdings } from './share.ts';

/**
 * A source that gives up trust domains which are not its own. It never contributes to them, whatever it delivers and
 * when, and nothing of them is held.
 */
export interface YieldRule {
  readonly source: string;
  /** Returns whether it gives up a trust domain of a mesh. `isListed`: another source has it in force. */
  readonly yields: (mesh: string, trustDomain: TrustDomain, isListed: () => boolean) => boolean;
}

export type IsYielded = (mesh: string, trustDomain: TrustDomain) => boolean;

/** Returns the holdings without the trust domains that are given up. */
export function withoutDomains(holdings: Holdings, isYielded: IsYielded | undefined): Holdings {
  if (isYielded === undefined) return holdings;
  const kept = new Map(
    [...holdings].map(([mesh, domains]) => [
      mesh,
      new Map([...domains].filter(([trustDomain]) => !isYielded(mesh, trustDomain))),
    ]),
  );
  for (const [mesh, domains] of kept) if (domains.size === 0) kept.delete(mesh);
  return kept;
}
