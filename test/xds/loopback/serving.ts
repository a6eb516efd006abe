import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { ownServerOptions } from '../../../src/frontend/own-server.ts';
import { addXdsServices, createSnapshotStore, xdsServerOptions } from '../../../src/xds/index.ts';
import { GrpcServer } from '../../../src/transport/grpc-server.ts';
import type { SnapshotStore, TransportOptions, XdsServer, XdsServerOptions } from '../../../src/xds/index.ts';
import { createClient } from '../client.ts';
import type { XdsClient } from '../client.ts';
import { poison } from '../../kit/poison.ts';

/** A server on loopback. Disposing it asserts that no stream is left. */
export interface Serving extends AsyncDisposable {
  readonly store: SnapshotStore;
  readonly xds: XdsServer;
  readonly server: Server;
  readonly address: string;
  /** A client whose connection ends with the server. */
  connect(options?: Record<string, string | number>): XdsClient;
  /** Makes round trips until the condition holds, instead of sleeping. */
  until(condition: () => boolean): Promise<void>;
}

export const ads = {
  delta: '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
  sotw: '/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources',
};

export const sds = {
  delta: '/envoy.service.secret.v3.SecretDiscoveryService/DeltaSecrets',
  sotw: '/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets',
  fetch: '/envoy.service.secret.v3.SecretDiscoveryService/FetchSecrets',
};

let fastPath = true;
let ownTransport = false;

/** Makes servers use the own transport instead of grpc-js, from now on. */
export function takeOwnTransport(): void {
  ownTransport = true;
}

/** Makes servers use only the public API of grpc-js and the complete decoder, from now on. */
export function takePublicPath(): void {
  fastPath = false;
}

/** Starts a server. */
export async function serve(
  options: XdsServerOptions = {},
  transport: TransportOptions = {},
): Promise<Serving> {
  const store = createSnapshotStore();
  const server = ownTransport ? ownServer(transport) : new Server(xdsServerOptions(transport));
  const xds = addXdsServices(server, store, { fastPath, ...options });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const address = `127.0.0.1:${port}`;
  const clients: XdsClient[] = [];
  function connect(clientOptions?: Record<string, string | number>): XdsClient {
    const client = createClient(address, clientOptions);
    clients.push(client);
    return client;
  }

  return {
    store,
    xds,
    server,
    address,
    connect,
    async until(condition) {
      const client = connect();
      while (!condition()) await roundTrip(client);
    },
    async [Symbol.asyncDispose]() {
      await xds.drain(0);
      assert.equal(xds.streams(), 0, 'no stream is left');
      for (const client of clients) client[Symbol.dispose]();
      server.forceShutdown();
    },
  };
}

/** A server with the own transport, with the methods of grpc-js' server that these tests use. */
function ownServer(transport: TransportOptions): Server {
  const server = new GrpcServer({ ...ownServerOptions(transport), afterBufferUse: poison });
  const listener = createServer((socket) => server.attach(socket));
  return Object.assign(server, {
    bindAsync(_: string, __: unknown, callback: (error: Error | null, port: number) => void) {
      listener.listen(0, '127.0.0.1', () => callback(null, (listener.address() as AddressInfo).port));
    },
    forceShutdown() {
      listener.close();
      GrpcServer.prototype.forceShutdown.call(server);
    },
  }) as unknown as Server;
}

/** Makes a request and waits for any response: the server has then read the data written before on the connection. */
export async function roundTrip(client: XdsClient): Promise<void> {
  await client.fetch(sds.fetch, { resource_names: ['none'] }).catch(() => undefined);
}
