import { checkRequest } from './check-request.ts';
import type { RequestError, StreamLimits } from './check-request.ts';
import { createDeltaType } from './delta-type.ts';
import type { ResponseContent } from './encode.ts';
import type { Frame, Frames, StreamFrames } from './frames.ts';
import { createFullStateType } from './full-state-type.ts';
import { countedPart, memoryOfType } from './held-bytes.ts';
import { unknownPeer } from './peer.ts';
import type { XdsPeer } from './peer.ts';
import type { RefusalMemory, ClientIdentity } from './refusal-memory.ts';
import { anonymousNode, peerOf } from './request.ts';
import type { DeltaRequest, Peer, Protocol, SotwRequest, XdsNode, XdsRequest } from './request.ts';
import type { Resource, ResourceSet } from './resource.ts';
import type { SessionListener } from './session-event.ts';
import { SmallMap } from '../small/small-map.ts';
import type { Change, SnapshotView } from './snapshot-store.ts';
import { createSotwType } from './sotw-type.ts';
import { fullStateTypeUrls } from './type-urls.ts';
import type { TypeContext, TypeOptions, TypeState } from './type-state.ts';

/** The state and settings that all sessions of one server share. */
export interface SessionContext {
  readonly view: SnapshotView;
  readonly frames: Frames;
  readonly memory: RefusalMemory;
  readonly limits: StreamLimits;
  /** Returns the group of a node. The node gets the resource sets of its group. */
  readonly groupOf: (node: XdsNode, peer: XdsPeer) => string;
  readonly optionsOf: (typeUrl: string) => TypeOptions;
}

/** The protocol state of one stream. */
export interface Session<Request extends XdsRequest> {
  /**
   * Applies a request. Returns an error if the stream must end with it. `grant`: the decision of `authorize`, with the
   * first request.
   */
  request(request: Request, now: number, grant?: Grant): RequestError | undefined;
  /** Records a change of the store that affects the group of this session. */
  changed(change: Change): void;
  /**
   * Returns the next response, built from the current resource sets, or `undefined` if none is due. Call it until
   * it returns `undefined`: after each request, after each change, and when the clock reaches `wakeAt`. Call it
   * only while the transport accepts more. A slow client then gets the newest state next, not a queue of old
   * ones.
   */
  take(now: number): Frame | undefined;
  /** Time at which `take` may return a response without a new request or change, in ms. */
  readonly wakeAt: number | undefined;
  /** Memory that the client's requests made the stream keep, above a share that each stream has, in bytes. */
  readonly heldBytes: number;
  /** The client as its first request describes it; `undefined` before the first request. */
  readonly peer: Peer | undefined;
}

/** The decision of `authorize` about a client that it allows. */
export interface Grant {
  /** The group of the client. `undefined`: `groupOf` decides. */
  readonly group?: string | undefined;
  /** The authenticated identity of the client. `undefined`: the client is known by its origin. */
  readonly identity?: string | undefined;
}

/** The parameters that differ from stream to stream. */
export interface StreamOrigin {
  /** The type of a service that serves only one type. */
  readonly serviceType?: string | undefined;
  /** The identity of the client as the server sees it: see `StreamInfo.origin`. */
  readonly origin: string;
  /** The client. Default: an unknown one. */
  readonly peer?: XdsPeer | undefined;
}

const unknownOrigin: StreamOrigin = { origin: '' };
const noGrant: Grant = {};

/** Creates the session of a delta stream. */
export function createDeltaSession(
  context: SessionContext,
  listener: SessionListener,
  from: StreamOrigin = unknownOrigin,
): Session<DeltaRequest> {
  return new StreamSession(deltaKind, context, listener, from);
}

/** Creates the session of a SotW stream. */
export function createSotwSession(
  context: SessionContext,
  listener: SessionListener,
  from: StreamOrigin = unknownOrigin,
): Session<SotwRequest> {
  return new StreamSession(sotwKind, context, listener, from);
}

/** What the sessions of a protocol have in common. */
interface SessionKind<Request extends XdsRequest> {
  readonly protocol: Protocol;
  readonly createType: (context: TypeContext, first: Request) => TypeState<Request>;
}

const deltaKind: SessionKind<DeltaRequest> = { protocol: 'delta', createType: createDeltaType };

const sotwKind: SessionKind<SotwRequest> = {
  protocol: 'sotw',
  createType: (type, first) =>
    (type.options.fullState ?? fullStateTypeUrls.has(type.typeUrl))
      ? createFullStateType(type, first)
      : createSotwType(type, first),
};

// A class, because each stream has one. With closures, each stream would have its own copy of every function. An
// object literal with getters has its own hidden class, so V8 would look up every property.
class StreamSession<Request extends XdsRequest> implements Session<Request>, StreamFrames {
  readonly #kind: SessionKind<Request>;
  readonly #context: SessionContext;
  readonly #listener: SessionListener;
  readonly #from: StreamOrigin;
  readonly #types = new SmallMap<string, TypeState<Request>>();
  #peer: Peer | undefined;
  /** The group of the peer. Copied, because each push reads it. */
  #group: string | undefined;
  /** Sequence number of the last frame. */
  #lastFrame = 0;
  #client: ClientIdentity | undefined;
  #wakeAt: number | undefined;
  /** False if a set was added or replaced since the last request that changed names: others of them are listed now. */
  #isMeasured = true;
  heldBytes = 0;

