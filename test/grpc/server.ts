import { Client, Server, ServerCredentials, credentials as channel } from '@grpc/grpc-js';
import type { ChannelCredentials, ServerCredentials as Credentials, ServiceError } from '@grpc/grpc-js';
import type { MessageTypeDefinition, PackageDefinition } from '@grpc/proto-loader';
import { addHealthService, healthServiceName } from '../../src/grpc/health.ts';
import type { HealthService } from '../../src/grpc/health.ts';
import { listenGrpc } from '../../src/grpc/listen.ts';
import { xdsServerOptions } from '../../src/xds/index.ts';
import { loadProtos } from '../../src/xds/server/package-definition.ts';
import type { TransportOptions } from '../../src/xds/index.ts';

export const definition: PackageDefinition = loadProtos();

/** A server with only the health service, on a free port. */
export interface TestServer extends Disposable {
  readonly server: Server;
  readonly address: string;
  readonly health: HealthService;
}

export async function startServer(
  options: TransportOptions & { readonly credentials?: Credentials; readonly listen?: string } = {},
): Promise<TestServer> {
  const server = new Server(xdsServerOptions(options));
  const health = addHealthService(server, definition, ['known.Service']);
  const credentials = options.credentials ?? ServerCredentials.createInsecure();
  const listener = await listenGrpc(server, options.listen ?? '127.0.0.1:0', credentials);
  return {
    server,
    address: listener.address,
    health,
    [Symbol.dispose]: () => {
      listener.stop();
      server.forceShutdown();
    },
  };
}

/** A client of the health service. */
export interface HealthClient extends Disposable {
  /** The status, or the code of the error. */
  check(service?: string): Promise<string | number>;
  watch(service?: string): Watch;
  readonly client: Client;
}

export interface Watch extends Disposable {
  /** The next status; the code once the stream has ended. */
  next(): Promise<string | number>;
}

let connections = 0;

/** Connects a client on a separate connection. */
export function createHealthClient(
  address: string,
  credentials: ChannelCredentials = channel.createInsecure(),
  options: Readonly<Record<string, string | number>> = {},
): HealthClient {
  connections += 1;
  const client = new Client(address, credentials, {
    'grpc.use_local_subchannel_pool': 1,
    'test.connection': connections,
    ...options,
  });
  const request = definition['grpc.health.v1.HealthCheckRequest'] as unknown as MessageTypeDefinition<
    object,
    object
  >;
  const response = definition['grpc.health.v1.HealthCheckResponse'] as unknown as MessageTypeDefinition<
    object,
    object
  >;
  const serialize = (value: object): Buffer => request.serialize(value);
  const deserialize = (bytes: Buffer): string =>
    (response.deserialize(bytes) as { readonly status: string }).status;
  return {
    client,
    check: (service = '') =>
      new Promise((resolve) => {
        const done = (error: ServiceError | null, status?: string): void =>
          resolve(error?.code ?? status ?? '');
        client.makeUnaryRequest(`/${healthServiceName}/Check`, serialize, deserialize, { service }, done);
      }),
    watch(service = '') {
      const call = client.makeServerStreamRequest(`/${healthServiceName}/Watch`, serialize, deserialize, {
        service,
      });
      const pending: (string | number)[] = [];
      const waiting: ((status: string | number) => void)[] = [];
      const tell = (status: string | number): void => {
        const taker = waiting.shift();
        if (taker === undefined) pending.push(status);
        else taker(status);
      };
      call.on('data', tell);
      call.on('error', () => undefined);
      call.on('status', ({ code }) => tell(code));
      return {
        next() {
          const status = pending.shift();
          return status === undefined
            ? new Promise((resolve) => waiting.push(resolve))
            : Promise.resolve(status);
        },
        [Symbol.dispose]: () => call.cancel(),
      };
    },
    [Symbol.dispose]: () => client.close(),
  };
}
