import { spiffeKeyOf, writeBundleDocument } from '../trust/federation/write-bundle-document.ts';
import type {
  SpiffeBundle,
  SpiffeBundleMap,
  SpiffeHints,
} from '../trust/federation/write-bundle-document.ts';
import { decodePem } from '../trust/pem/decode-pem.ts';
import type { MeshCertificates, TrustDomainCertificates } from './certificate-api-types.ts';

/** Returns the SPIFFE bundle of one trust domain. */
export function spiffeBundle(
  domain: Pick<TrustDomainCertificates, 'anchors'>,
  hints: SpiffeHints,
): SpiffeBundle {
  return writeBundleDocument(certificatesOf(domain), hints);
}

/** Returns the SPIFFE bundles of all trust domains of a mesh. */
export function spiffeBundleMap({ trustDomains }: MeshCertificates, hints: SpiffeHints): SpiffeBundleMap {
  return {
    trust_domains: Object.fromEntries(
      trustDomains.map((domain) => [domain.name, spiffeBundle(domain, hints)]),
    ),
  };
}

/** Returns the number of CA certificates of a mesh without a JWK: RFC 7518 does not define P-224. */
export function withoutJwk({ trustDomains }: MeshCertificates): number {
  return trustDomains.flatMap(certificatesOf).filter((der) => spiffeKeyOf(der) === undefined).length;
}

function certificatesOf({ anchors }: Pick<TrustDomainCertificates, 'anchors'>): readonly Uint8Array[] {
  return anchors.flatMap(({ pem }) =>
    decodePem(pem).flatMap((block) => (block.kind === 'refused' ? [] : [block.der])),
  );
}
