import { Server, ServerCredentials } from '@grpc/grpc-js';
import { addHealthService, healthServiceName } from '../grpc/health.ts';
import { logGrpcMessages } from '../grpc/grpc-log.ts';
import { endHalfClosed } from '../grpc/half-closed.ts';
import { canKeepAlive, keepAlive } from '../grpc/keep-alive.ts';
import { listenGrpc } from '../grpc/listen.ts';
import type { GrpcListener } from '../grpc/listen.ts';
import { addReflection } from '../grpc/reflection.ts';
import { createTlsCredentials } from '../grpc/tls-credentials.ts';
import { watchHandshakes } from '../grpc/watch-handshakes.ts';
import type { HandshakeFailure } from '../net/handshake-failure.ts';
import { secretTypeUrl } from '../trust/snapshot/publisher.ts';
import type { Logger } from '../observe/log/log.ts';
import {
  addXdsServices,
  discoveryServices,
  loadPackageDefinition,
  typeUrls,
  xdsServerOptions,
} from '../xds/index.ts';
import type { NodeRefusal, SnapshotStore, XdsObserver } from '../xds/index.ts';
import type { ProxyOptions } from '../runtime/serve-options.ts';
import { tuneHeap } from './tune-heap.ts';

export interface XdsEndpointOptions {
  readonly options: ProxyOptions;
  readonly store: SnapshotStore;
  readonly observer: XdsObserver;
  readonly log: Logger;
  /** Told of proxies that TLS let not in. */
  readonly authFailed: (failure: HandshakeFailure) => void;
}

/** Where proxies connect: the discovery services with health and reflection, on one listener. */
export interface XdsEndpoint {
  /** The address it listens on. */
  readonly address: string;
  setServing(serving: boolean): void;
  /** A node refused bytes at another server of the same trust. */
  noteRefusal(refusal: NodeRefusal): void;
  /** Health says NOT_SERVING at once; streams end after the grace, in milliseconds. */
  drain(graceMs: number): Promise<void>;
}

/** The services that are announced; the library has those of other resource types too, which answer nothing. */
const announced = discoveryServices
  .filter(({ typeUrl }) => typeUrl === undefined || typeUrl === typeUrls.secret)
  .map(({ name }) => name);

/** Starts the listener for proxies. */
export async function startXdsEndpoint({
  options,
  store,
  observer,
  log,
  authFailed,
}: XdsEndpointOptions): Promise<XdsEndpoint> {
  logGrpcMessages(log);
  const definition = loadPackageDefinition();
  const ownKeepAlive = options.keepalive > 0 && canKeepAlive();
  const server = new Server(
    xdsServerOptions({
      keepaliveMs: ownKeepAlive ? 0 : options.keepalive,
      keepaliveTimeoutMs: options.keepaliveTimeout,
      maxRequestBytes: options.maxRequestBytes,
      maxConnectionStreams: options.maxConnectionStreams,
      maxConnectionAgeMs: options.maxConnectionAge === 0 ? undefined : options.maxConnectionAge,
    }),
  );
  const xds = addXdsServices(server, store, {
    groupOf: ({ metadata }) =>
      typeof metadata['mesh'] === 'string' ? metadata['mesh'] : options.defaultMesh,
    metadataNames: ['mesh'],
    types: { [secretTypeUrl]: { oneResourcePerResponse: true } },
    otherTypes: { unset: 'empty' },
    limits: { names: options.maxNames },
    maxStreams: options.maxStreams,
    openRate: { perSecond: options.openRate, burst: options.openBurst },
    connectionRate: connectionShare(options),
    callRate: { perSecond: options.openRate, burst: options.openBurst },
    clientLimits: { requestTimeoutMs: options.requestTimeout },
    slowTimeoutMs: options.slowTimeout,
    identifier: `meshtrust ${options.version}`,
    observer,
  });
  const health = addHealthService(server, definition, announced);
  addReflection(server, definition, [...announced, healthServiceName]);
  const tls =
    options.tls &&
    (await createTlsCredentials({ ...options.tls, log, handshakeTimeoutMs: options.requestTimeout }));
  const listener = await listenGrpc(
    server,
    options.xdsListen,
    tls?.credentials ?? ServerCredentials.createInsecure(),
  );
  watchHandshakes(server, authFailed);
  endHalfClosed(server);
  const alive = ownKeepAlive
    ? keepAlive(server, { intervalMs: options.keepalive, timeoutMs: options.keepaliveTimeout })
    : undefined;
  return {
    address: listener.address,
    setServing: (serving) => {
      // Not before: reading everything for the first time is what the heap should grow for.
      if (serving) tuneHeap();
      health.setServing(serving);
    },
    noteRefusal: (refusal) => xds.noteRefusal(refusal),
    async drain(graceMs) {
      health.drain();
      await xds.drain(graceMs);
      health.close();
      await shutDown(server, listener);
      alive?.stop();
      tls?.close();
    },
  };
}

/**
 * What one connection may open at once, and in a second: a fiftieth and a fifth of what all may. A proxy has one
 * stream, or one for each secret; a relay may have those of many proxies.
 */
function connectionShare({ openRate, openBurst }: ProxyOptions): { perSecond: number; burst: number } {
  return { perSecond: Math.max(1, openRate / 5), burst: Math.max(1, openBurst / 50) };
}

/** How long the ends of streams have to reach the proxies, in milliseconds. */
const lastWordsMs = 1000;

/** Lets go of connections once what was written has gone out; of those that do not read, after a while. */
async function shutDown(server: Server, listener: GrpcListener): Promise<void> {
  listener.stop();
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, lastWordsMs);
  server.tryShutdown(() => resolve());
  await promise;
  clearTimeout(timer);
  // Without channelz this alone finds the connections that are left.
  listener.destroy();
  server.forceShutdown();
}
