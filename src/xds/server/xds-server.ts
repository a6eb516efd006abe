import { randomBytes } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import type { Server, UntypedHandleCall } from '@grpc/grpc-js';
import { createFrames } from '../core/frames.ts';
import { createRefusalMemory } from '../core/refusal-memory.ts';
import type { RefusalMemoryLimits, RejectedResource, ClientIdentity } from '../core/refusal-memory.ts';
import type { Protocol, XdsNode, XdsRequest } from '../core/request.ts';
import { createDeltaSession, createSotwSession, defaultStreamLimits } from '../core/session.ts';
import type { Observe } from '../core/session-event.ts';
import type { Session, SessionContext, StreamLimits, StreamOrigin } from '../core/session.ts';
import type { SnapshotStore } from '../core/snapshot-store.ts';
import type { Rate } from '../rate/token-bucket.ts';
import type { TypeOptions } from '../core/type-state.ts';
import { createClientConnections, defaultConnectionLimits } from './client-connections.ts';
import type { ConnectionLimits } from './client-connections.ts';
import { createCompleteDecoder, createRequestDecoder, nodeFields } from './decode-request.ts';
import type { DirectServer } from './direct-server.ts';
import { createHub } from './hub.ts';
import { createGate } from './opening.ts';
import { createSafeObserver } from './observer.ts';
import type { XdsObserver } from './observer.ts';
import { portOf } from './service-port.ts';
import { discoveryServices } from './services.ts';
import type { DiscoveryService } from './services.ts';
import { serveStream } from './stream.ts';
import type { StreamParts } from './stream.ts';
import type { StreamLink } from './stream-link.ts';
import { createStreamGuard, defaultGuardLimits } from './stream-guard.ts';
import type { StreamGuardLimits } from './stream-guard.ts';
import { createUnaryHandler } from './unary.ts';

/** How a server behaves. Everything has a default. */
export interface XdsServerOptions {
  /** The group whose sets a node gets. Default: every node is in the group with the empty name. */
  readonly groupOf?: ((node: XdsNode) => string) | undefined;
  /**
   * Names of the fields of a node's metadata that `groupOf` reads, and reads as strings. All others are passed over
   * unread, so that a node with 40,000 of them costs no more. Default: all fields, of every type.
   */
  readonly metadataNames?: readonly string[] | undefined;
  /** By type URL. */
  readonly types?: Readonly<Record<string, TypeOptions>> | undefined;
  /** For types that are not in `types`. */
  readonly otherTypes?: TypeOptions | undefined;
  readonly limits?: Partial<StreamLimits> | undefined;
  /**
   * Refusals are remembered, so that an acknowledgement of refused bytes is not believed. Default: 10,000
   * refusals, for an hour.
   */
  readonly refusals?: Partial<RefusalMemoryLimits> | undefined;
  readonly observer?: XdsObserver | undefined;
  /** Sent as `control_plane.identifier`. */
  readonly identifier?: string | undefined;
  /** Begins each nonce; random by default. */
  readonly instance?: string | undefined;
  /** A clock in ms that never goes back. Default: `performance.now`. */
  readonly clock?: (() => number) | undefined;
  /** How often streams that wait for an overdue answer are looked at, in ms. Default: 250. */
  readonly tickMs?: number | undefined;
  /**
   * How long a change goes out to streams before other work is let in, in ms: new streams, answers, newer
   * changes. Default: 10.
   */
  readonly sliceMs?: number | undefined;
  /**
   * How long a client may take for one response, in ms. Then its stream is cut off, and its connection too if
   * that has no other. Default: 60,000.
   */
  readonly slowTimeoutMs?: number | undefined;
  /** How often streams are looked over for slow clients and connections that retire, in ms. Default: 1,000. */
  readonly sweepMs?: number | undefined;
  /**
   * How fast streams are opened; those that come faster wait. A burst as large as the fleet that one server
   * should take at once keeps the rate out of ordinary days. Default: no limit.
   */
  readonly openRate?: Rate | undefined;
  /** The same for the streams of one connection, so that none uses up the rate of all. Default: no limit. */
  readonly connectionRate?: Rate | undefined;
  /** How fast all other calls of the server are served, health and reflection too. Default: no limit. */
  readonly callRate?: Rate | undefined;
  /** What clients may cost. Each limit has a default. */
  readonly clientLimits?: Partial<ConnectionLimits & StreamGuardLimits> | undefined;
  /** Streams beyond this number, with those that wait, are refused with RESOURCE_EXHAUSTED. Default: no limit. */
  readonly maxStreams?: number | undefined;
  /**
   * Whether requests are decoded by hand where they are plain, and bytes go past grpc-js where its insides
   * are as they are known to be. Default: true. It costs more without, and is the same otherwise.
   */
  readonly fastPath?: boolean | undefined;
}

/** Bytes, by their version, and the client that refused them. */
export interface NodeRefusal extends ClientIdentity, RejectedResource {}

