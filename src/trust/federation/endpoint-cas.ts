import type { BundleDocument } from '../model/bundle-document.ts';
import type { TrustDomain } from '../model/mesh-trust.ts';
import type { Relationship } from './relationship.ts';
import type { FetchFailure } from './relationship-status.ts';
import { readDetails } from '../verify/extension-details.ts';
import { walkCertificate } from '../x509/certificate-walk.ts';
import { DerError } from '../x509/der-reader.ts';

export interface EndpointCasInput {
  readonly relationship: Relationship;
  /** The last fetched bundle; `undefined` before the first. */
  readonly fetched: BundleDocument | undefined;
  /** The last undamaged bundle, while the fetched one has damaged keys. */
  readonly retained: BundleDocument | undefined;
  /** Whether `trustDomainBundle` was changed after the last successful fetch. */
  readonly isBootstrapNew: boolean;
  /** Returns the CA certificates that a mesh trusts for a trust domain. */
  readonly trusted: (mesh: string, trustDomain: TrustDomain) => readonly Uint8Array[];
  readonly isDistrusted: (der: Uint8Array) => boolean;
}

/** CA certificates that authenticate an endpoint. */
interface EndpointCas {
  /** DER. */
  readonly cas: readonly Uint8Array[];
  /** True if only a person who changed `trustDomainBundle` after the last success vouches for them. */
  readonly isNewBootstrap: boolean;
}

/**
 * Returns the CA certificates that authenticate the endpoint of a relationship with the profile `https_spiffe`, in sets
 * of which each is tried after the one before (SPIFFE Federation, section 5.2.2.4). An empty result means that the
 * endpoint cannot be authenticated.
 *
 * An endpoint in the trust domain of its own bundle is authenticated by the last fetched bundle, and before the first
 * fetch by `trustDomainBundle`. While the fetched bundle has damaged keys, the CAs that these may have been stay in
 * force (MT041), so they authenticate the endpoint too. A confirmed empty bundle leaves none, `trustDomainBundle`
 * included: the peer revoked its CAs. A person who changes `trustDomainBundle` after the last success says that the
 * peer replaced its CAs, so it is tried as well. For an endpoint in another trust domain, these are the CAs of the
 * wrong trust domain: only what the mesh trusts for the endpoint's counts.
 */
export function endpointCas(input: EndpointCasInput): readonly EndpointCas[] {
  const { relationship, fetched, retained, isBootstrapNew, trusted, isDistrusted } = input;
  const { mesh, trustDomain, profile, bootstrap } = relationship;
  if (profile.kind === 'https_web') return [];
  const sets: EndpointCas[] = [];
  const add = (cas: readonly Uint8Array[], isNewBootstrap = false): void => {
    const left = cas.filter((der) => !isDistrusted(der));
    if (left.length > 0) sets.push({ cas: left, isNewBootstrap });
  };
  const isSelfServing = profile.trustDomain === trustDomain;
  if (isSelfServing && fetched !== undefined)
    add([...certificatesOf(fetched), ...(retained === undefined ? [] : certificatesOf(retained))]);
  if (isSelfServing && bootstrap !== undefined && (fetched === undefined || isBootstrapNew))
    add(certificatesOf(bootstrap), fetched !== undefined);
  if (!isSelfServing || (fetched === undefined && bootstrap === undefined))
    add(trusted(mesh, profile.trustDomain));
  return sets;
}

function certificatesOf({ certificates }: BundleDocument): readonly Uint8Array[] {
  return certificates.flatMap((certificate) => (certificate.kind === 'ca' ? certificate.der : []));
}

/** Returns the failure of an endpoint that cannot be authenticated, because no CA certificate is left for it. */
export function unauthenticated(
  { profile, trustDomain, bootstrap }: Relationship,
  fetched: BundleDocument | undefined,
): FetchFailure {
  const domain = profile.kind === 'https_spiffe' ? profile.trustDomain : trustDomain;
  const fail = (message: string): FetchFailure => ({ reason: 'identity', message });
  const unknown = `no CA certificate of trust domain ${domain} is known`;
  if (domain !== trustDomain) return fail(`${unknown}: list it in a MeshTrust, or federate with it`);
  if (fetched?.certificates.length === 0)
    return fail(
      `the last bundle of trust domain ${domain} withdrew all of its CA certificates: set spec.trustDomainBundle to a new bundle`,
    );
  if (fetched === undefined && bootstrap === undefined) return fail(`${unknown}: set spec.trustDomainBundle`);
  return fail(
    `all known CA certificates of trust domain ${domain} are distrusted: set spec.trustDomainBundle to a new bundle`,
  );
}

/**
 * Returns why the certificate of a server is not the X.509-SVID of the expected SPIFFE ID (X509-SVID, section 5.2), or
 * `undefined`. Its chain is checked elsewhere.
 */
export function endpointProblem(der: Uint8Array, expectedId: string): string | undefined {
  try {
    const { extensions, extensionsField } = walkCertificate(der);
    const { keyUsage, names } = readDetails(der, extensionsField);
    if (extensions.basicConstraints?.ca === true) return 'its certificate is a CA';
    if (keyUsage?.keyCertSign === true || keyUsage?.crlSign === true)
      return 'its certificate may sign certificates or CRLs';
    const uris = (names ?? []).flatMap((name) => (name.kind === 'uri' ? name.text : []));
    if (uris.length !== 1) return `its certificate has ${uris.length === 0 ? 'no' : 'several'} SPIFFE IDs`;
    return uris[0] === expectedId ? undefined : 'its certificate has another SPIFFE ID';
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return 'its certificate cannot be read';
  }
}
