import { status } from '@grpc/grpc-js';
import { createFetch } from '../core/fetch.ts';
import type { XdsPeer } from '../core/peer.ts';
import { anonymousNode } from '../core/request.ts';
import type { SotwRequest } from '../core/request.ts';
import type { SessionContext } from '../core/session.ts';
import { decide } from './authorize.ts';
import type { Authorize, Outcome } from './authorize.ts';
import type { DirectReply } from './direct-server.ts';
import { decodingError } from './entry-limits.ts';
import type { FullObserver, ObservedFetch } from './observer.ts';
import type { DiscoveryService } from './services.ts';
import { deniedOf } from './stream-info.ts';
import { timerMs } from '../timers/timers.ts';

/** The parameters of a unary method. */
export interface UnaryParts {
  readonly service: DiscoveryService;
  readonly typeUrl: string;
  readonly context: SessionContext;
  readonly identifier: string;
  readonly decode: (bytes: Uint8Array, wantsNode: boolean) => SotwRequest;
  readonly observer: FullObserver;
  /** Decides about each client. `undefined`: every client may send requests. */
  readonly authorize: Authorize | undefined;
  /** Time for a decision of `authorize`, in ms. */
  readonly requestTimeoutMs: number;
  /** True once the server is shutting down. */
  readonly draining: () => boolean;
}

/** Answers a unary request of a client, at once if it can. The bytes of a response never change. */
export type UnaryAnswer = (request: Uint8Array, peer: XdsPeer) => DirectReply | Promise<DirectReply>;

/** Creates the answers of a Fetch method. */
export function createUnaryAnswer(parts: UnaryParts): UnaryAnswer {
  const { service, typeUrl, context, identifier, decode, observer, authorize, requestTimeoutMs, draining } =
    parts;
  const { transport } = service;
  const fetch = createFetch({ typeUrl, context, identifier });

  /** Never throws: after a late decision, no caller would catch the error, and the process would end. */
  function answer(request: SotwRequest, peer: XdsPeer, group?: string): DirectReply {
    let outcome: ReturnType<typeof fetch>;
    try {
      outcome = fetch(request, { peer, group });
    } catch (error) {
      process.emitWarning(`a unary request failed: ${String(error)}`);
      return failed('INTERNAL', 'internal error');
    }
    observed(peer, outcome.kind);
    switch (outcome.kind) {
      case 'response':
        return outcome;
      case 'refused':
        return failed(outcome.error.code, outcome.error.message);
      case 'not-ready':
        return failed('UNAVAILABLE', 'not ready: there are no resources of this type yet');
    }
  }

  function observed({ address }: XdsPeer, outcome: ObservedFetch['outcome']): void {
    observer.fetched({ transport, address, outcome });
  }

  function decided(request: SotwRequest, peer: XdsPeer, outcome: Outcome): DirectReply {
    switch (outcome.kind) {
      case 'allowed':
        return answer(request, peer, outcome.group);
      case 'failed':
        process.emitWarning(`authorize threw an error: ${String(outcome.error)}`);
        return failed('INTERNAL', 'internal error');
      case 'refused': {
        const { code, message } = outcome;
        const { id } = request.node ?? anonymousNode;
        observer.denied(deniedOf({ transport, address: peer.address }, id, outcome, false));
        observed(peer, 'denied');
        return failed(code, message);
      }
    }
  }

  return (bytes, peer) => {
    if (draining()) return failed('UNAVAILABLE', 'the server is shutting down');
    let request: SotwRequest;
    try {
      request = decode(bytes, true);
    } catch (error) {
      const { code, message } = decodingError(error);
      return failed(code, message);
    }
    if (authorize === undefined) return answer(request, peer);
    const { promise, resolve } = Promise.withResolvers<DirectReply>();
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      resolve(failed('UNAVAILABLE', 'no decision about the client in time'));
    }, timerMs(requestTimeoutMs)).unref();
    decide(authorize, peer, request.node ?? anonymousNode, (outcome) => {
      clearTimeout(timer);
      if (!isLate) resolve(decided(request, peer, outcome));
    });
    return promise;
  };
}

function failed(code: keyof typeof status, message: string): DirectReply {
  return { kind: 'status', status: { code: status[code], message } };
}
