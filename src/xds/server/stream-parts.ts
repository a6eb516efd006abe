import type { XdsPeer } from '../core/peer.ts';
import type { XdsRequest } from '../core/request.ts';
import type { Session } from '../core/session.ts';
import type { SessionListener } from '../core/session-event.ts';
import type { ClientConnections } from './client-connections.ts';
import type { Hub } from './hub.ts';
import type { FullObserver, StreamInfo } from './observer.ts';
import type { ReadTurns } from './read-turns.ts';
import type { AccessSettings } from './stream-access.ts';

/** The parameters that the streams of one method share. */
export interface StreamParts<Request extends XdsRequest> {
  readonly createSession: (listener: SessionListener, origin: string, peer: XdsPeer) => Session<Request>;
  /** Decides about each client. `undefined`: every client may subscribe. */
  readonly access: AccessSettings | undefined;
  /** Throws on bytes that are not a request. Without `wantsNode`, the node may be omitted. */
  readonly decode: (bytes: Uint8Array, wantsNode: boolean) => Request;
  /** Field number of the node in the requests. */
  readonly nodeField: number;
  readonly observer: FullObserver;
  readonly hub: Hub;
  readonly clock: () => number;
  /** Time after which a stream is ended if the client does not read a response, in ms. */
  readonly slowTimeoutMs: number;
  /** Time in which a client must complete a request that it has begun, in ms. */
  readonly requestTimeoutMs: number;
  readonly connections: ClientConnections;
  readonly turns: ReadTurns;
  readonly info: Pick<StreamInfo, 'transport' | 'protocol'>;
}
