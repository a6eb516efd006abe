import { status } from '@grpc/grpc-js';
import type { ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import { createFetch } from '../core/fetch.ts';
import type { SotwRequest } from '../core/request.ts';
import type { SessionContext } from '../core/session.ts';
import { decodingError } from './entry-limits.ts';
import type { FullObserver } from './observer.ts';
import type { DiscoveryService } from './services.ts';

/** The parameters of a unary method. */
export interface UnaryParts {
  readonly service: DiscoveryService;
  readonly typeUrl: string;
  readonly context: SessionContext;
  readonly identifier: string;
  readonly decode: (bytes: Uint8Array, wantsNode: boolean) => SotwRequest;
  readonly observer: FullObserver;
  /** True once the server is shutting down. */
  readonly draining: () => boolean;
}

/** Creates the handler of a Fetch method. */
export function createUnaryHandler(
  parts: UnaryParts,
): (call: ServerUnaryCall<Uint8Array, Uint8Array>, respond: sendUnaryData<Uint8Array>) => void {
  const { service, typeUrl, context, identifier, decode, observer, draining } = parts;
  const fetch = createFetch({ typeUrl, context, identifier });
  return (call, respond) => {
    if (draining()) {
      respond({ code: status.UNAVAILABLE, details: 'the server is shutting down' });
      return;
    }
    let request: SotwRequest;
    try {
      request = decode(call.request, true);
    } catch (error) {
      const { code, message } = decodingError(error);
      respond({ code: status[code], details: message });
      return;
    }
    const outcome = fetch(request);
    observer.fetched({ transport: service.transport, address: call.getPeer(), outcome: outcome.kind });
    switch (outcome.kind) {
      case 'response':
        return respond(null, outcome.bytes);
      case 'refused':
        return respond({ code: status[outcome.error.code], details: outcome.error.message });
      case 'not-ready':
        return respond({
          code: status.UNAVAILABLE,
          details: 'not ready: there are no resources of this type yet',
        });
    }
  };
}