/** A running server's handle. */
export interface XdsServer {
  /** Number of open streams. */
  streams(): number;
  /** Remembers bytes that a client refused at another server, as if it had been here. */
  noteRefusal(refusal: NodeRefusal): void;
  /**
   * Refuses new streams and unary requests with UNAVAILABLE from now on, and ends those that are still open
   * after the grace, in ms, with the same. Resolves when that is done; from then on changes of the store go
   * nowhere. A client that does not read gets its status when it does: shut the server down after this.
   */
  drain(graceMs: number): Promise<void>;
}

/** Paths of the methods that are xDS streams. */
const streamPaths: ReadonlySet<string> = new Set(
  discoveryServices.flatMap(({ name, sotw, delta }) => [`/${name}/${sotw}`, `/${name}/${delta}`]),
);

/**
 * Adds the discovery services (ADS, SDS, CDS, LDS, RDS, EDS; streams in both protocols, and unary) to a gRPC
 * server. They serve what is in the store, as it changes.
 */
export function addXdsServices(
  server: Server | DirectServer,
  store: SnapshotStore,
  options: XdsServerOptions = {},
): XdsServer {
  const clock = options.clock ?? (() => performance.now());
  const identifier = options.identifier ?? '';
  const observer = createSafeObserver(options.observer ?? {});
  const hub = createHub({
    store,
    clock,
    tickMs: options.tickMs ?? 250,
    sweepMs: options.sweepMs ?? 1_000,
    sliceMs: options.sliceMs ?? 10,
    fannedOut: (fannedOut) => observer.fannedOut(fannedOut),
  });
  const fastPath = options.fastPath ?? true;
  const port = portOf(server, fastPath);
  const { metadataNames } = options;
  const decoder = fastPath ? createRequestDecoder({ metadataNames }) : createCompleteDecoder();
  const context: SessionContext = {
    view: store,
    frames: createFrames(options.instance ?? randomBytes(4).toString('hex'), identifier),
    memory: createRefusalMemory({ entries: 10_000, ttlMs: 3_600_000, ...options.refusals }),
    limits: { ...defaultStreamLimits, ...options.limits },
    groupOf: options.groupOf ?? (() => ''),
    optionsOf: (typeUrl) => options.types?.[typeUrl] ?? options.otherTypes ?? {},
  };
  const gate = createGate({
    rate: options.openRate,
    connectionRate: options.connectionRate,
    clock,
    changed: (waiting) => observer.streamsWaiting(waiting),
  });
  const maxStreams = options.maxStreams ?? Number.POSITIVE_INFINITY;
  const clientLimits = { ...defaultConnectionLimits, ...defaultGuardLimits, ...options.clientLimits };
  const connections = createClientConnections({
    limits: clientLimits,
    clock,
    closed: (reason) => observer.connectionClosed(reason),
  });
  const guard = createStreamGuard({
    connections,
    methodOf(path) {
      const oneRequest = port.hasOneRequest(path);
      return oneRequest === undefined
        ? undefined
        : { kind: streamPaths.has(path) ? 'xds' : 'call', oneRequest };
    },
    gate,
    callGate: createGate({
      rate: options.callRate,
      connectionRate: options.connectionRate,
      clock,
      changed: () => undefined,
    }),
    full: () => hub.size + gate.waiting >= maxStreams,
    maxStreams,
    limits: clientLimits,
    clock,
    refused: (reason) => observer.streamRefused(reason),
  });
  if (!port.guardWith(guard)) {
    process.emitWarning('the limits of streams do not apply: grpc-js is not as it is known to be');
  }
  let draining = false;
  let lastId = 0;

  function streaming<Request extends XdsRequest>(
    { transport, typeUrl }: DiscoveryService,
    protocol: Protocol,
    create: (context: SessionContext, observe: Observe, from: StreamOrigin) => Session<Request>,
    decode: (bytes: Uint8Array, wantsNode: boolean) => Request,
  ): (link: StreamLink) => void {
    const parts: StreamParts<Request> = {
      createSession: (observe, origin) => create(context, observe, { serviceType: typeUrl, origin }),
      decode,
      nodeField: nodeFields[protocol],
      observer,
      hub,
      clock,
      slowTimeoutMs: options.slowTimeoutMs ?? 60_000,
      requestTimeoutMs: clientLimits.requestTimeoutMs,
      connections,
      info: { transport, protocol },
    };
    return (link) => {
      if (draining) {
        // An Envoy tries again later, and may then meet another replica.
        observer.streamRefused('draining');
        link.end({ code: status.UNAVAILABLE, message: 'the server is shutting down' });
        return;
      }
      lastId += 1;
      serveStream(link, lastId, parts);
    };
  }

  for (const service of discoveryServices) {
    const { typeUrl } = service;
    port.addService(service, {
      sotw: streaming(service, 'sotw', createSotwSession, decoder.sotw),
      delta: streaming(service, 'delta', createDeltaSession, decoder.delta),
      fetch:
        typeUrl === undefined
          ? undefined
          : (createUnaryHandler({
              service,
              typeUrl,
              context,
              identifier,
              decode: decoder.sotw,
              observer,
              draining: () => draining,
            }) as UntypedHandleCall),
    });
  }

  return {
    streams: () => hub.size,
    noteRefusal: (refusal) => context.memory.remember(refusal, refusal, clock()),
    async drain(graceMs) {
      draining = true;
      guard.close();
      await hub.drain(graceMs);
    },
  };
}
