import { judgeCertificate } from '../model/bundle-document.ts';
import type { BundleCertificate, BundleDocument } from '../model/bundle-document.ts';
import type { TrustDomain } from '../model/mesh-trust.ts';
import { parseTrustDomain } from '../model/trust-domain.ts';

/** The state of a relationship that a restart needs. It contains certificates, and no other content of a bundle. */
export interface StoredBundle {
  readonly mesh: string;
  readonly trustDomain: TrustDomain;
  /** The URL from which `document` was fetched. */
  readonly url: string;
  /** The ClusterFederatedTrustDomain with that URL, by `resourceOf`. Files of earlier versions have none. */
  readonly resource?: string | undefined;
  readonly etag: string | undefined;
  /** When the last fetch succeeded, in epoch milliseconds. */
  readonly fetchedAt: number;
  /** The digest of `trustDomainBundle` at that time. */
  readonly bootstrapDigest: string | undefined;
  readonly document: BundleDocument;
  /** The last undamaged bundle in force, while `document` has damaged keys. */
  readonly retained?: BundleDocument | undefined;
  /** True if the bundle was withdrawn because the last success was too long ago: a restart does not bring it back. */
  readonly isTooOld?: boolean | undefined;
}

interface StoredBody extends Omit<StoredBundle, 'document' | 'retained' | 'trustDomain'> {
  readonly format: typeof format;
  readonly trustDomain: string;
  readonly sequence: number | undefined;
  readonly refreshHintSeconds: number | undefined;
  /** Base64; `null` for a certificate that was not legible. */
  readonly certificates: readonly (string | null)[];
  /** The certificates of the retained bundle. */
  readonly retained?: readonly (string | null)[] | undefined;
}

const format = 1;

/** Encodes a bundle as one line of JSON. */
export function encodeStoredBundle({ document, retained, ...rest }: StoredBundle): string {
  const { sequence, refreshHintSeconds } = document;
  const body: StoredBody = {
    format,
    ...rest,
    sequence,
    refreshHintSeconds,
    certificates: encodeCertificates(document),
    retained: retained && encodeCertificates(retained),
  };
  return JSON.stringify(body);
}

function encodeCertificates({ certificates }: BundleDocument): StoredBody['certificates'] {
  return certificates.map((certificate) =>
    certificate.kind === 'damaged' ? null : Buffer.from(certificate.der).toString('base64'),
  );
}

function decodeCertificates(certificates: StoredBody['certificates']): readonly BundleCertificate[] {
  return certificates.map((base64, key) =>
    base64 === null ? { kind: 'damaged', key } : judgeCertificate(Buffer.from(base64, 'base64'), key),
  );
}

/**
 * Decodes the text that `encodeStoredBundle` wrote.
 * @throws {Error} if it is of another format.
 */
export function decodeStoredBundle(text: string): StoredBundle {
  const body = JSON.parse(text) as StoredBody;
  if (body.format !== format) throw new Error(`format ${String(body.format)} is not known`);
  const parsed = parseTrustDomain(body.trustDomain);
  if (parsed.kind === 'invalid') throw new Error(`the trust domain ${parsed.reason}`);
  const { mesh, url, resource, etag, fetchedAt, bootstrapDigest, sequence, refreshHintSeconds, isTooOld } =
    body;
  const shared = { remarks: [], ignoredKeys: 0, sequence, refreshHintSeconds };
  const document = { ...shared, certificates: decodeCertificates(body.certificates) };
  const dates = { fetchedAt, ...(isTooOld !== undefined && { isTooOld }) };
  const source = { mesh, trustDomain: parsed.name, url, ...(resource !== undefined && { resource }) };
  const bundle = { ...source, etag, ...dates, bootstrapDigest, document };
  if (body.retained === undefined) return bundle;
  return { ...bundle, retained: { ...shared, certificates: decodeCertificates(body.retained) } };
}