  constructor(
    kind: SessionKind<Request>,
    context: SessionContext,
    listener: SessionListener,
    from: StreamOrigin,
  ) {
    this.#kind = kind;
    this.#context = context;
    this.#listener = listener;
    this.#from = from;
  }

  get wakeAt(): number | undefined {
    return this.#wakeAt;
  }

  get peer(): Peer | undefined {
    return this.#peer;
  }

  request(request: Request, now: number, grant: Grant = noGrant): RequestError | undefined {
    const from = this.#from;
    const typeUrl = request.typeUrl === '' ? (from.serviceType ?? '') : request.typeUrl;
    const known = this.#types.get(typeUrl);
    // The usual ACK or NACK of delta. It adds nothing, so no limit can be exceeded.
    if (known !== undefined && !changesNames(request)) {
      this.#apply(typeUrl, known, request, now);
      if (!this.#isMeasured && this.#peer !== undefined) this.#measure(this.#peer);
      return undefined;
    }
    // The node of the first request, or its absence, fixes the group for the lifetime of the stream.
    const peer = this.#peer ?? this.#peerOf(request.node ?? anonymousNode, grant);
    const error = checkRequest(request, {
      typeUrl,
      serviceType: from.serviceType,
      newPeer: this.#peer === undefined ? peer : undefined,
      types: this.#types,
      limits: this.#context.limits,
    });
    if (error !== undefined) return error;
    this.#peer = peer;
    this.#group = peer.group;
    this.#client ??= { nodeId: peer.nodeId, origin: grant.identity ?? from.origin };
    const type = known ?? this.#newType(typeUrl, request, this.#client);
    if (known === undefined) this.#types.set(typeUrl, type);
    this.#apply(typeUrl, type, request, now);
    if (changesNames(request)) this.#measure(peer);
    return undefined;
  }

  changed(change: Change): void {
    if (this.#group === undefined) return;
    if (change.names === 'all') this.#isMeasured = false;
    const set = this.#context.view.get(this.#group, change.typeUrl);
    this.#types.get(change.typeUrl)?.changed(change, set);
  }

  take(now: number): Frame | undefined {
    this.#wakeAt = undefined;
    const group = this.#group;
    if (group === undefined) return undefined;
    // The usual single type has no iterator.
    const only = this.#types.onlyKey;
    const single = only === undefined ? undefined : this.#types.get(only);
    if (only !== undefined && single !== undefined) return this.#takeOf(group, only, single, now);
    for (const [typeUrl, type] of this.#types.entries()) {
      const response = this.#takeOf(group, typeUrl, type, now);
      if (response !== undefined) return response;
    }
    return undefined;
  }

  #takeOf(group: string, typeUrl: string, type: TypeState<Request>, now: number): Frame | undefined {
    // The common case: `take` is called after each request and each write.
    if (!type.hasPending) return undefined;
    const response = type.take(this.#context.view.get(group, typeUrl), now);
    if (response !== undefined) return response;
    const { wakeAt } = type;
    if (wakeAt !== undefined) this.#wakeAt = Math.min(this.#wakeAt ?? wakeAt, wakeAt);
    return undefined;
  }

  #apply(typeUrl: string, type: TypeState<Request>, request: Request, now: number): void {
    const kind = type.request(request, now);
    this.#listener.observe({ kind: 'request', typeUrl, request: kind, isSubscribed: type.isActive });
  }

  // Called by the types

  encode(content: ResponseContent): Frame {
    return this.#used(this.#context.frames.get(this.#kind.protocol, content, this.#lastFrame));
  }

  encodeOne(typeUrl: string, version: string, resource: Resource, set: ResourceSet | undefined): Frame {
    const { frames } = this.#context;
    return this.#used(frames.one(this.#kind.protocol, typeUrl, version, resource, set, this.#lastFrame));
  }

  #used(frame: Frame): Frame {
    this.#lastFrame = frame.sequence;
    return frame;
  }

  #peerOf(node: XdsNode, { group }: Grant): Peer {
    return peerOf(node, group ?? this.#context.groupOf(node, this.#from.peer ?? unknownPeer));
  }

  #newType(typeUrl: string, first: Request, client: ClientIdentity): TypeState<Request> {
    const context = this.#context;
    const { memory, limits } = context;
    return this.#kind.createType(
      {
        typeUrl,
        options: context.optionsOf(typeUrl),
        ackTimeoutMs: limits.ackTimeoutMs,
        memory,
        client,
        listener: this.#listener,
        frames: this,
      },
      first,
    );
  }

  #measure({ nodeId, group, userAgent }: Peer): void {
    let memory = Buffer.byteLength(nodeId) + Buffer.byteLength(group) + Buffer.byteLength(userAgent);
    for (const [typeUrl, type] of this.#types.entries()) {
      const set = this.#context.view.get(group, typeUrl);
      memory += memoryOfType(typeUrl, type.heldBytes(set));
    }
    this.heldBytes = countedPart(memory);
    this.#isMeasured = true;
  }
}

function changesNames(request: XdsRequest): boolean {
  if (request.kind === 'sotw') return true;
  const { subscribe, unsubscribe, initialVersions } = request;
  return subscribe.length + unsubscribe.length + initialVersions.size > 0;
}
