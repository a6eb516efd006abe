import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { Deadlines } from './deadlines.ts';
import type { GrpcCall } from './grpc-call.ts';
import { isGrpc } from './metadata.ts';
import { serveCall } from './service-call.ts';
import type { AnyImplementation, AnyMethod } from './service-call.ts';
import { grpcStatus } from './status.ts';
import { parseTimeout } from './timeout.ts';
import { UnaryCall } from './unary-call.ts';
import type { UnaryHandler } from './unary-call.ts';

type Method =
  | {
      readonly kind: 'service';
      readonly definition: AnyMethod;
      readonly implementation: AnyImplementation;
    }
  | { readonly kind: 'stream'; readonly handler: (call: GrpcCall) => void }
  | { readonly kind: 'unary'; readonly handler: UnaryHandler };

const encodings = [['grpc-accept-encoding', 'identity']] as const;

/** The methods of a server, by their paths. Serves calls, and ends them at their deadlines. */
export class MethodTable {
  readonly #methods = new Map<string, Method>();
  readonly #deadlines = new Deadlines();

  /** Adds the methods of a service. @throws {Error} if one has no handler, or was added before. */
  addService(service: ServiceDefinition, implementation: UntypedServiceImplementation): void {
    for (const [name, definition] of Object.entries(service)) {
      const handler: unknown = implementation[name] ?? implementation[definition.originalName ?? ''];
      if (typeof handler !== 'function') throw new Error(`no handler for ${definition.path}`);
      const bound = (call: unknown, respond?: unknown): unknown =>
        Reflect.apply(handler, implementation, [call, respond]);
      this.add(definition.path, { kind: 'service', definition, implementation: bound });
    }
  }

  /** Adds a method. @throws {Error} if the path has one already. */
  add(path: string, method: Method): void {
    if (this.#methods.has(path)) throw new Error(`${path} already has a handler`);
    this.#methods.set(path, method);
  }

  /** Returns whether the method at a path takes a stream of requests; `undefined` if there is no such method. */
  describe(path: string): { readonly requestStream: boolean } | undefined {
    const method = this.#methods.get(path);
    if (method?.kind !== 'service') return method && { requestStream: method.kind === 'stream' };
    return { requestStream: method.definition.requestStream };
  }

  /** Passes a call to its method. Ends a call that has none. */
  serve(call: GrpcCall): void {
    if (call.isOver) return;
    const { head } = call;
    const method = this.#methods.get(head.path);
    if (!isGrpc(head) || method === undefined) return call.refuse(grpcStatus.UNIMPLEMENTED, 'unknown method');
    const encoding = head.get('grpc-encoding');
    if (encoding !== undefined && encoding !== 'identity') {
      const message = 'the server does not accept compressed messages';
      return call.end({ code: grpcStatus.UNIMPLEMENTED, message, trailers: encodings });
    }
    const timeoutMs = this.#limitTime(call);
    if (call.isOver) return;
    if (method.kind === 'stream') return startStream(method.handler, call);
    call.limitTimes();
    if (method.kind === 'unary') return call.handleWith(new UnaryCall(call, method.handler));
    const deadline = Number.isFinite(timeoutMs) ? new Date(Date.now() + timeoutMs) : timeoutMs;
    serveCall(call, method.definition, method.implementation, deadline);
  }

  /** Ends the call at its deadline. Returns the time until then in ms: infinity if the call has none. */
  #limitTime(call: GrpcCall): number {
    const text = call.head.get('grpc-timeout');
    if (text === undefined) return Number.POSITIVE_INFINITY;
    const ms = parseTimeout(text);
    if (ms === undefined) {
      call.end({ code: grpcStatus.INTERNAL, message: 'grpc-timeout is malformed' });
      return 0;
    }
    this.#deadlines.add(call, ms);
    return ms;
  }
}

/** Calls the handler of a streaming method. An error that it throws ends the call. */
function startStream(handler: (call: GrpcCall) => void, call: GrpcCall): void {
  try {
    handler(call);
  } catch (error) {
    call.fail(error);
  }
}
