import { ReflectionService } from '@grpc/reflection';
import type {
  Server,
  ServerDuplexStream,
  ServiceDefinition,
  UntypedHandleCall,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { PackageDefinition } from '@grpc/proto-loader';
import { linkDescriptors } from './link-descriptors.ts';

/**
 * Adds gRPC server reflection (v1 and v1alpha) for the named services, so that clients such as ghz and
 * grpcurl need no proto files.
 */
export function addReflection(
  server: Pick<Server, 'addService'>,
  definition: PackageDefinition,
  services: readonly string[],
): void {
  const options = { services: [...services] };
  const reflection = new ReflectionService(linkDescriptors(definition), options);
  // The reflection service gets a server that slows down the service's methods.
  reflection.addToServer({
    addService: (service: ServiceDefinition, implementation: UntypedServiceImplementation) =>
      server.addService(
        service,
        Object.fromEntries(
          Object.entries(implementation).map(([name, handler]) => [
            name,
            oneAtATime(handler as StreamHandler),
          ]),
        ),
      ),
  });
}

type StreamHandler = (call: ServerDuplexStream<unknown, unknown>) => void;

/**
 * Reads the next request of a call after the client has read the response to the last one. The service itself writes
 * all its responses at once, so a client that reads none of them would fill the memory.
 */
function oneAtATime(handler: StreamHandler): UntypedHandleCall {
  return ((call: ServerDuplexStream<unknown, unknown>) => {
    const write = call.write.bind(call);
    call.write = (response: unknown): boolean => {
      call.pause();
      return write(response, () => call.resume());
    };
    handler(call);
  }) as UntypedHandleCall;
}
