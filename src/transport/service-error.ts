import { fieldsOf } from './metadata.ts';
import { grpcStatus } from './status.ts';
import type { GrpcStatus } from './status.ts';

/** A status as handlers pass it: an error with a code. */
interface ServiceError {
  readonly code?: unknown;
  readonly details?: unknown;
  readonly message?: unknown;
  readonly metadata?: unknown;
}

/**
 * Returns the status of a call whose handler failed with any value, `null` included. `trailer` replaces the metadata of
 * an error.
 */
export function statusOf(error: unknown, trailer: unknown): GrpcStatus {
  try {
    const { code, details, message, metadata } = Object(error ?? {}) as ServiceError;
    const text = typeof details === 'string' ? details : typeof message === 'string' ? message : '';
    const isKnown = typeof code === 'number' && Number.isInteger(code) && code >= 0 && code <= 16;
    const trailers = fieldsOf(trailer ?? metadata);
    return { code: isKnown ? code : grpcStatus.UNKNOWN, message: text, trailers };
  } catch {
    // A getter of the value threw.
    return { code: grpcStatus.UNKNOWN, message: '' };
  }
}
