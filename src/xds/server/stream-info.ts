import type { XdsPeer } from '../core/peer.ts';
import type { Peer } from '../core/request.ts';
import type { Refused } from './authorize.ts';
import { NoteStore } from './note-store.ts';
import type { Denied, StreamEnd, StreamInfo } from './observer.ts';
import { originOf } from './peer-certificate.ts';

/** The information about a stream, which its owner completes at the first request. */
// The notes of observers are part of the object, in private fields: no copy of the information contains them.
export class StreamDetails extends NoteStore implements StreamInfo {
  readonly id: number;
  readonly transport: StreamInfo['transport'];
  readonly protocol: StreamInfo['protocol'];
  readonly address: string;
  origin: string;
  nodeId = '';
  group: string | undefined = undefined;
  userAgent = '';
  identity: string | undefined = undefined;

  constructor(
    id: number,
    client: XdsPeer,
    { transport, protocol }: Pick<StreamInfo, 'transport' | 'protocol'>,
  ) {
    super();
    this.id = id;
    this.transport = transport;
    this.protocol = protocol;
    this.address = client.address;
    this.origin = originOf(client);
  }
}

/** An end that this server causes. `by` is `client` if the client has closed its side before. */
export type EndedByServer = Omit<StreamEnd, 'by'> & Partial<Pick<StreamEnd, 'by'>>;

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
