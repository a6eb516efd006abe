import { plainText } from '../../text/plain-text.ts';
import type { BundleReply, BundleRequest } from './answer-request.ts';

/** A request with its response, as the server observed them. */
export interface Fetch {
  readonly request: BundleRequest;
  readonly reply: BundleReply;
  readonly address: string;
  readonly userAgent: string;
  /** True if the whole response was passed to the operating system. The client may not have received it. */
  readonly isComplete: boolean;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** What a fetch shows about a client, for one bundle. */
export interface ConsumerFetch {
  readonly mesh: string;
  readonly trustDomain: string;
  readonly address: string;
  readonly userAgent: string;
  /** Epoch milliseconds. */
  readonly at: number;
  /** The entity tag of the published bundle. */
  readonly etag: string;
  /**
   * What the request says about the bundle that the client has: the published one, another one, or nothing. A request
   * without an entity tag says nothing.
   */
  readonly claim: 'published' | 'other' | 'nothing';
  /** What the client was sent: the whole bundle, a part of it, or no part of it. */
  readonly sent: 'whole' | 'part' | 'none';
}

const longestUserAgent = 200;

/** Returns what a fetch shows about its client, for each bundle of the response. */
export function consumersOf({
  request,
  reply,
  address,
  userAgent,
  isComplete,
  at,
}: Fetch): readonly ConsumerFetch[] {
  const { ifNoneMatch, method } = request;
  const hasTag = ifNoneMatch !== undefined && ifNoneMatch !== '*';
  const isMatch = reply.status === 304;
  return reply.bundles.map(({ mesh, trustDomain, etag }) => ({
    mesh,
    trustDomain,
    address: address.replace(/^::ffff:(?=\d+\.)/, ''),
    userAgent: plainText(userAgent, longestUserAgent),
    at,
    etag,
    claim: !hasTag ? 'nothing' : isMatch ? 'published' : 'other',
    sent: isMatch || method === 'HEAD' ? 'none' : isComplete ? 'whole' : 'part',
  }));
}
