import type { ServiceDefinition, UntypedServiceImplementation, status } from '@grpc/grpc-js';
import type { FailedSession } from './client-connections.ts';
import type { GuardedSession, GuardedStream } from './guarded.ts';
import type { StreamLink } from './stream-link.ts';

/** Receives each call before its method. */
export interface CallGuard {
  /** A call has arrived. Without a call of its `serve`, its method is not called. */
  enter(session: GuardedSession, stream: GuardedStream): void;
  /** The connection is closed: its client violated the protocol, or did not take what it was sent. */
  failed(session: GuardedSession, reason: FailedSession): void;
}

/** The end of a call with one response. */
export type DirectReply =
  | { readonly kind: 'response'; readonly bytes: Uint8Array }
  | { readonly kind: 'status'; readonly status: { readonly code: status; readonly message: string } };

/** Answers a unary request, at once or later. */
type DirectHandler = (
  request: Buffer,
  call: Pick<StreamLink, 'address' | 'metadata' | 'socket'>,
) => DirectReply | Promise<DirectReply>;

/** A gRPC server other than that of grpc-js. Its streams implement `StreamLink` themselves, without an adapter. */
export interface DirectServer {
  /** Adds a service as grpc-js does: handlers get the call objects of grpc-js. */
  addService(definition: ServiceDefinition, implementation: UntypedServiceImplementation): void;
  /** Adds a streaming method whose messages stay bytes. Paths have the form `/package.Service/Method`. */
  addStream(path: string, handler: (link: StreamLink) => void): void;
  /** Adds a method with one request and one response, as bytes. The bytes of a response must not change. */
  addUnary(path: string, handler: DirectHandler): void;
  /** Returns whether the method at a path takes several requests; `undefined` if there is no such method. */
  methodAt(path: string): { readonly requestStream: boolean } | undefined;
  /** Installs a guard for all calls. */
  guardWith(guard: CallGuard): void;
  /**
   * Writes the output that streams have queued. Called between the streams of a change, so that the data of each stream
   * is still in the cache of the processor. It must not throw. A server without it writes when the caller's turn has
   * ended.
   */
  flush?(): void;
}
