import type { ServiceDefinition } from '@grpc/grpc-js';
import type { DiscoveryService } from './services.ts';

/** A service for grpc-js whose requests and responses stay bytes: they are decoded and encoded here. */
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

/** Without a copy: grpc-js wants a Buffer, and other code a Uint8Array. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
