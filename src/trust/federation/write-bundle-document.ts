import type { webcrypto } from 'node:crypto';
import { walkCertificate } from '../x509/certificate-walk.ts';
import { encoded } from '../x509/der-reader.ts';
import { readPublicKey } from '../x509/signature.ts';

/** The CA certificates of a trust domain as a JWK Set (The SPIFFE Trust Domain and Bundle, section 4). */
export interface SpiffeBundle {
  readonly keys: readonly SpiffeKey[];
  /** Increases with each change (4.1.1); left out if earlier versions are unknown. */
  readonly spiffe_sequence?: number | undefined;
  /** Seconds after which a client should read the bundle again (4.1.2); left out in a bundle map (5). */
  readonly spiffe_refresh_hint?: number | undefined;
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
  readonly refreshSeconds: number | undefined;
}

/**
 * Returns the bundle of the given CA certificates (DER), in their order. SPIRE and go-spiffe refuse a whole document for
 * one key that they cannot read, so certificates without a JWK are left out. The bundle does not name its trust domain.
 */
export function writeBundleDocument(
  certificates: readonly Uint8Array[],
  { sequence, refreshSeconds }: SpiffeHints,
): SpiffeBundle {
  return {
    keys: certificates.flatMap((der) => spiffeKeyOf(der) ?? []),
    spiffe_sequence: sequence,
    spiffe_refresh_hint: refreshSeconds,
  };
}

/** Returns the key of a certificate (DER); `undefined` if RFC 7518 does not define its curve, as for P-224. */
export function spiffeKeyOf(der: Uint8Array): SpiffeKey | undefined {
  const key = readPublicKey(encoded(der, walkCertificate(der).publicKey.element));
  if (key === undefined || key.asymmetricKeyDetails?.namedCurve === 'secp224r1') return undefined;
  const { kty, ...parameters } = key.export({ format: 'jwk' });
  const x5c = [Buffer.from(der).toString('base64')];
  return { use: 'x509-svid', kty, ...parameters, x5c } as unknown as SpiffeKey;
}
