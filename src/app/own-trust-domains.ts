import type { ServeOptions } from '../runtime/serve-options.ts';
import { isPublished } from '../trust/federation/publication-rule.ts';
import { federationSource } from '../trust/federation/relationship.ts';
import type { IdentityStage } from '../trust/identity/identity-stage.ts';
import type { YieldRule } from '../trust/ledger/yield.ts';

/** The trust domains that this server publishes itself. */
export interface OwnTrustDomains extends YieldRule {
  /** Returns those of MeshIdentities, of which some may not be published, as `mesh/trust domain`. */
  readonly derived: () => ReadonlySet<string>;
  /** Returns whether it publishes all trust domains of a mesh that it has, whichever they are. */
  readonly publishesAll: (mesh: string) => boolean;
}

/**
 * Returns the rule that a peer gives no CA certificate to a trust domain that this server publishes itself. The trust
 * domain of a MeshIdentity counts before its CA certificates are known.
 */
export function ownTrustDomains(
  { bundleEndpoint }: Pick<ServeOptions, 'bundleEndpoint'>,
  identities: Pick<IdentityStage, 'trustDomains'> | undefined,
): OwnTrustDomains | undefined {
  if (bundleEndpoint === undefined) return undefined;
  const derived = (): ReadonlySet<string> => identities?.trustDomains().names ?? new Set();
  return {
    source: federationSource,
    yields: (mesh, trustDomain, isListed) =>
      isPublished(
        bundleEndpoint.rules,
        mesh,
        trustDomain,
        () => isListed() || derived().has(`${mesh}/${trustDomain}`),
      ),
    derived,
    publishesAll: (mesh) =>
      bundleEndpoint.rules.some((rule) => rule.mesh === mesh && rule.trustDomain === '*'),
  };
}
