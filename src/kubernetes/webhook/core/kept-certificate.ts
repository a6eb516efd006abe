import { X509Certificate, createPrivateKey } from 'node:crypto';
import { asMapping } from '../../client/api-object.ts';

/** A certificate as a Secret keeps it, all PEM. The keys of its authorities are kept nowhere. */
export interface KeptCertificate {
  readonly certificate: string;
  readonly key: string;
  /** What the API server is to trust: that of the certificate, and those of earlier ones that may be served still. */
  readonly authorities: readonly string[];
}

/** What a Secret comes to. */
export type CertificatePlan =
  | { readonly kind: 'use'; readonly kept: KeptCertificate }
  /** Another one is to be made; `authorities` are to be trusted beside it. */
  | { readonly kind: 'issue'; readonly reason: string; readonly authorities: readonly string[] }
  /** It is for something else, and must not be written to. */
  | { readonly kind: 'refused'; readonly reason: string };

/** More are left of a clock gone wrong, or of somebody who writes to the Secret. */
const mostAuthorities = 8;
/** Types of a Secret that may hold a certificate. Data of others, such as service account tokens, has its own rules. */
const types: readonly unknown[] = ['Opaque', 'kubernetes.io/tls'];

/**
 * Decides whether what a Secret holds can be served, at a time (epoch milliseconds), under all of the names. It is
 * replaced when two thirds of its life are over: that leaves a month to notice where it cannot be.
 */
export function planCertificate(object: unknown, names: readonly string[], now: number): CertificatePlan {
  const { type, data: anyData } = asMapping(object) ?? {};
  if (!types.includes(type)) return { kind: 'refused', reason: `its type is not ${types.join(' or ')}` };
  const data = asMapping(anyData);
  const [certificate, key] = [decode(data?.['tls.crt']), decode(data?.['tls.key'])];
  const authorities = currentAuthorities(decode(data?.['ca.crt']), now);
  const reason = objectionTo({ certificate, key, authorities }, names, now);
  return reason === undefined
    ? { kind: 'use', kept: { certificate, key, authorities } }
    : { kind: 'issue', reason, authorities: authorities.slice(0, mostAuthorities - 1) };
}

/** The `data` of a Secret. */
export function secretData({ certificate, key, authorities }: KeptCertificate): object {
  return {
    'tls.crt': encode(certificate),
    'tls.key': encode(key),
    'ca.crt': encode(authorities.join('')),
  };
}

function objectionTo(
  { certificate, key, authorities }: KeptCertificate,
  names: readonly string[],
  now: number,
): string | undefined {
  if (certificate === '' || key === '') return 'there is none yet';
  const own = readCertificate(certificate);
  if (own === undefined) return 'it cannot be read';
  if (!isKeyOf(key, own)) return 'its private key is another, or cannot be read';
  const [from, to] = [own.validFromDate.getTime(), own.validToDate.getTime()];
  if (now >= to) return 'it has expired';
  if (now >= to - (to - from) / 3) return 'it expires soon';
  const other = names.find((name) => !isFor(own, name));
  if (other !== undefined) return `it is not for ${other}`;
  const isIssued = authorities.some((pem) => {
    const authority = readCertificate(pem);
    return authority !== undefined && own.checkIssued(authority) && own.verify(authority.publicKey);
  });
  return isIssued ? undefined : 'none of its authorities has issued it';
}

/** Those that have not expired, each once, as they are written. */
function currentAuthorities(text: string, now: number): readonly string[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  const current = blocks.filter((pem) => Number(readCertificate(pem)?.validToDate.getTime()) > now);
  return [...new Set(current)].map((pem) => `${pem}\n`);
}

function readCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function isFor(certificate: X509Certificate, name: string): boolean {
  // No DNS name has a colon, or ends in digits alone: those are addresses.
  const isAddress = /:|^[\d.]+$/.test(name);
  return (isAddress ? certificate.checkIP(name) : certificate.checkHost(name)) !== undefined;
}

function isKeyOf(key: string, certificate: X509Certificate): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

function decode(value: unknown): string {
  return typeof value === 'string' ? Buffer.from(value, 'base64').toString('latin1') : '';
}

function encode(text: string): string {
  return Buffer.from(text, 'latin1').toString('base64');
}
