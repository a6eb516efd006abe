import { plainText } from '../../text/plain-text.ts';
import type { BundleReply, BundleRequest } from './answer-request.ts';
import type { Consumer } from './consumers.ts';

/** A request with its response, as the server observed them. */
export interface Fetch {
  readonly request: BundleRequest;
  readonly reply: BundleReply;
  readonly address: string;
  readonly userAgent: string;
  /** True if the whole response was passed to the operating system. */
  readonly isComplete: boolean;
  /** Epoch milliseconds. */
  readonly at: number;
}

const longestUserAgent = 200;

/** Returns what a fetch shows about its client: for each bundle of the response, whether the client holds it now. */
export function consumersOf({
  request,
  reply,
  address,
  userAgent,
  isComplete,
  at,
}: Fetch): readonly Consumer[] {
  // A response to HEAD has no bundle, but a matching If-None-Match names the one that the client holds.
  const isHeld =
    isComplete && (reply.status === 304 ? request.ifNoneMatch !== '*' : request.method === 'GET');
  return reply.bundles.map(({ mesh, trustDomain, etag }) => ({
    mesh,
    trustDomain,
    address: address.replace(/^::ffff:(?=\d+\.)/, ''),
    userAgent: plainText(userAgent, longestUserAgent),
    lastFetchAt: at,
    etag: isHeld ? etag : undefined,
  }));
}
