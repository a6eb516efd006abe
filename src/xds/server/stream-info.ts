import type { XdsPeer } from '../core/peer.ts';
import type { Peer } from '../core/request.ts';
import type { Refused } from './authorize.ts';
import type { Denied, StreamEnd, StreamInfo } from './observer.ts';
import { originOf } from './peer-certificate.ts';

/** The information about a stream, which its owner completes at the first request. */
export type StreamDetails = { -readonly [Key in keyof StreamInfo]: StreamInfo[Key] };

/** An end that this server causes. `by` is `client` if the client has closed its side before. */
export type EndedByServer = Omit<StreamEnd, 'by'> & Partial<Pick<StreamEnd, 'by'>>;

/** Returns the information about a new stream. */
export function createStreamDetails(
  id: number,
  client: XdsPeer,
  { transport, protocol }: Pick<StreamInfo, 'transport' | 'protocol'>,
): StreamDetails {
  return {
    id,
    transport,
    protocol,
    address: client.address,
    origin: originOf(client),
    nodeId: '',
    userAgent: '',
    group: undefined,
    identity: undefined,
  };
}

/** Adds what the first request says of the client. */
export function addNode(details: StreamDetails, peer: Peer | undefined): void {
  details.nodeId = peer?.nodeId ?? '';
  details.userAgent = peer?.userAgent ?? '';
  details.group = peer?.group;
}

/** Returns what observers learn of a refused client. */
export function deniedOf(
  { transport, address }: Pick<StreamInfo, 'transport' | 'address'>,
  nodeId: string,
  { code, reason, message, group, identity }: Refused,
  isJudgedAgain: boolean,
): Denied {
  return { transport, address, nodeId, code, reason, message, group, identity, isJudgedAgain };
}

/** The end of a stream whose client has ended its side. */
export const endedByClient: StreamEnd = { code: 'OK', message: '', by: 'client' };

/** Returns the end of a stream that the server did not end. */
export function abortedEnd(endedByClient: boolean): StreamEnd {
  const by = endedByClient ? 'client' : 'silence';
  const message = endedByClient
    ? 'the client closed the stream or its connection'
    : 'the connection broke, or the client stopped responding';
  return { code: 'CANCELLED', message, by };
}
