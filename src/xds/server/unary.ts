import { status } from '@grpc/grpc-js';
import { createFetch } from '../core/fetch.ts';
import type { SotwRequest } from '../core/request.ts';
import type { SessionContext } from '../core/session.ts';
import type { DirectReply } from './direct-server.ts';
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

/** Answers a unary request of a client. The bytes of a response never change. */
export type UnaryAnswer = (request: Uint8Array, address: string) => DirectReply;

/** Creates the answers of a Fetch method. */
export function createUnaryAnswer(parts: UnaryParts): UnaryAnswer {
  const { service, typeUrl, context, identifier, decode, observer, draining } = parts;
  const fetch = createFetch({ typeUrl, context, identifier });
  return (bytes, address) => {
    if (draining()) return failed('UNAVAILABLE', 'the server is shutting down');
    let request: SotwRequest;
    try {
      request = decode(bytes, true);
    } catch (error) {
      const { code, message } = decodingError(error);
      return failed(code, message);
    }
    const outcome = fetch(request);
    observer.fetched({ transport: service.transport, address, outcome: outcome.kind });
    switch (outcome.kind) {
      case 'response':
        return outcome;
      case 'refused':
        return failed(outcome.error.code, outcome.error.message);
      case 'not-ready':
        return failed('UNAVAILABLE', 'not ready: there are no resources of this type yet');
    }
  };
}

function failed(code: keyof typeof status, message: string): DirectReply {
  return { kind: 'status', status: { code: status[code], message } };
}
