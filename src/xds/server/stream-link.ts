import type { Socket } from 'node:net';
import type { status } from '@grpc/grpc-js';
import type { PeerMetadata } from '../core/peer.ts';
import type { GuardedSession } from './guarded.ts';

/** Receives the events of the transport of a stream. */
export interface LinkHandler {
  /** Number of the field to omit from messages from now on; `undefined` for none. */
  readonly unwanted: number | undefined;
  /** A message has arrived. Its bytes are valid only during the call. */
  message(bytes: Buffer): void;
  /** The memory of an incomplete message has changed, in bytes; 0 if no message is incomplete. */
  partial(held: number): void;
  /** The next message cannot be read, nor anything after it. The handler must end the stream. */
  unreadable(code: 'RESOURCE_EXHAUSTED' | 'INTERNAL', message: string): void;
  /** The client has ended its side of the stream. */
  halfClosed(): void;
  /** The stream has ended, not by its handler. */
  aborted(): void;
}

/** A message to send. Many streams may share it without a copy, so it must not change. */
export interface LinkMessage {
  readonly bytes: Uint8Array;
  /** The message after its gRPC header. */
  readonly framed: Uint8Array;
}

/** Receives a notification when a message was sent. */
export interface SendListener {
  /** The kernel has accepted the message, or it cannot be sent because of an error. */
  sent(error?: Error | null): void;
}

/** The end of a stream: a gRPC status code, and a message for people. */
export interface LinkStatus {
  readonly code: status;
  readonly message: string;
}

/** The transport of a stream: a call of grpc-js, or of another server. */
export interface StreamLink {
  /** `ADDRESS:PORT`, or another name of the client if it has no address. */
  readonly address: string;
  /** The socket of the connection, which has the client certificate; `undefined` if it cannot be accessed. */
  readonly socket: Socket | undefined;
  /** The metadata among the headers of the request. */
  readonly metadata: PeerMetadata;
  /** The connection; `undefined` if it cannot be accessed. */
  readonly session: GuardedSession | undefined;
  /** True once the connection accepts no new streams, because of its age or a shutdown of the server. */
  readonly isRetiring: boolean;
  /**
   * True if the client ended an aborted stream. False if the connection broke, or this server closed it: then the
   * client may still run.
   */
  readonly endedByClient: boolean;
  /** Bytes that wait unread because reading is paused. */
  readonly waitingRequestBytes: number;
  /**
   * Calls back once all that the connection has read is processed, and before it is answered. Returns false if nothing
   * is being read. `undefined`: the transport does not know when a read ends.
   */
  afterRead?(callback: () => void): boolean;
  handleWith(handler: LinkHandler): void;
  /** Makes the client stop once its window is used up. Some messages may still arrive. */
  pauseReading(): void;
  resumeReading(): void;
  /** Sends a message. Notifies `listener` when the kernel has accepted it, or of an error. */
  send(message: LinkMessage, listener: SendListener): void;
  end(status: LinkStatus): void;
  /**
   * Gives up on a client that reads nothing, which no status would reach. Resets the stream and, if it is the
   * last one, closes the connection without writing the pending data.
   */
  abandon(status: LinkStatus): void;
}
