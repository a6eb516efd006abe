import { createDeltaType } from './delta-type.ts';
import { framesOfStream } from './frames.ts';
import type { Frame, Frames, StreamFrames } from './frames.ts';
import { createFullStateType } from './full-state-type.ts';
import { bytesOf, countedMemory } from './held-bytes.ts';
import type { RefusalMemory, ClientIdentity } from './refusal-memory.ts';
import { anonymousNode } from './request.ts';
import type { DeltaRequest, Protocol, SotwRequest, XdsNode, XdsRequest } from './request.ts';
import type { Observe } from './session-event.ts';
import type { Change, SnapshotView } from './snapshot-store.ts';
import { createSotwType } from './sotw-type.ts';
import { fullStateTypeUrls } from './type-urls.ts';
import type { TypeContext, TypeOptions, TypeState } from './type-state.ts';

/** Limits on the state that a client can create on one stream. */
export interface StreamLimits {
  /** Maximum number of subscribed names on a stream, of all types together. */
  readonly names: number;
  /** Maximum length in bytes (UTF-8) of a name, of a quoted version, of a type URL, and of a node's id, group and user agent. */
  readonly nameLength: number;
  /** Maximum sum of the lengths of the subscribed names on a stream, in bytes (UTF-8). */
  readonly nameBytes: number;
  /** Maximum number of types on a stream. */
  readonly types: number;
  /** Maximum number of `initial_resource_versions` in one delta request. */
  readonly quotedVersions: number;
  /** Time after which a change is sent although the response before it has no ACK or NACK yet, in ms. */
  readonly ackTimeoutMs: number;
}

/** The default limits of a stream. */
export const defaultStreamLimits: StreamLimits = {
  names: 1_000,
  nameLength: 4_096,
  nameBytes: 262_144,
  types: 64,
  quotedVersions: 10_000,
  ackTimeoutMs: 5_000,
};

/** The error of an invalid request: it ends the stream, or is the reply to a unary request. The codes are gRPC's. */
export interface RequestError {
  readonly code: 'INVALID_ARGUMENT' | 'RESOURCE_EXHAUSTED';
  readonly message: string;
}

/** The state and settings that all sessions of one server share. */
export interface SessionContext {
  readonly view: SnapshotView;
  readonly frames: Frames;
  readonly memory: RefusalMemory;
  readonly limits: StreamLimits;
  /** Returns the group of a node. The node gets the resource sets of its group. */
  readonly groupOf: (node: XdsNode) => string;
  readonly optionsOf: (typeUrl: string) => TypeOptions;
}

/** The protocol state of one stream. */
export interface Session<Request extends XdsRequest> {
  /** Applies a request. Returns an error if the stream must end with it. */
  request(request: Request, now: number): RequestError | undefined;
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

/** The properties of a node that a stream keeps. */
export interface Peer {
  readonly nodeId: string;
  readonly group: string;
  /** Such as `envoy 1.40.0`; empty if the node has no user agent. */
  readonly userAgent: string;
}

/** The parameters that differ from stream to stream. */
export interface StreamOrigin {
  /** The type of a service that serves only one type. */
  readonly serviceType?: string | undefined;
  /** The identity of the client as the server sees it: see `StreamInfo.origin`. */
  readonly origin: string;
}

const unknownOrigin: StreamOrigin = { origin: '' };

/** Creates the session of a delta stream. */
export function createDeltaSession(
  context: SessionContext,
  observe: Observe,
  from: StreamOrigin = unknownOrigin,
): Session<DeltaRequest> {
  return createSession('delta', context, observe, from, createDeltaType);
}

/** Creates the session of a SotW stream. */
export function createSotwSession(
  context: SessionContext,
  observe: Observe,
  from: StreamOrigin = unknownOrigin,
): Session<SotwRequest> {
  return createSession('sotw', context, observe, from, (type, first) =>
    (type.options.fullState ?? fullStateTypeUrls.has(type.typeUrl))
      ? createFullStateType(type, first)
      : createSotwType(type, first),
  );
}

function createSession<Request extends XdsRequest>(
  protocol: Protocol,
  context: SessionContext,
  observe: Observe,
  from: StreamOrigin,
  createType: CreateType<Request>,
): Session<Request> {
  return new StreamSession({ protocol, context, observe, from, createType });
}

type CreateType<Request extends XdsRequest> = (context: TypeContext, first: Request) => TypeState<Request>;

interface SessionParts<Request extends XdsRequest> {
  readonly protocol: Protocol;
  readonly context: SessionContext;
  readonly observe: Observe;
  readonly from: StreamOrigin;
  readonly createType: CreateType<Request>;
}

// A class, because each stream has one. With closures, each stream would have its own copy of every function. An
// object literal with getters has its own hidden class, so V8 would look up every property.
class StreamSession<Request extends XdsRequest> implements Session<Request> {
  readonly #parts: SessionParts<Request>;
  readonly #frames: StreamFrames;
  readonly #types = new Map<string, TypeState<Request>>();
  #peer: Peer | undefined;
  #client: ClientIdentity | undefined;
  #wakeAt: number | undefined;
  heldBytes = 0;

