import { createPublicKey } from 'node:crypto';
import { exceededLimit } from '../../text/json-extent.ts';
import { isMapping, parseJson } from '../../text/json.ts';
import { walkCertificate } from '../x509/certificate-walk.ts';
import { DerError, encoded } from '../x509/der-reader.ts';
import { readCertificate } from '../x509/read-certificate.ts';
import { readPublicKey } from '../x509/signature.ts';
import { duplicateNamesSteps } from './json-shape.ts';

/** The parts of a SPIFFE bundle that matter (The SPIFFE Trust Domain and Bundle, section 4). */
export interface BundleDocument {
  /** The certificates of the keys for X.509-SVIDs, in order. Empty, or with at least one usable CA. */
  readonly certificates: readonly BundleCertificate[];
  /** Keys that are not used, and keys that break a rule for publishers. */
  readonly remarks: readonly KeyRemark[];
  /** The number of keys of another use or type, which clients must ignore. */
  readonly ignoredKeys: number;
  /** Undefined if the document has none. Numbers beyond 2^53 lose their last digits. */
  readonly sequence: number | undefined;
  readonly refreshHintSeconds: number | undefined;
}

/**
 * The certificate of a key. `malformed`: it is not legible. `refused`: it is no CA that Envoy accepts. `damaged`: the
 * key contradicts its certificate, or the certificate is not base64.
 */
export type BundleCertificate =
  | { readonly kind: 'ca' | 'malformed' | 'refused'; readonly der: Uint8Array; readonly key: number }
  | { readonly kind: 'damaged'; readonly key: number };

/** A remark about `keys[key]`. `reason` is a predicate. */
interface KeyRemark {
  readonly key: number;
  readonly reason: string;
}

/** A document, or why it cannot be used. */
export type BundleReading =
  | { readonly kind: 'bundle'; readonly document: BundleDocument }
  | { readonly kind: 'refused'; readonly reason: string };

/** The key types of RFC 7518 and RFC 8037 whose keys can have a certificate. */
const keyTypes: ReadonlySet<unknown> = new Set(['RSA', 'EC', 'OKP']);

/** A bundle has four levels; parameters that are not known may have some more. Its marks are bounded by its size. */
const limits = { depth: 64, marks: Infinity };

/** The number of keys that are read in one step, which takes a few milliseconds. */
const keysPerStep = 25;

/**
 * Reads a SPIFFE bundle, a JWK Set (RFC 7517). Keys that clients must ignore do not affect the rest. A bundle whose
 * keys for X.509-SVIDs are all unusable is refused: its author meant to publish CAs, so it is no empty set, which
 * revokes all.
 */
export function readBundleDocument(text: string): BundleReading {
  const steps = readBundleSteps(text);
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** Reads a SPIFFE bundle in steps, between which other work can be done. */
export function* readBundleSteps(text: string): Generator<undefined, BundleReading> {
  if (exceededLimit(Buffer.from(text), limits) === 'depth')
    return refused(`is nested more than ${limits.depth} levels deep`);
  const value = parseJson(text);
  if (value === undefined) return refused('is not JSON');
  if (!isMapping(value)) return refused('is not a JSON object');
  if (yield* duplicateNamesSteps(text)) return refused('has an object with two members of one name');
  const { keys, spiffe_sequence: sequence, spiffe_refresh_hint: hint } = value;
  if (!Array.isArray(keys)) return refused("has no array 'keys'");
  if (sequence !== undefined && !isCount(sequence))
    return refused('has a spiffe_sequence that is not an integer');
  const certificates: BundleCertificate[] = [];
  const remarks: KeyRemark[] = [];
  let ignoredKeys = 0;
  let sinceStep = 0;
  for (const [key, item] of keys.entries()) {
    if (!isMapping(item) || item['use'] !== 'x509-svid' || !keyTypes.has(item['kty'])) {
      ignoredKeys += 1;
      continue;
    }
    if (sinceStep === keysPerStep) {
      sinceStep = 0;
      yield undefined;
    }
    sinceStep += 1;
    const { certificate, reason } = readKey(item, key);
    if (certificate !== undefined) certificates.push(certificate);
    if (reason !== undefined) remarks.push({ key, reason });
  }
  const isUsable = certificates.some(({ kind }) => kind === 'ca');
  if (!isUsable && certificates.length + remarks.length > 0)
    return refused(`has no usable key for X.509-SVIDs: ${firstReason(certificates, remarks)}`);
  const refreshHintSeconds = isCount(hint) && hint > 0 ? hint : undefined;
  return { kind: 'bundle', document: { certificates, remarks, ignoredKeys, sequence, refreshHintSeconds } };
}

/** Returns why the first of several unusable keys cannot be used. */
function firstReason(
  certificates: readonly BundleCertificate[],
  remarks: readonly KeyRemark[],
): string | undefined {
  const reasons = certificates.flatMap(({ kind, key }) => {
    if (kind === 'malformed') return { key, reason: 'has a certificate that is not legible' };
    return kind === 'refused' ? { key, reason: 'has a certificate that is no usable CA' } : [];
  });
  const [first] = [...reasons, ...remarks].sort((a, b) => a.key - b.key);
  return first && `key ${first.key + 1} ${first.reason}`;
}

/** Returns the certificate with the judgement whether it is a usable CA. */
export function judgeCertificate(der: Uint8Array, key: number): BundleCertificate {
  const reading = readCertificate(der);
  if (reading.kind === 'ca') return { kind: 'ca', der, key };
  return { kind: reading.code === 'MT014' ? 'malformed' : 'refused', der, key };
}

function readKey(
  item: Readonly<Record<string, unknown>>,
  key: number,
): { readonly certificate?: BundleCertificate; readonly reason?: string } {
  const { x5c } = item;
  const list: readonly unknown[] = Array.isArray(x5c) ? x5c : [];
  const [first] = list;
  if (typeof first !== 'string' || first === '') return { reason: 'has no certificate (x5c)' };
  const der = decodeBase64(first);
  if (der === undefined)
    return { certificate: { kind: 'damaged', key }, reason: 'has a certificate that is not base64' };
  if (!isKeyOf(item, der))
    return { certificate: { kind: 'damaged', key }, reason: 'is not the key of its certificate' };
  const certificate = judgeCertificate(der, key);
  return list.length > 1
    ? { certificate, reason: 'has several certificates; the first is used' }
    : { certificate };
}

/** Returns whether a JWK is the public key of a certificate. The certificate's own faults are reported later. */
function isKeyOf(jwk: Readonly<Record<string, unknown>>, der: Uint8Array): boolean {
  try {
    const listed = readPublicKey(encoded(der, walkCertificate(der).publicKey.element));
    if (listed === undefined) return true;
    return createPublicKey({ key: jwk, format: 'jwk' }).equals(listed);
  } catch (error) {
    return error instanceof DerError;
  }
}

/** Decodes base64 (RFC 4648, section 4). Returns `undefined` if encoding the result gives another text. */
function decodeBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0;
}

function refused(reason: string): BundleReading {
  return { kind: 'refused', reason };
}
