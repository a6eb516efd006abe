import { randomBytes } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import type { Server } from '@grpc/grpc-js';
import { createFrames } from '../core/frames.ts';
import { createRefusalMemory, defaultRefusalLimits } from '../core/refusal-memory.ts';
import type { RefusalMemoryLimits, RejectedResource, ClientIdentity } from '../core/refusal-memory.ts';
import type { XdsPeer } from '../core/peer.ts';
import type { Protocol, XdsNode, XdsRequest } from '../core/request.ts';
import { defaultStreamLimits } from '../core/check-request.ts';
import type { StreamLimits } from '../core/check-request.ts';
import { createDeltaSession, createSotwSession } from '../core/session.ts';
import type { SessionListener } from '../core/session-event.ts';
import type { Session, SessionContext, StreamOrigin } from '../core/session.ts';
import type { SnapshotStore } from '../core/snapshot-store.ts';
import type { Rate } from '../rate/token-bucket.ts';
import type { TypeOptions } from '../core/type-state.ts';
import type { Authorize } from './authorize.ts';
import type { GuardedMethod } from './arrival.ts';
import { createClientConnections, defaultClientLimits } from './client-connections.ts';
import type { ClientLimits } from './client-connections.ts';
import { createCompleteDecoder, createRequestDecoder, limitEntries, nodeFields } from './decode-request.ts';
import type { DirectServer } from './direct-server.ts';
import { createHub } from './hub.ts';
import { createGate } from './gate.ts';
import { createSafeObserver } from './observer.ts';
import type { XdsObserver } from './observer.ts';
import { createReadTurns } from './read-turns.ts';
import { portOf } from './service-port.ts';
import { discoveryServices } from './services.ts';
import type { DiscoveryService } from './services.ts';
import { serveStream } from './stream.ts';
import type { StreamParts } from './stream-parts.ts';
import type { StreamLink } from './stream-link.ts';
import { createStreamGuard, defaultGuardLimits } from './stream-guard.ts';
import type { StreamGuardLimits } from './stream-guard.ts';
import { createUnaryAnswer } from './unary.ts';

/** The options of an xDS server. All have defaults. */
export interface XdsServerOptions {
  /**
   * Returns the group of a node, whose resource sets it gets. The peer is the client: its certificate, its address, and
   * the metadata of its request. Default: all nodes are in the group with the empty name.
   */
  readonly groupOf?: ((node: XdsNode, peer: XdsPeer) => string) | undefined;
  /**
   * Decides about each client at the first request of a stream and at each unary request, before the request has an
   * effect. It may return a promise: the client's further requests wait for it, for at most `requestTimeoutMs`. If it
   * names no group, `groupOf` does. The node id and the group are fixed for the lifetime of the stream. If it throws,
   * the stream ends with INTERNAL. Default: every client may subscribe.
   */
  readonly authorize?: Authorize | undefined;
  /**
   * Age at which `authorize` decides about the client of an open stream again (plus or minus a tenth, and then at this
   * interval), in ms. A stream ends if its client is refused, or gets another group or identity. It stays open if the
   * answer is UNAVAILABLE or an error. Default: 0, which is never.
   */
  readonly maxStreamAgeMs?: number | undefined;
  /**
   * Names of the metadata fields that `groupOf` and `authorize` read as strings. All others are skipped, so that a node
   * with 40,000 fields costs no more. Default: all fields, of every type.
   */
  readonly metadataNames?: readonly string[] | undefined;
  /** Options by type URL. */
  readonly types?: Readonly<Record<string, TypeOptions>> | undefined;
  /** Options of the types that are not in `types`. */
  readonly otherTypes?: TypeOptions | undefined;
  /** Limits on the state of one stream. Default: `defaultStreamLimits`. */
  readonly limits?: Partial<StreamLimits> | undefined;
  /**
   * The size and retention time of the refusal memory, which marks the ACK of a rejected version as unconfirmed.
   * Default: 10,000 entries, one hour.
   */
  readonly refusals?: Partial<RefusalMemoryLimits> | undefined;
  /** Receives the events of all streams. Use `combineObservers` for several. */
  readonly observer?: XdsObserver | undefined;
  /** Sent as `control_plane.identifier`. Default: empty. */
  readonly identifier?: string | undefined;
  /** Prefix of each nonce. Default: random. */
  readonly instance?: string | undefined;
  /** A monotonic clock, in ms. Default: `performance.now`. */
  readonly clock?: (() => number) | undefined;
  /** Interval for checking streams that wait for an overdue ACK, in ms. Default: 250. */
  readonly tickMs?: number | undefined;
  /**
   * Time for which a change is sent to streams before other work gets a turn, in ms: new streams, ACKs, newer
   * changes. Default: 10.
   */
  readonly sliceMs?: number | undefined;
  /**
   * Time in which a client must read a response, in ms. After it, the stream is ended, and the connection too if
   * it has no other stream. Default: 60,000.
   */
  readonly slowTimeoutMs?: number | undefined;
  /** Interval for checking streams for slow clients and retiring connections, in ms. Default: 1,000. */
  readonly sweepMs?: number | undefined;
  /**
   * Rate at which streams are opened; streams above it wait. With a burst as large as the fleet that one server
   * should accept at once, the rate has no effect on ordinary days. Default: no limit.
   */
  readonly openRate?: Rate | undefined;
  /** Rate at which the streams of one connection are opened, so that none uses up `openRate`. Default: no limit. */
  readonly connectionRate?: Rate | undefined;
  /** Rate of all other calls of the server, including health and reflection. Default: no limit. */
  readonly callRate?: Rate | undefined;
  /** Limits on the resources that clients use. Each limit has a default. */
  readonly clientLimits?: Partial<ClientLimits & StreamGuardLimits> | undefined;
  /**
   * Maximum number of streams, including waiting ones. Further streams are refused with RESOURCE_EXHAUSTED.
   * Default: no limit.
   */
  readonly maxStreams?: number | undefined;
  /**
   * True if plain requests are decoded by hand, and bytes bypass grpc-js if its internals are as expected. False
   * costs more, with the same behaviour. Default: true.
   */
  readonly fastPath?: boolean | undefined;
}

