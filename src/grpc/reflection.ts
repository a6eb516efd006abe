import { ReflectionService } from '@grpc/reflection';
import type { Server } from '@grpc/grpc-js';
import type { PackageDefinition } from '@grpc/proto-loader';
import { linkDescriptors } from './link-descriptors.ts';

/**
 * Adds gRPC server reflection (v1 and v1alpha) for the named services, so that clients such as ghz and
 * grpcurl need no proto files.
 */
export function addReflection(
  server: Server,
  definition: PackageDefinition,
  services: readonly string[],
): void {
  const options = { services: [...services] };
  new ReflectionService(linkDescriptors(definition), options).addToServer(server);
}