  constructor(parts: SessionParts<Request>) {
    this.#parts = parts;
    this.#frames = framesOfStream(parts.protocol, parts.context.frames);
  }

  get wakeAt(): number | undefined {
    return this.#wakeAt;
  }

  get peer(): Peer | undefined {
    return this.#peer;
  }

  request(request: Request, now: number): RequestError | undefined {
    const { context, observe, from } = this.#parts;
    const typeUrl = request.typeUrl === '' ? (from.serviceType ?? '') : request.typeUrl;
    // The node of the first request, or its absence, fixes the group for the lifetime of the stream.
    const peer = this.#peer ?? peerOf(request.node ?? anonymousNode, context.groupOf);
    const error = this.#check(request, typeUrl, peer);
    if (error !== undefined) return error;
    this.#peer = peer;
    this.#client ??= { nodeId: peer.nodeId, origin: from.origin };
    let type = this.#types.get(typeUrl);
    if (type === undefined) this.#types.set(typeUrl, (type = this.#newType(typeUrl, request, this.#client)));
    observe({ kind: 'request', typeUrl, request: type.request(request, now) });
    if (changesNames(request)) this.#measure(peer);
    return undefined;
  }

  changed(change: Change): void {
    if (this.#peer === undefined) return;
    const set = this.#parts.context.view.get(this.#peer.group, change.typeUrl);
    this.#types.get(change.typeUrl)?.subscription.changed(change, set);
  }

  take(now: number): Frame | undefined {
    this.#wakeAt = undefined;
    if (this.#peer === undefined) return undefined;
    const { view } = this.#parts.context;
    for (const [typeUrl, { subscription }] of this.#types) {
      const response = subscription.take(view.get(this.#peer.group, typeUrl), now);
      if (response !== undefined) return response;
      const { wakeAt } = subscription;
      if (wakeAt !== undefined) this.#wakeAt = Math.min(this.#wakeAt ?? wakeAt, wakeAt);
    }
    return undefined;
  }

  #newType(typeUrl: string, first: Request, client: ClientIdentity): TypeState<Request> {
    const { context, observe, createType } = this.#parts;
    const { memory, limits } = context;
    return createType(
      {
        typeUrl,
        options: context.optionsOf(typeUrl),
        ackTimeoutMs: limits.ackTimeoutMs,
        memory,
        client,
        observe,
        frames: this.#frames,
      },
      first,
    );
  }

  /** Checks the whole request before any of it is applied: an invalid request must not change state. */
  #check(request: Request, typeUrl: string, peer: Peer): RequestError | undefined {
    const { context, from } = this.#parts;
    const { serviceType } = from;
    const { limits } = context;
    if (typeUrl === '') return { code: 'INVALID_ARGUMENT', message: 'type_url is required' };
    if (serviceType !== undefined && typeUrl !== serviceType) {
      return { code: 'INVALID_ARGUMENT', message: `type_url is not ${serviceType}` };
    }
    if (!this.#types.has(typeUrl) && this.#types.size >= limits.types) {
      return exhausted(`more than ${limits.types} types on one stream`);
    }
    if (request.kind === 'delta' && request.initialVersions.size > limits.quotedVersions) {
      return exhausted(`more than ${limits.quotedVersions} quoted versions`);
    }
    const tooLong = this.#findTooLongField(request, typeUrl, peer);
    if (tooLong !== undefined) {
      return { code: 'INVALID_ARGUMENT', message: `${tooLong} is longer than ${limits.nameLength} bytes` };
    }
    return this.#checkNames(request, typeUrl);
  }

  #checkNames(request: Request, typeUrl: string): RequestError | undefined {
    const { limits } = this.#parts.context;
    // The usual ACK: a request without names adds none.
    if (namesOf(request).length === 0) return undefined;
    const after = this.#types.get(typeUrl)?.namesAfter(request) ?? new Set(namesOf(request));
    let [count, bytes] = [after.size, bytesOf(after)];
    for (const [other, { subscription }] of this.#types) {
      if (other === typeUrl) continue;
      count += subscription.names.size;
      bytes += bytesOf(subscription.names);
    }
    if (count > limits.names) return exhausted(`more than ${limits.names} resource names on one stream`);
    if (bytes <= limits.nameBytes) return undefined;
    return exhausted(`the resource names on one stream have more than ${limits.nameBytes} bytes`);
  }

  #measure({ nodeId, group, userAgent }: Peer): void {
    const types = this.#types
      .entries()
      .map(([typeUrl, { subscription }]) => [typeUrl, subscription.heldBytes] as const);
    this.heldBytes = countedMemory([nodeId, group, userAgent], types);
  }

