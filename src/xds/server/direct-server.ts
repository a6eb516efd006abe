import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { GuardedHead, GuardedSession, GuardedStream } from './guarded.ts';
import type { StreamLink } from './stream-link.ts';

/** Stands before the calls of a server: `serve` hands the call to its method. */
export interface CallGuard {
  enter(session: GuardedSession, stream: GuardedStream, head: GuardedHead, serve: () => void): void;
  /** The client of a connection broke the protocol, and the connection is closed. */
  failed(session: GuardedSession): void;
}

/** A gRPC server other than that of grpc-js. Its streams are links themselves, so that nothing is between. */
export interface DirectServer {
  /** As of grpc-js: handlers get the call objects of grpc-js. */
  addService(definition: ServiceDefinition, implementation: UntypedServiceImplementation): void;
  /** Adds a streaming method whose messages stay bytes. */
  addStream(path: string, handler: (link: StreamLink) => void): void;
  /** Returns whether the method at a path takes many requests; undefined if there is no such method. */
  methodAt(path: string): { readonly requestStream: boolean } | undefined;
  /** Puts a guard before all calls. */
  guardWith(guard: CallGuard): void;
}
