import type {
  handleUnaryCall,
  Server,
  ServiceDefinition,
  UntypedHandleCall,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { http2StreamOf, socketOf } from './grpc-internals.ts';
import type { BytesCall } from './grpc-internals.ts';
import { LinkPeer } from './peer-certificate.ts';
import type { DirectReply, DirectServer } from './direct-server.ts';
import type { UnaryAnswer } from './unary.ts';
import { GrpcJsLink } from './grpc-js-link.ts';
import { guardGrpc, handlerTypeOf } from './guard-grpc.ts';
import type { DiscoveryService } from './services.ts';
import type { StreamGuard } from './stream-guard.ts';
import type { StreamLink } from './stream-link.ts';

/** The handlers of a discovery service. */
interface ServiceHandlers {
  readonly sotw: (link: StreamLink) => void;
  readonly delta: (link: StreamLink) => void;
  /** `undefined` if the service has no such method. */
  readonly fetch: UnaryAnswer | undefined;
}

/** The operations that the discovery services need of a gRPC server. */
export interface ServicePort {
  addService(service: DiscoveryService, handlers: ServiceHandlers): void;
  /** Returns whether a call of the method has exactly one request; `undefined` if there is no such method. */
  hasOneRequest(path: string): boolean | undefined;
  /** Installs a guard for all calls. Returns false if that is not possible. */
  guardWith(guard: StreamGuard): boolean;
  /** Writes the output that streams have queued, if the server does not write at once. Never throws. */
  flush(): void;
}

/** Returns the port of a server. With `fastPath`, bytes bypass grpc-js where possible. */
export function portOf(server: Server | DirectServer, fastPath: boolean): ServicePort {
  return 'addStream' in server ? directPort(server) : grpcJsPort(server, fastPath);
}

function grpcJsPort(server: Server, fastPath: boolean): ServicePort {
  const stream = (handler: (link: StreamLink) => void): UntypedHandleCall =>
    ((call: BytesCall) => handler(new GrpcJsLink(call, fastPath))) as UntypedHandleCall;
  return {
    addService(service, { sotw, delta, fetch }) {
      const implementation: UntypedServiceImplementation = {
        [service.sotw]: stream(sotw),
        [service.delta]: stream(delta),
      };
      if (service.fetch !== undefined && fetch !== undefined) implementation[service.fetch] = unary(fetch);
      server.addService(serviceDefinition(service), implementation);
    },
    hasOneRequest(path) {
      const type = handlerTypeOf(server, path);
      return type === undefined ? undefined : type === 'unary' || type === 'serverStream';
    },
    guardWith: (guard) => guardGrpc(server, guard),
    flush: () => undefined,
  };
}

/** Returns the handler of grpc-js for a unary method. */
function unary(answer: UnaryAnswer): UntypedHandleCall {
  const handle: handleUnaryCall<Uint8Array, Uint8Array> = (call, respond) => {
    const { metadata } = call;
    const socket = socketOf(http2StreamOf(call)?.session);
    const reply = answer(call.request, new LinkPeer({ address: call.getPeer(), socket, metadata }));
    const send = (settled: DirectReply): void =>
      settled.kind === 'response'
        ? respond(null, settled.bytes)
        : respond({ code: settled.status.code, details: settled.status.message });
    if (reply instanceof Promise) void reply.then(send);
    else send(reply);
  };
  return handle as UntypedHandleCall;
}

function directPort(server: DirectServer): ServicePort {
  return {
    addService(service, { sotw, delta, fetch }) {
      server.addStream(`/${service.name}/${service.sotw}`, sotw);
      server.addStream(`/${service.name}/${service.delta}`, delta);
      if (service.fetch === undefined || fetch === undefined) return;
      server.addUnary(`/${service.name}/${service.fetch}`, (request, call) =>
        fetch(request, new LinkPeer(call)),
      );
    },
    hasOneRequest(path) {
      const method = server.methodAt(path);
      return method && !method.requestStream;
    },
    guardWith(guard) {
      server.guardWith(guard);
      return true;
    },
    flush() {
      try {
        server.flush?.();
      } catch (error) {
        // The next streams of the change must get it.
        process.emitWarning(`the server cannot write: ${String(error)}`);
      }
    },
  };
}

/**
 * Returns the grpc-js definition of a service. Requests and responses stay bytes, because this library decodes
 * and encodes them.
 */
export function serviceDefinition(service: DiscoveryService): ServiceDefinition {
  const { sotw, delta, fetch } = service;
  return {
    [sotw]: method(service, sotw, true),
    [delta]: method(service, delta, true),
    ...(fetch === undefined ? {} : { [fetch]: method(service, fetch, false) }),
  };
}

function method(service: DiscoveryService, name: string, streams: boolean): ServiceDefinition[string] {
  return {
    path: `/${service.name}/${name}`,
    requestStream: streams,
    responseStream: streams,
    requestSerialize: asBuffer,
    requestDeserialize: asBuffer,
    responseSerialize: asBuffer,
    responseDeserialize: asBuffer,
  };
}

/** Converts without a copy: grpc-js needs a Buffer, other code has a Uint8Array. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
