import { status } from '@grpc/grpc-js';
import type {
  Server,
  ServerUnaryCall,
  ServerWritableStream,
  ServiceDefinition,
  UntypedHandleCall,
  sendUnaryData,
} from '@grpc/grpc-js';
import type { PackageDefinition } from '@grpc/proto-loader';

/** The name of the health service, and of its definition in `proto/`. */
export const healthServiceName = 'grpc.health.v1.Health';

/** The health service of a server: one status for all of its services. */
export interface HealthService {
  setServing(serving: boolean): void;
  /** Reports NOT_SERVING from now on, whatever `setServing` gets. */
  drain(): void;
  /** Ends all watches, which never end by themselves. */
  close(): void;
}

interface Request {
  readonly service: string;
}

interface Response {
  readonly status: 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN';
}

type Watch = ServerWritableStream<Request, Response>;

/**
 * Adds `grpc.health.v1.Health` to a server. It reports NOT_SERVING until `setServing(true)`. `services` are the known
 * names, beside the empty name of the server as a whole.
 * https://github.com/grpc/grpc/blob/master/doc/health-checking.md
 */
export function addHealthService(
  server: Pick<Server, 'addService'>,
  definition: PackageDefinition,
  services: readonly string[],
): HealthService {
  const known = new Set(['', ...services]);
  const watches = new Set<Watch>();
  /** Watches of services that do not exist. */
  const unknown = new Set<Watch>();
  let serving = false;
  let draining = false;

  const current = (): Response => ({ status: serving && !draining ? 'SERVING' : 'NOT_SERVING' });
  const tellAll = (): void => {
    for (const watch of watches) watch.write(current());
  };

  const check = (call: ServerUnaryCall<Request, Response>, respond: sendUnaryData<Response>): void => {
    if (known.has(call.request.service)) respond(null, current());
    else respond({ code: status.NOT_FOUND, details: 'unknown service' });
  };

  const watch = (call: Watch): void => {
    // A watch of an unknown service stays open: the service may be added later. Here none ever is.
    if (!known.has(call.request.service)) {
      call.write({ status: 'SERVICE_UNKNOWN' });
      unknown.add(call);
    } else {
      watches.add(call);
      call.write(current());
    }
    call.on('cancelled', () => forget(call));
    call.on('close', () => forget(call));
    call.on('error', () => forget(call));
  };
  const forget = (call: Watch): void => {
    watches.delete(call);
    unknown.delete(call);
  };

  server.addService(serviceOf(definition), {
    Check: check as UntypedHandleCall,
    Watch: watch as UntypedHandleCall,
  });

  return {
    setServing(next) {
      if (next === serving) return;
      serving = next;
      if (!draining) tellAll();
    },
    drain() {
      if (draining) return;
      draining = true;
      if (serving) tellAll();
    },
    close() {
      for (const call of [...watches, ...unknown]) {
        forget(call);
        call.emit('error', { code: status.UNAVAILABLE, details: 'the server is shutting down' });
      }
    },
  };
}

function serviceOf(definition: PackageDefinition): ServiceDefinition {
  const service = definition[healthServiceName];
  if (service === undefined || 'format' in service) throw new Error(`no service ${healthServiceName}`);
  return service;
}
