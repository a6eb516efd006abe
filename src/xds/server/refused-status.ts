import { status } from '@grpc/grpc-js';
import type { RefusedStream } from './observer.ts';

/** The limits that the messages name. */
interface NamedLimits {
  readonly maxStreams: number;
  readonly limits: { readonly requestTimeoutMs: number; readonly connectionCalls: number };
}

/** Returns the status, and its message, of a stream that is refused. */
export function refusedStatus(
  reason: RefusedStream,
  { maxStreams, limits: { requestTimeoutMs, connectionCalls } }: NamedLimits,
): [status, string] {
  switch (reason) {
    case 'draining':
      return [status.UNAVAILABLE, 'the server is shutting down'];
    case 'too-many':
      return [status.RESOURCE_EXHAUSTED, `more than ${maxStreams} streams`];
    case 'too-many-calls':
      return [status.RESOURCE_EXHAUSTED, `more than ${connectionCalls} calls at once on one connection`];
    case 'unknown-method':
      return [status.UNIMPLEMENTED, 'the server has no such method'];
    case 'no-request':
      return [status.DEADLINE_EXCEEDED, `no complete request within ${requestTimeoutMs / 1000} s`];
  }
}