/** A version of a resource, and the client that rejected it. */
export interface NodeRefusal extends ClientIdentity, RejectedResource {}

/** The handle of a running server. */
export interface XdsServer {
  /** Number of open streams. */
  streams(): number;
  /** Remembers a version that a client rejected at another server, as if it were rejected here. */
  noteRefusal(refusal: NodeRefusal): void;
  /**
   * Refuses new streams and unary requests with UNAVAILABLE. Ends the streams that are still open after the grace
   * time (ms) with the same code. Resolves when that is done; later changes of the store have no effect. A client
   * that does not read gets its status when it reads again, so shut the server down after this.
   */
  drain(graceMs: number): Promise<void>;
}

/** Paths of the xDS stream methods. */
const streamPaths: ReadonlySet<string> = new Set(
  discoveryServices.flatMap(({ name, sotw, delta }) => [`/${name}/${sotw}`, `/${name}/${delta}`]),
);

/**
 * Adds the discovery services (ADS, SDS, CDS, LDS, RDS, EDS; streams in both protocols, and unary) to a gRPC
 * server. They serve the resources of the store and follow its changes.
 * https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol
 * @param server a server of `@grpc/grpc-js`, created with `xdsServerOptions`, or another one that implements
 * `DirectServer`.
 * @throws {Error} if the server already has one of the services.
 */
export function addXdsServices(
  server: Server | DirectServer,
  store: SnapshotStore,
  options: XdsServerOptions = {},
): XdsServer {
  const clock = options.clock ?? (() => performance.now());
  const identifier = options.identifier ?? '';
  const observer = createSafeObserver(options.observer ?? {});
  const fastPath = options.fastPath ?? true;
  const port = portOf(server, fastPath);
  const hub = createHub({
    store,
    clock,
    tickMs: options.tickMs ?? 250,
    sweepMs: options.sweepMs ?? 1_000,
    sliceMs: options.sliceMs ?? 10,
    fannedOut: (fannedOut) => observer.fannedOut(fannedOut),
    stepped: () => port.flush(),
  });
  const { metadataNames } = options;
  const limits = { ...defaultStreamLimits, ...options.limits };
  const decoder = limitEntries(
    fastPath ? createRequestDecoder({ metadataNames }) : createCompleteDecoder(),
    limits,
  );
  const context: SessionContext = {
    view: store,
    frames: createFrames(options.instance ?? randomBytes(4).toString('hex'), identifier),
    memory: createRefusalMemory({ ...defaultRefusalLimits, ...options.refusals }),
    limits,
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
  const clientLimits = { ...defaultClientLimits, ...defaultGuardLimits, ...options.clientLimits };
  const connections = createClientConnections({
    limits: clientLimits,
    clock,
    closed: (reason) => observer.connectionClosed(reason),
  });
  /** The methods that were called. A server has a few, and keeps them. */
  const methods = new Map<string, GuardedMethod>();
  const guard = createStreamGuard({
    connections,
    methodOf(path) {
      const known = methods.get(path);
      if (known !== undefined) return known;
      const oneRequest = port.hasOneRequest(path);
      if (oneRequest === undefined) return undefined;
      const method = { kind: streamPaths.has(path) ? 'xds' : 'call', oneRequest } as const;
      methods.set(path, method);
      return method;
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
    process.emitWarning(
      'stream limits are not enforced: this version of @grpc/grpc-js has unexpected internals',
    );
  }
  const turns = createReadTurns(clock);
  let draining = false;
  let lastId = 0;

  function streaming<Request extends XdsRequest>(
    { transport, typeUrl }: DiscoveryService,
    protocol: Protocol,
    create: (context: SessionContext, listener: SessionListener, from: StreamOrigin) => Session<Request>,
    decode: (bytes: Uint8Array, wantsNode: boolean) => Request,
  ): (link: StreamLink) => void {
    const parts: StreamParts<Request> = {
      createSession: (listener, origin, peer) =>
        create(context, listener, { serviceType: typeUrl, origin, peer }),
      access: options.authorize && {
        authorize: options.authorize,
        nodeField: nodeFields[protocol],
        maxStreamAgeMs: options.maxStreamAgeMs ?? 0,
      },
      decode,
      nodeField: nodeFields[protocol],
      observer,
      hub,
      clock,
      slowTimeoutMs: options.slowTimeoutMs ?? 60_000,
      requestTimeoutMs: clientLimits.requestTimeoutMs,
      connections,
      turns,
      info: { transport, protocol },
    };
    return (link) => {
      if (draining) {
        // Envoy retries later, possibly at another replica.
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
          : createUnaryAnswer({
              service,
              typeUrl,
              context,
              identifier,
              decode: decoder.sotw,
              observer,
              authorize: options.authorize,
              requestTimeoutMs: clientLimits.requestTimeoutMs,
              draining: () => draining,
            }),
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
