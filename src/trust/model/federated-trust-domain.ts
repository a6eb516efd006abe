import type { Finding, Place } from '../findings/finding.ts';
import type { BundleDocument } from './bundle-document.ts';
import type { TrustDomain } from './mesh-trust.ts';

/** A ClusterFederatedTrustDomain of SPIRE: where the bundle of another trust domain is published. */
export interface FederatedTrustDomain {
  readonly name: string;
  /** The meshes that trust it. Not empty. */
  readonly meshes: readonly string[];
  readonly trustDomain: TrustDomain;
  /** An `https` URL without user information. */
  readonly url: string;
  readonly profile: EndpointProfile;
  /** The bundle until the first fetch. */
  readonly bootstrap: BundleDocument | undefined;
  readonly className: string | undefined;
  readonly place: Place;
}

/** How the server of a bundle endpoint is authenticated (SPIFFE Federation, section 5.2). */
export type EndpointProfile =
  /** As web sites are. */
  | { readonly kind: 'https_web' }
  /** By its SPIFFE ID, and the bundle of the trust domain of that ID. */
  | { readonly kind: 'https_spiffe'; readonly id: string; readonly trustDomain: TrustDomain };

/** The result of parsing one ClusterFederatedTrustDomain. */
export type ParsedFederatedTrustDomain =
  | { readonly kind: 'federated'; readonly resource: FederatedTrustDomain }
  /** `name` if it is legible. */
  | { readonly kind: 'invalid'; readonly name: string | undefined; readonly findings: readonly Finding[] };
