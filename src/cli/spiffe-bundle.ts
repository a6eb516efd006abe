import { X509Certificate } from 'node:crypto';
import type { webcrypto } from 'node:crypto';
import type { MeshCertificates, TrustDomainCertificates } from '../admin/certificate-api-types.ts';

/** A trust domain's authorities as a JWK Set (The SPIFFE Trust Domain and Bundle, section 4). */
export interface SpiffeBundle {
  readonly keys: readonly SpiffeKey[];
  /** Grows with each change (4.1.1); it is left out where nobody knows what was before. */
  readonly spiffe_sequence?: number | undefined;
  /** Seconds after which to look again (4.1.2). */
  readonly spiffe_refresh_hint: number;
}

/** One authority: exactly one certificate, and no `kid` (X509-SVID, section 6.1). */
interface SpiffeKey extends webcrypto.JsonWebKey {
  readonly use: 'x509-svid';
  readonly x5c: readonly [string];
}

/** Several trust domains (The SPIFFE Trust Domain and Bundle, section 5). */
export interface SpiffeBundleMap {
  readonly trust_domains: Readonly<Record<string, SpiffeBundle>>;
}

/** What a bundle says beside its keys. */
export interface SpiffeHints {
  readonly sequence: number | undefined;
  readonly refreshSeconds: number;
}

/** The bundle of one trust domain. It does not name it: whoever keeps it has to. */
export function spiffeBundle(
  { anchors }: Pick<TrustDomainCertificates, 'anchors'>,
  hints: SpiffeHints,
): SpiffeBundle {
  return {
    keys: anchors.map(({ pem }) => keyOf(new X509Certificate(pem))),
    spiffe_sequence: hints.sequence,
    spiffe_refresh_hint: hints.refreshSeconds,
  };
}

/** The bundles of all trust domains of a mesh. */
export function spiffeBundleMap({ trustDomains }: MeshCertificates, hints: SpiffeHints): SpiffeBundleMap {
  return {
    trust_domains: Object.fromEntries(
      trustDomains.map((domain) => [domain.name, spiffeBundle(domain, hints)]),
    ),
  };
}

function keyOf(certificate: X509Certificate): SpiffeKey {
  const { kty, ...parameters } = certificate.publicKey.export({ format: 'jwk' });
  return { use: 'x509-svid', kty, ...parameters, x5c: [certificate.raw.toString('base64')] } as SpiffeKey;
}
