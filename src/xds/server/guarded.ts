import type { status } from '@grpc/grpc-js';

/** A connection of any HTTP/2 implementation, with what its budgets need. */
export interface GuardedSession {
  /** Address of the client without its port; empty for a Unix socket. */
  readonly address: string;
  /** True once the connection is closed. */
  readonly isGone: boolean;
  whenGone(callback: () => void): void;
  /** Asks the client to use a new connection. The open streams of this one continue. */
  retire(): void;
  /** Sends GOAWAY with ENHANCE_YOUR_CALM and closes the connection, with its streams. */
  closeForExcess(): void;
}

/** A stream that may not have reached gRPC yet. */
export interface GuardedStream {
  readonly isGone: boolean;
  /** True if the client is known to have sent END_STREAM. */
  readonly isComplete: boolean;
  /** Bytes of requests in memory that the handler has not read, including an incomplete one. */
  readonly unreadBytes: number;
  /** Bytes of responses in memory that the client has not read. */
  readonly unsentBytes: number;
  readonly hasResponded: boolean;
  whenGone(callback: () => void): void;
  /** Calls back once the client has sent END_STREAM. */
  whenComplete(callback: () => void): void;
  /** Calls back once there are bytes to read. */
  whenReadable(callback: () => void): void;
  /** Hands the stream to a handler that counts its requests itself. */
  release(): void;
  /**
   * Calls back when data arrives or has arrived: with true if the request is incomplete, with false between
   * requests. Call it once, after the stream was served.
   */
  followRequests(callback: (isIncomplete: boolean) => void): void;
  /** Responds with a status only, unless a response was sent. Drops further data of the client. */
  refuse(code: status, message: string): void;
  /** Ends a stream that has its response, if the client does not end it. */
  finish(): void;
  /** Resets the stream with ENHANCE_YOUR_CALM. */
  reset(): void;
}

/** The header fields of a request that select its method. */
export interface GuardedHead {
  readonly path: string;
  readonly contentType: string | undefined;
}
