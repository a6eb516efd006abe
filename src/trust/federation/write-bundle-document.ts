import type { KeyObject } from 'node:crypto';
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
interface SpiffeKey extends KeyParameters {
  readonly use: 'x509-svid';
  readonly x5c: readonly [string];
}

/** The parameters of a public key (RFC 7518, section 6; RFC 8037, section 2). */
interface KeyParameters {
  readonly kty: string | undefined;
  readonly crv?: string | undefined;
  readonly n?: string | undefined;
  readonly e?: string | undefined;
  readonly x?: string | undefined;
  readonly y?: string | undefined;
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
 * Returns the bundle of the given CA certificates (DER), in their order. SPIRE and go-spiffe refuse a whole document
 * for one key that they cannot read, so certificates without a JWK are left out. The bundle does not name its trust
 * domain.
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

/** The curves P-256, P-384 and P-521 of RFC 7518, by OpenSSL's names. P-224 and secp256k1 are not among them. */
const curves = new Set(['prime256v1', 'secp384r1', 'secp521r1']);

/**
 * Returns the key of a certificate (DER); `undefined` if RFC 7518 and RFC 8037 do not define its kind, as for P-224.
 * The members have a fixed order, because replicas with different versions of Node.js must publish the same bytes.
 */
export function spiffeKeyOf(der: Uint8Array): SpiffeKey | undefined {
  const key = readPublicKey(encoded(der, walkCertificate(der).publicKey.element));
  const parameters = key && parametersOf(key);
  if (parameters === undefined) return undefined;
  return { use: 'x509-svid', ...parameters, x5c: [Buffer.from(der).toString('base64')] };
}

function parametersOf(key: KeyObject): KeyParameters | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  // Node.js throws for keys that JWK does not define.
  if (type === 'rsa') {
    const { kty, n, e } = key.export({ format: 'jwk' });
    return { kty, n, e };
  }
  if (type === 'ec' && curves.has(details?.namedCurve ?? '')) {
    const { kty, crv, x, y } = key.export({ format: 'jwk' });
    return { kty, crv, x, y };
  }
  if (type === 'ed25519') {
    const { kty, crv, x } = key.export({ format: 'jwk' });
    return { kty, crv, x };
  }
  return undefined;
}
