import { X509Certificate, createPrivateKey } from 'node:crypto';
import { asMapping } from '../../../text/json.ts';

/** A certificate in a Secret, all in PEM. The private keys of its CAs are not stored anywhere. */
export interface KeptCertificate {
  readonly certificate: string;
  readonly key: string;
  /** The CA certificates that the API server must trust: the current one, and earlier ones that may be in use. */
  readonly authorities: readonly string[];
}

/** The decision about the certificate in a Secret. */
export type CertificatePlan =
  | { readonly kind: 'use'; readonly kept: KeptCertificate }
  /** A new certificate must be issued. The API server must trust `authorities`, too. */
  | { readonly kind: 'issue'; readonly reason: string; readonly authorities: readonly string[] }
  /** The Secret has another purpose. It must not be written. */
  | { readonly kind: 'refused'; readonly reason: string };

/** More CA certificates can only come from a wrong clock, or from another client that writes to the Secret. */
const maxAuthorities = 8;
/** Types of Secrets that may contain a certificate. Others, such as service account tokens, have their own rules. */
const types: readonly unknown[] = ['Opaque', 'kubernetes.io/tls'];

/**
 * Decides whether the certificate in a Secret can be served at a time, in epoch milliseconds, for all of the names. It
 * is replaced after two thirds of its lifetime, which leaves a month to notice that it cannot be replaced.
 */
export function planCertificate(object: unknown, names: readonly string[], now: number): CertificatePlan {
  const { type, data: anyData } = asMapping(object) ?? {};
  if (!types.includes(type)) return { kind: 'refused', reason: `its type is not ${types.join(' or ')}` };
  const data = asMapping(anyData);
  const [certificate, key] = [decode(data?.['tls.crt']), decode(data?.['tls.key'])];
  const authorities = currentAuthorities(decode(data?.['ca.crt']), now);
  const moment = { now, written: lastWritten(object) };
  const reason = reissueReason({ certificate, key, authorities }, names, moment);
  return reason === undefined
    ? { kind: 'use', kept: { certificate, key, authorities } }
    : { kind: 'issue', reason, authorities: authorities.slice(0, maxAuthorities - 1) };
}

/** Renders the field `data` of the Secret. */
export function secretData({ certificate, key, authorities }: KeptCertificate): object {
  return {
    'tls.crt': encode(certificate),
    'tls.key': encode(key),
    'ca.crt': encode(authorities.join('')),
  };
}

/** The time by the clock of this machine, and the last write by that of the API server. In epoch milliseconds. */
interface Moment {
  readonly now: number;
  readonly written: number;
}

/** Returns the reason why a certificate must be replaced, if any. */
function reissueReason(
  { certificate, key, authorities }: KeptCertificate,
  names: readonly string[],
  { now, written }: Moment,
): string | undefined {
  if (certificate === '' || key === '') return 'the Secret has no certificate and key yet';
  const own = readCertificate(certificate);
  if (own === undefined) return 'the certificate cannot be parsed';
  if (!isKeyOf(key, own)) return 'the private key does not match, or cannot be parsed';
  const [from, to] = [own.validFromDate.getTime(), own.validToDate.getTime()];
  // A replica whose clock is ahead issued it. This clock is not behind: by the clock of the API server, too, the
  // certificate was not valid yet when it was stored.
  if (from > Math.max(now, written)) return 'the certificate is not valid yet';
  if (now >= to) return 'the certificate has expired';
  if (now >= to - (to - from) / 3) return 'the certificate expires soon';
  const other = names.find((name) => !isFor(own, name));
  if (other !== undefined) return `the certificate is not valid for ${other}`;
  const isIssued = authorities.some((pem) => {
    const authority = readCertificate(pem);
    return authority !== undefined && own.checkIssued(authority) && own.verify(authority.publicKey);
  });
  return isIssued ? undefined : 'no CA in the Secret has issued the certificate';
}

/** Returns the time of the last write of an object, which the API server sets; 0 if it is unknown. */
function lastWritten(object: unknown): number {
  const metadata = asMapping(asMapping(object)?.['metadata']);
  const writes = metadata?.['managedFields'];
  const times = [
    metadata?.['creationTimestamp'],
    ...(Array.isArray(writes) ? writes.map((write) => asMapping(write)?.['time']) : []),
  ].map((time) => (typeof time === 'string' ? Date.parse(time) : NaN));
  return Math.max(0, ...times.filter((time) => !Number.isNaN(time)));
}

/** Returns the CA certificates that have not expired, without duplicates. */
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
  // A name with a colon, or with digits and dots only, is an IP address. DNS names never have this form.
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
