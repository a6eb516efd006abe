import type { ServiceDefinition } from '@grpc/grpc-js';
import type { DiscoveryService } from './services.ts';

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
