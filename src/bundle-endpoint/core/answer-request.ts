import type { PublishedBundle, PublishedMap } from './published-bundles.ts';

/** A request to the bundle endpoint. */
export interface BundleRequest {
  readonly method: string;
  /** The path, with the query if there is one. */
  readonly target: string;
  readonly ifNoneMatch: string | undefined;
}

/** The current publication of the endpoint. */
export interface Publication {
  /** False before the first complete read, and while the server shuts down. */
  readonly isOpen: boolean;
  readonly defaultMesh: string;
  readonly get: (mesh: string, trustDomain: string) => PublishedBundle | undefined;
  readonly mapOf: (mesh: string) => PublishedMap | undefined;
  /** Returns whether a trust domain, or any one of the mesh, cannot be published before an import was read. */
  readonly awaitsImport: (mesh: string, trustDomain?: string) => boolean;
  /** Returns whether a trust domain of the mesh that was published before may still be there. */
  readonly awaitsRead: (mesh: string) => boolean;
}

/** A response before it is written. */
export interface BundleReply {
  readonly status: 200 | 304 | 404 | 405 | 429 | 503;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** The bundles that the client has after the response; empty for an error. */
  readonly bundles: readonly PublishedBundle[];
}

/**
 * Answers a request. Paths: `/bundles/{mesh}/{trust domain}`, `/{trust domain}` of the default mesh, and
 * `/bundles/{mesh}` for a bundle map.
 */
export function answerRequest(request: BundleRequest, publication: Publication): BundleReply {
  const segments = segmentsOf(request.target);
  if (segments === undefined) return notFound;
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return errorReply(405, 'the bundle endpoint only answers GET and HEAD', { Allow: 'GET, HEAD' });
  if (!publication.isOpen) return unavailable('no bundle can be published now', 1);
  const [first = '', second = '', third] = segments;
  const bundle = (mesh: string, trustDomain: string): BundleReply => {
    const found = publication.get(mesh, trustDomain);
    if (found !== undefined) return contentReply(request, { ...found, bundles: [found] });
    return publication.awaitsImport(mesh, trustDomain) ? awaitsImport : notFound;
  };
  if (segments.length === 1) return bundle(publication.defaultMesh, first);
  if (first !== 'bundles') return notFound;
  if (third !== undefined) return bundle(second, third);
  // A map without one of its trust domains would tell consumers that it is gone.
  if (publication.awaitsImport(second)) return awaitsImport;
  if (publication.awaitsRead(second)) return awaitsRead;
  const map = publication.mapOf(second);
  return map === undefined ? notFound : contentReply(request, map);
}

/** The response to a client beyond the rate. */
export function tooManyRequests(waitMs: number): BundleReply {
  const seconds = String(Math.max(1, Math.ceil(waitMs / 1000)));
  return errorReply(429, 'the bundle endpoint has too many requests', { 'Retry-After': seconds });
}

/** Returns the decoded segments of a path with one, two or three of them; `undefined` for any other. */
function segmentsOf(target: string): readonly string[] | undefined {
  const [path = ''] = target.split('?', 1);
  const [root, ...segments] = path.split('/');
  if (root !== '' || segments.length > 3 || segments.includes('')) return undefined;
  try {
    return segments.map(decodeURIComponent);
  } catch {
    return undefined;
  }
}

function contentReply(
  { ifNoneMatch }: BundleRequest,
  content: Pick<BundleReply, 'body' | 'bundles'> & { readonly etag: string },
): BundleReply {
  const { etag, body, bundles } = content;
  const caching = { ETag: etag, 'Cache-Control': 'no-cache' };
  // SPIRE takes a 304 for an error, and never sends If-None-Match.
  if (matches(ifNoneMatch, etag)) return { status: 304, headers: caching, body: noBytes, bundles };
  return { status: 200, headers: { 'Content-Type': 'application/json', ...caching }, body, bundles };
}

const noBytes = new Uint8Array();

/** RFC 9110, section 13.1.2, by weak comparison. */
function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch.split(',').some((tag) => ['*', etag].includes(tag.trim().replace(/^W\//, '')));
}

/** The body is text: go-spiffe ignores the status, and would read a JSON object with `keys` as a bundle. */
function errorReply(
  status: BundleReply['status'],
  message: string,
  headers: Readonly<Record<string, string>> = {},
): BundleReply {
  return {
    status,
    headers: { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store', ...headers },
    body: Buffer.from(`${message}\n`),
    bundles: [],
  };
}

function unavailable(message: string, retryAfterSeconds: number): BundleReply {
  return errorReply(503, message, { 'Retry-After': String(retryAfterSeconds) });
}

/** An import is tried again every 10 seconds. */
const awaitsImport = unavailable('the bundle is not known before the Global control plane was read', 10);
/** Files are read again every few seconds. */
const awaitsRead = unavailable('a trust domain that was published before cannot be read yet', 10);
const notFound = errorReply(404, 'no bundle is published at this path');