  /** Returns the name of the first field that exceeds the length limit, if any. */
  #findTooLongField(request: Request, typeUrl: string, peer: Peer): string | undefined {
    const limit = this.#parts.context.limits.nameLength;
    if (exceedsBytes(typeUrl, limit)) return 'type_url';
    for (const name of namesOf(request)) if (exceedsBytes(name, limit)) return 'a resource name';
    for (const version of versionsOf(request)) if (exceedsBytes(version, limit)) return 'a quoted version';
    if (this.#peer !== undefined) return undefined;
    if (exceedsBytes(peer.nodeId, limit)) return 'node.id';
    if (exceedsBytes(peer.userAgent, limit)) return 'the user agent of the node';
    return exceedsBytes(peer.group, limit) ? 'the group of the node' : undefined;
  }
}

function peerOf(node: XdsNode, groupOf: (node: XdsNode) => string): Peer {
  const userAgent = `${node.userAgentName} ${node.userAgentVersion}`.trim();
  return { nodeId: node.id, group: groupOf(node), userAgent };
}

function namesOf(request: XdsRequest): readonly string[] {
  return request.kind === 'sotw' ? request.names : request.subscribe;
}

/** Returns the names and versions that a request quotes as held by the client. */
function* versionsOf(request: XdsRequest): Iterable<string> {
  if (request.kind === 'sotw') yield request.version;
  else for (const entry of request.initialVersions) yield* entry;
}

function changesNames(request: XdsRequest): boolean {
  if (request.kind === 'sotw') return true;
  const { subscribe, unsubscribe, initialVersions } = request;
  return subscribe.length + unsubscribe.length + initialVersions.size > 0;
}

function exhausted(message: string): RequestError {
  return { code: 'RESOURCE_EXHAUSTED', message };
}

/** True if the UTF-8 encoding of `text` is longer than `bytes`. A UTF-16 code unit takes at most three bytes. */
function exceedsBytes(text: string, bytes: number): boolean {
  return text.length * 3 > bytes && Buffer.byteLength(text) > bytes;
}
