import { format } from 'node:util';
import type { Server } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { setLogger } from '@grpc/grpc-js';
import type { DecideAccess } from '../access/claim.ts';
import { addHealthService, healthServiceName } from '../grpc/health.ts';
import { addReflection } from '../grpc/reflection.ts';
import type { HandshakeFailure } from '../net/handshake-failure.ts';
import { secretTypeUrl } from '../trust/snapshot/publisher.ts';
import type { Logger } from '../observe/log/log.ts';
import { addXdsServices, discoveryServices, protoFiles, protoOptions, typeUrls } from '../xds/index.ts';
import type { DirectServer, NodeRefusal, SnapshotStore, XdsObserver, XdsServer } from '../xds/index.ts';
import type { ProxyOptions } from '../runtime/serve-options.ts';
import { authorizeBy, meshOf } from './client-claim.ts';
import { tuneHeap } from './tune-heap.ts';
import type { RehearseChanges } from './warm-up/rehearsal.ts';

export interface XdsEndpointOptions {
  readonly options: ProxyOptions;
  readonly store: SnapshotStore;
  readonly observer: XdsObserver;
  readonly log: Logger;
  /** Called for each proxy that TLS rejected. */
  readonly authFailed: (failure: HandshakeFailure) => void;
  /** Decides about each client. `undefined`: every client may subscribe. */
  readonly decide?: DecideAccess | undefined;
  /** Where the changes of the warm-up come from. Default: encoded secrets, as a worker gets them. */
  readonly rehearseChanges?: RehearseChanges | undefined;
}

/** The endpoint for proxies: the discovery, health and reflection services on one listener. */
export interface XdsEndpoint {
  /** The address it listens on. */
  readonly address: string;
  setServing(serving: boolean): void;
  /** Records that a node rejected a version at another server with the same trust. */
  noteRefusal(refusal: NodeRefusal): void;
  /** Health reports NOT_SERVING at once; streams end after the grace, in milliseconds. */
  drain(graceMs: number): Promise<void>;
}

/** Adds the discovery services to a server. `decide` is undefined if every client may subscribe. */
type AddServices = (
  server: Server | DirectServer,
  store: SnapshotStore,
  observer: XdsObserver,
  decide?: DecideAccess,
) => XdsServer;

/** The announced services. The library also has those of other resource types, which have no resources here. */
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
  decide,
  rehearseChanges,
}: XdsEndpointOptions): Promise<XdsEndpoint> {
  logGrpcMessages(log);
  const definition = loadSync([...protoFiles], protoOptions);
  const settings = { options, log, authFailed };
  // Only one transport is loaded.
  const proxies =
    options.xdsTransport === 'grpc-js'
      ? (await import('./grpc-js-server.ts')).createGrpcJsServer(settings)
      : (await import('./own-server.ts')).createOwnServer(settings);
  const { server } = proxies;
  const addServices = servicesOf(options);
  const xds = addServices(server, store, observer, decide);
  const health = addHealthService(server, definition, announced);
  addReflection(server, definition, [...announced, healthServiceName]);
  const address = await proxies.listen();
  let isDraining = false;
  let warmUp = proxies.warmUp?.bind(proxies);
  return {
    address,
    setServing: (serving) => {
      // Not earlier: the heap may grow during the first complete read.
      if (serving) tuneHeap();
      health.setServing(serving);
      if (!serving) return;
      void warmUp?.({
        addServices,
        isBusy: () => isDraining || xds.streams() > 0,
        group: options.defaultMesh,
        rehearseChanges,
      });
      warmUp = undefined;
    },
    noteRefusal: (refusal) => xds.noteRefusal(refusal),
    async drain(graceMs) {
      isDraining = true;
      health.drain();
      await xds.drain(graceMs);
      health.close();
      await proxies.shutDown();
    },
  };
}

/** Returns the function that adds the discovery services to a server. */
function servicesOf(options: ProxyOptions): AddServices {
  return (server, store, observer, decide) =>
    addXdsServices(server, store, {
      groupOf: (node) => meshOf(node, options.defaultMesh),
      authorize: decide && authorizeBy(decide, options.defaultMesh),
      maxStreamAgeMs: options.xdsMaxStreamAge,
      metadataNames: ['mesh'],
      types: { [secretTypeUrl]: { oneResourcePerResponse: true } },
      otherTypes: { unset: 'empty' },
      // A trust domain has at most 255 bytes.
      limits: { names: options.maxNames, nameBytes: 256 * Math.max(1_000, options.maxNames) },
      maxStreams: options.maxStreams,
      openRate: { perSecond: options.openRate, burst: options.openBurst },
      connectionRate: connectionShare(options),
      callRate: { perSecond: options.openRate, burst: options.openBurst },
      clientLimits: { requestTimeoutMs: options.requestTimeout },
      slowTimeoutMs: options.slowTimeout,
      identifier: `meshtrust ${options.version}`,
      observer,
    });
}

/**
 * Returns the rate limit of one connection: a fiftieth of the burst and a fifth of the rate of all connections. A
 * proxy has one stream, or one for each secret; a relay may have the streams of many proxies.
 */
function connectionShare({ openRate, openBurst }: ProxyOptions): { perSecond: number; burst: number } {
  return { perSecond: Math.max(1, openRate / 5), burst: Math.max(1, openBurst / 50) };
}

/**
 * Sends the messages of grpc-js to the log, at level `debug`. Those that matter are also errors of a call, and are
 * reported there.
 */
function logGrpcMessages(log: Logger): void {
  const take = (...parts: readonly unknown[]): void => log.debug({ event: 'grpc' }, format(...parts));
  setLogger({ error: take, info: take, debug: take });
}
