import type { webcrypto } from 'node:crypto';
import type { MeshCertificates, TrustDomainCertificates } from '../../api/certificate-api-types.ts';
import { decodePem } from '../../trust/pem/decode-pem.ts';
import { walkCertificate } from '../../trust/x509/certificate-walk.ts';
import { encoded } from '../../trust/x509/der-reader.ts';
import { readPublicKey } from '../../trust/x509/signature.ts';

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
    keys: anchors.flatMap(({ pem }) => keysOf(pem)),
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

/** The certificates of a mesh that no JWK can be made of: RFC 7518 knows no P-224. */
export function withoutJwk({ trustDomains }: MeshCertificates): number {
  return trustDomains.flatMap(({ anchors }) => anchors).filter(({ pem }) => keysOf(pem).length === 0).length;
}

/** The key of a certificate, or none if JWK does not know its curve. */
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
