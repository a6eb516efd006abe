import type { BundleDocument } from '../model/bundle-document.ts';
import type { TrustDomain } from '../model/mesh-trust.ts';
import { parseTrustDomain } from '../model/trust-domain.ts';

/** The state of a relationship that a restart needs. It contains certificates, and no other content of a bundle. */
export interface StoredBundle {
  readonly mesh: string;
  readonly trustDomain: TrustDomain;
  /** The URL from which `document` was fetched. */
  readonly url: string;
  readonly etag: string | undefined;
  /** When the last fetch succeeded, in epoch milliseconds. */
  readonly fetchedAt: number;
  /** The digest of `trustDomainBundle` at that time. */
  readonly bootstrapDigest: string | undefined;
  readonly document: BundleDocument;
}

interface StoredBody extends Omit<StoredBundle, 'document' | 'trustDomain'> {
  readonly format: typeof format;
  readonly trustDomain: string;
  readonly sequence: number | undefined;
  readonly refreshHintSeconds: number | undefined;
  /** Base64; `null` for a certificate that was not legible. */
  readonly certificates: readonly (string | null)[];
}

const format = 1;

/** Encodes a bundle as one line of JSON. */
export function encodeStoredBundle({ document, ...rest }: StoredBundle): string {
  const { sequence, refreshHintSeconds } = document;
  const certificates = document.certificates.map((certificate) =>
    certificate.kind === 'der' ? Buffer.from(certificate.der).toString('base64') : null,
  );
  const body: StoredBody = { format, ...rest, sequence, refreshHintSeconds, certificates };
  return JSON.stringify(body);
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
  const { mesh, url, etag, fetchedAt, bootstrapDigest, sequence, refreshHintSeconds } = body;
  const certificates = body.certificates.map((base64, key) =>
    base64 === null
      ? ({ kind: 'damaged', key } as const)
      : ({ kind: 'der', der: Buffer.from(base64, 'base64'), key } as const),
  );
  const document = { certificates, remarks: [], ignoredKeys: 0, sequence, refreshHintSeconds };
  return { mesh, trustDomain: parsed.name, url, etag, fetchedAt, bootstrapDigest, document };
}
