import type { BundleDocument } from '../model/bundle-document.ts';
import type { TrustDomain } from '../model/mesh-trust.ts';
import type { Relationship } from './relationship.ts';
import type { FetchFailure } from './relationship-status.ts';

export interface EndpointCasInput {
  readonly relationship: Relationship;
  /** The last fetched bundle; `undefined` before the first. */
  readonly fetched: BundleDocument | undefined;
  /** Whether `trustDomainBundle` was changed after the last successful fetch. */
  readonly isBootstrapNew: boolean;
  /** Returns the CA certificates that a mesh trusts for a trust domain. */
  readonly trusted: (mesh: string, trustDomain: TrustDomain) => readonly Uint8Array[];
  readonly isDistrusted: (der: Uint8Array) => boolean;
}

/**
 * Returns the CA certificates that authenticate the endpoint of a relationship with the profile `https_spiffe`, in sets
 * of which each is tried after the one before (SPIFFE Federation, section 5.2.2.4). An empty result means that the
 * endpoint cannot be authenticated.
 *
 * An endpoint in the trust domain of its own bundle is authenticated by the last fetched bundle, and before the first
 * fetch by `trustDomainBundle`. A person who changes `trustDomainBundle` after the last success says that the peer
 * replaced its CAs, so it is tried as well. For an endpoint in another trust domain, these are the CAs of the wrong trust
 * domain: only what the mesh trusts for the endpoint's counts.
 */
export function endpointCas(input: EndpointCasInput): readonly (readonly Uint8Array[])[] {
  const { relationship, fetched, isBootstrapNew, trusted, isDistrusted } = input;
  const { mesh, trustDomain, profile, bootstrap } = relationship;
  if (profile.kind === 'https_web') return [];
  const sets: (readonly Uint8Array[])[] = [];
  const isSelfServing = profile.trustDomain === trustDomain;
  if (isSelfServing && fetched !== undefined) sets.push(certificatesOf(fetched));
  if (isSelfServing && bootstrap !== undefined && (fetched === undefined || isBootstrapNew))
    sets.push(certificatesOf(bootstrap));
  if (!isSelfServing || (fetched === undefined && bootstrap === undefined))
    sets.push(trusted(mesh, profile.trustDomain));
  return sets.map((set) => set.filter((der) => !isDistrusted(der))).filter((set) => set.length > 0);
}

function certificatesOf({ certificates }: BundleDocument): readonly Uint8Array[] {
  return certificates.flatMap((certificate) => (certificate.kind === 'der' ? certificate.der : []));
}

/** Returns the failure of an endpoint that cannot be authenticated, because no CA certificate is known. */
export function unauthenticated({ profile, trustDomain }: Relationship): FetchFailure {
  const domain = profile.kind === 'https_spiffe' ? profile.trustDomain : trustDomain;
  const remedy =
    domain === trustDomain ? 'set spec.trustDomainBundle' : 'list it in a MeshTrust, or federate with it';
  return { reason: 'identity', message: `no CA certificate of trust domain ${domain} is known: ${remedy}` };
}
