import type { status } from '@grpc/grpc-js';
import type { GuardedSession } from './guarded.ts';

/** What a stream is told by the transport under it. */
export interface LinkHandler {
  /** Number of the field to leave out of messages from now on; undefined: none. */
  readonly unwanted: number | undefined;
  /** A message has arrived. Its bytes are valid during the call only. */
  message(bytes: Buffer): void;
  /** Bytes that an unfinished message takes in memory; 0 if there is none. */
  partial(held: number): void;
  /** The next message cannot be read, and nothing after it: the handler ends the stream. */
  unreadable(code: 'RESOURCE_EXHAUSTED' | 'INTERNAL', message: string): void;
  /** The client sends nothing more. */
  halfClosed(): void;
  /** The stream is over, and not by its handler. */
  aborted(): void;
}

/** The certificate of a client, as far as it names the client. */
export interface PeerCertificate {
  readonly subject: unknown;
  readonly subjectaltname?: string | undefined;
}

/** A message to send. It may be sent on many streams without a copy, so it must not change. */
export interface LinkMessage {
  readonly bytes: Uint8Array;
  /** The same with gRPC's header before it. */
  readonly framed: Uint8Array;
}

/** How a stream ends: a status code of gRPC, and a message for people. */
export interface LinkStatus {
  readonly code: status;
  readonly message: string;
}

/** The transport under a stream: the calls of grpc-js, or of another server. */
export interface StreamLink {
  /** `ADDRESS:PORT`, or another name of the client where there is no address. */
  readonly address: string;
  /** Undefined without TLS or without a client certificate. */
  readonly certificate: PeerCertificate | undefined;
  /** The connection; undefined if it cannot be reached. */
  readonly session: GuardedSession | undefined;
  /** True once the connection takes no new streams, for its age or because the server is shut down. */
  readonly isRetiring: boolean;
  /**
   * Whether the client ended a stream that was aborted. False if the connection broke, or this server gave it up:
   * then the client may still run.
   */
  readonly endedByClient: boolean;
  handleWith(handler: LinkHandler): void;
  /** Sends a message. `done` is called once the kernel has taken it, or with an error. */
  send(message: LinkMessage, done: (error?: Error | null) => void): void;
  end(status: LinkStatus): void;
  /**
   * Gives up on a client that takes nothing, so that no status would reach it: resets the stream, and breaks the
   * connection if no other is left on it, whatever is still to be written.
   */
  abandon(status: LinkStatus): void;
}
