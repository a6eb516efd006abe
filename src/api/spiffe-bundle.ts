import type { webcrypto } from 'node:crypto';
import type { MeshCertificates, TrustDomainCertificates } from './certificate-api-types.ts';
import { decodePem } from '../trust/pem/decode-pem.ts';
import { walkCertificate } from '../trust/x509/certificate-walk.ts';
import { encoded } from '../trust/x509/der-reader.ts';
import { readPublicKey } from '../trust/x509/signature.ts';

/** The CA certificates of a trust domain as a JWK Set (The SPIFFE Trust Domain and Bundle, section 4). */
export interface SpiffeBundle {
  readonly keys: readonly SpiffeKey[];
  /** Increases with each change (4.1.1); left out if earlier versions are unknown. */
  readonly spiffe_sequence?: number | undefined;
  /** Seconds after which a client should read the bundle again (4.1.2). */
  readonly spiffe_refresh_hint: number;
}

/** The key of one CA certificate: `x5c` has exactly one certificate, and there is no `kid` (X509-SVID, section 6.1). */
interface SpiffeKey extends webcrypto.JsonWebKey {
  readonly use: 'x509-svid';
  readonly x5c: readonly [string];
}

/** Several trust domains (The SPIFFE Trust Domain and Bundle, section 5). */
export interface SpiffeBundleMap {
  readonly trust_domains: Readonly<Record<string, SpiffeBundle>>;
}

/** Fields of a bundle besides its keys. */
export interface SpiffeHints {
  readonly sequence: number | undefined;
  readonly refreshSeconds: number;
}

/** Returns the bundle of one trust domain. The bundle does not contain the name of the trust domain. */
export function spiffeBundle(
  { anchors }: Pick<TrustDomainCertificates, 'anchors'>,
  hints: SpiffeHints,
): SpiffeBundle {
  return {
    keys: anchors.flatMap(({ pem }) => keysOf(pem)),
    spiffe_sequence: hints.sequence,
    spiffe_refresh_hint: hints.refreshSeconds,
  };
}

/** Returns the bundles of all trust domains of a mesh. */
export function spiffeBundleMap({ trustDomains }: MeshCertificates, hints: SpiffeHints): SpiffeBundleMap {
  return {
    trust_domains: Object.fromEntries(
      trustDomains.map((domain) => [domain.name, spiffeBundle(domain, hints)]),
    ),
  };
}

/** Returns the number of CA certificates of a mesh without a JWK: RFC 7518 does not define P-224. */
export function withoutJwk({ trustDomains }: MeshCertificates): number {
  return trustDomains.flatMap(({ anchors }) => anchors).filter(({ pem }) => keysOf(pem).length === 0).length;
}

/** Returns the key of a certificate; empty if JWK does not define its curve. */
function keysOf(pem: string): readonly SpiffeKey[] {
  return decodePem(pem).flatMap((block) => {
    if (block.kind === 'refused') return [];
    const { der } = block;
    const key = readPublicKey(encoded(der, walkCertificate(der).publicKey.element));
    if (key === undefined || key.asymmetricKeyDetails?.namedCurve === 'secp224r1') return [];
    const { kty, ...parameters } = key.export({ format: 'jwk' });
    const x5c = [Buffer.from(der).toString('base64')];
    return [{ use: 'x509-svid', kty, ...parameters, x5c } as unknown as SpiffeKey];
  });
}
