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

/**
 * Receives the events of a stream that it follows. One object for all of them: each stream would have four functions.
 */
export interface StreamFollower {
  /** The stream has ended. */
  gone(): void;
  /** There are bytes to read. */
  readable(): void;
  /** The client has sent END_STREAM. */
  complete(): void;
  /** Data of requests has arrived. `isIncomplete`: the last request is incomplete. */
  requestData(isIncomplete: boolean): void;
}

/** A stream that may not have reached gRPC yet. */
export interface GuardedStream {
  /** The path of its method: `/package.Service/Method`. */
  readonly path: string;
  readonly contentType: string | undefined;
  readonly isGone: boolean;
  /** True if the client is known to have sent END_STREAM. */
  readonly isComplete: boolean;
  /** Bytes of requests in memory that the handler has not read, including an incomplete one. */
  readonly unreadBytes: number;
  /** Bytes of responses in memory that the client has not read. */
  readonly unsentBytes: number;
  readonly hasResponded: boolean;
  /** Calls `gone` once the stream has ended. */
  whenGone(follower: Pick<StreamFollower, 'gone'>): void;
  /** Calls `complete` once the client has sent END_STREAM. */
  whenComplete(follower: Pick<StreamFollower, 'complete'>): void;
  /** Calls `readable` once there are bytes to read. */
  whenReadable(follower: Pick<StreamFollower, 'readable'>): void;
  /** Passes the stream to gRPC. */
  serve(): void;
  /** Hands the stream to a handler that counts its requests itself. */
  release(): void;
  /** Calls `requestData` when data arrives or has arrived. Call it once, after the stream was served. */
  followRequests(follower: Pick<StreamFollower, 'requestData'>): void;
  /** Responds with a status only, unless a response was sent. Drops further data of the client. */
  refuse(code: status, message: string): void;
  /** Ends a stream that has its response, if the client does not end it. */
  finish(): void;
  /** Resets the stream with ENHANCE_YOUR_CALM. */
  reset(): void;
}
