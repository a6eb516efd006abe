import type { BundleDocument } from '../model/bundle-document.ts';
import type { EndpointProfile } from '../model/federated-trust-domain.ts';
import type { TrustDomain } from '../model/mesh-trust.ts';
import type { Place } from '../findings/finding.ts';

/** One mesh that trusts another trust domain, whose bundle comes from an endpoint. */
export interface Relationship {
  /** `mesh/trust domain`, unique. */
  readonly key: string;
  readonly mesh: string;
  readonly trustDomain: TrustDomain;
  /** The name of the ClusterFederatedTrustDomain. */
  readonly name: string;
  readonly url: string;
  readonly profile: EndpointProfile;
  readonly bootstrap: BundleDocument | undefined;
  readonly place: Place;
}

/** The name of the source whose texts are fetched bundles. */
export const federationSource = 'federation';

/** Returns the key of a relationship. Neither name has a slash. */
export function relationshipKey(mesh: string, trustDomain: TrustDomain): string {
  return `${mesh}/${trustDomain}`;
}

/** Returns the path that stands for the bundle of a relationship in events and findings. */
export function federationPath(key: string): string {
  return `${federationSource}:${key}`;
}
