import { createDeltaType } from './delta-type.ts';
import { framesOfStream } from './frames.ts';
import type { Frame, Frames, StreamFrames } from './frames.ts';
import { createFullStateType } from './full-state-type.ts';
import type { RefusalMemory, Refuser } from './refusal-memory.ts';
import { anonymousNode } from './request.ts';
import type { DeltaRequest, Protocol, SotwRequest, XdsNode, XdsRequest } from './request.ts';
import type { Observe } from './session-event.ts';
import type { Change, SnapshotView } from './snapshot-store.ts';
import { createSotwType } from './sotw-type.ts';
import { fullStateTypeUrls } from './type-urls.ts';
import type { TypeContext, TypeOptions, TypeState } from './type-state.ts';

/** What a peer may make a stream hold. */
export interface StreamLimits {
  /** Names a stream may subscribe to, of all types together. */
  readonly names: number;
  /** Bytes in UTF-8 of a name, a type URL, and of what is kept of a node: its id, group and user agent. */
  readonly nameLength: number;
  /** Types on one stream. */
  readonly types: number;
  /** Versions that a delta client may quote in one request. */
  readonly quotedVersions: number;
  /** How long a change waits for the answer to the one before it, in ms. */
  readonly ackTimeoutMs: number;
}

/** The limits where none are given. */
export const defaultStreamLimits: StreamLimits = {
  names: 1_000,
  nameLength: 4_096,
  types: 64,
  quotedVersions: 10_000,
  ackTimeoutMs: 5_000,
};

/** Why a stream is ended. The codes are gRPC's. */
export interface Refusal {
  readonly code: 'INVALID_ARGUMENT' | 'RESOURCE_EXHAUSTED';
  readonly message: string;
}

/** What the sessions of one server share. */
export interface SessionContext {
  readonly view: SnapshotView;
  readonly frames: Frames;
  readonly memory: RefusalMemory;
  readonly limits: StreamLimits;
  /** The group whose sets a node gets. */
  readonly groupOf: (node: XdsNode) => string;
  readonly optionsOf: (typeUrl: string) => TypeOptions;
}

/** One stream, as the protocol sees it. */
export interface Session<Request extends XdsRequest> {
  /** Takes a request; an answer means that the stream is to be ended with it. */
  request(request: Request, now: number): Refusal | undefined;
  /** Takes a change of the store, of the session's group or of all. */
  changed(change: Change): void;
  /**
   * The next response, made from what is served now. To be called until it answers undefined, after each
   * request and change, when the clock reaches `wakeAt`, and only while the transport takes more: so a slow
   * reader is owed the newest state and nothing is queued for it.
   */
  take(now: number): Frame | undefined;
  /** When `take` may have more to give although nothing happens, in ms. */
  readonly wakeAt: number | undefined;
  /** What the first request said; undefined before it. */
  readonly peer: Peer | undefined;
}

/** What is kept of a node. */
export interface Peer {
  readonly nodeId: string;
  readonly group: string;
  /** Such as `envoy 1.40.0`; empty when the node does not say. */
  readonly userAgent: string;
}

/** What a stream is started with, beside what all streams share. */
export interface StreamOrigin {
  /** The type of a service that serves only one. */
  readonly serviceType?: string | undefined;
  /** What the server itself knows of the client: see `StreamInfo`. */
  readonly origin: string;
}

const nowhere: StreamOrigin = { origin: '' };

/** Starts the protocol of a delta stream. */
export function createDeltaSession(
  context: SessionContext,
  observe: Observe,
  from: StreamOrigin = nowhere,
): Session<DeltaRequest> {
  return createSession('delta', context, observe, from, createDeltaType);
}

/** Starts the protocol of a SotW stream. */
export function createSotwSession(
  context: SessionContext,
  observe: Observe,
  from: StreamOrigin = nowhere,
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

// A class: each stream has one. As closures each would have its own copy of every function; and an object
// literal with getters has a hidden class of its own, so that V8 looks up its every property.
class StreamSession<Request extends XdsRequest> implements Session<Request> {
  readonly #parts: SessionParts<Request>;
  readonly #frames: StreamFrames;
  readonly #types = new Map<string, TypeState<Request>>();
  #peer: Peer | undefined;
  #refuser: Refuser | undefined;
  #wakeAt: number | undefined;

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

  request(request: Request, now: number): Refusal | undefined {
    const { context, observe, from } = this.#parts;
    const typeUrl = request.typeUrl === '' ? (from.serviceType ?? '') : request.typeUrl;
    // The first node decides, also when it is missing: what a stream gets never moves under its feet.
    const peer = this.#peer ?? peerOf(request.node ?? anonymousNode, context.groupOf);
    const refusal = this.#check(request, typeUrl, peer);
    if (refusal !== undefined) return refusal;
    this.#peer = peer;
    this.#refuser ??= { nodeId: peer.nodeId, origin: from.origin };
    let type = this.#types.get(typeUrl);
    if (type === undefined) this.#types.set(typeUrl, (type = this.#newType(typeUrl, request, this.#refuser)));
    observe({ kind: 'request', typeUrl, request: type.request(request, now) });
    return undefined;
  }

  changed(change: Change): void {
    if (this.#peer === undefined) return;
    const set = this.#parts.context.view.get(this.#peer.group, change.typeUrl);
    this.#types.get(change.typeUrl)?.changed(change, set);
  }

  take(now: number): Frame | undefined {
    this.#wakeAt = undefined;
    if (this.#peer === undefined) return undefined;
    const { view } = this.#parts.context;
    for (const [typeUrl, type] of this.#types) {
      const response = type.take(view.get(this.#peer.group, typeUrl), now);
      if (response !== undefined) return response;
      if (type.wakeAt !== undefined) this.#wakeAt = Math.min(this.#wakeAt ?? type.wakeAt, type.wakeAt);
    }
    return undefined;
  }

  #newType(typeUrl: string, first: Request, refuser: Refuser): TypeState<Request> {
    const { context, observe, createType } = this.#parts;
    const { memory, limits } = context;
    return createType(
      {
        typeUrl,
        options: context.optionsOf(typeUrl),
        ackTimeoutMs: limits.ackTimeoutMs,
        memory,
        refuser,
        observe,
        frames: this.#frames,
      },
      first,
    );
  }

  /** A request that ends the stream must leave no trace, so all of it is checked first. */
  #check(request: Request, typeUrl: string, peer: Peer): Refusal | undefined {
    const { context, from } = this.#parts;
    const { serviceType } = from;
    const { limits } = context;
    if (typeUrl === '') return { code: 'INVALID_ARGUMENT', message: 'type_url is required' };
    if (serviceType !== undefined && typeUrl !== serviceType) {
      return { code: 'INVALID_ARGUMENT', message: `type_url is not ${serviceType}` };
    }
    if (!this.#types.has(typeUrl) && this.#types.size >= limits.types) {
      return { code: 'RESOURCE_EXHAUSTED', message: `more than ${limits.types} types on one stream` };
    }
    if (request.kind === 'delta' && request.initialVersions.size > limits.quotedVersions) {
      return { code: 'RESOURCE_EXHAUSTED', message: `more than ${limits.quotedVersions} quoted versions` };
    }
    const tooLong = this.#tooLong(request, typeUrl, peer);
    if (tooLong !== undefined) {
      return { code: 'INVALID_ARGUMENT', message: `${tooLong} is longer than ${limits.nameLength} bytes` };
    }
    // An ACK, mostly: without names there are not more of them than before.
    if (namesOf(request).length === 0) return undefined;
    return this.#nameCount(request, typeUrl) > limits.names
      ? { code: 'RESOURCE_EXHAUSTED', message: `more than ${limits.names} resource names on one stream` }
      : undefined;
  }

  /** What of a request is longer than it may be. */
  #tooLong(request: Request, typeUrl: string, peer: Peer): string | undefined {
    const limit = this.#parts.context.limits.nameLength;
    if (isLonger(typeUrl, limit)) return 'type_url';
    for (const name of namesOf(request)) if (isLonger(name, limit)) return 'a resource name';
    if (this.#peer !== undefined) return undefined;
    if (isLonger(peer.nodeId, limit)) return 'node.id';
    if (isLonger(peer.userAgent, limit)) return 'the user agent of the node';
    return isLonger(peer.group, limit) ? 'the group of the node' : undefined;
  }

  #nameCount(request: Request, typeUrl: string): number {
    let count = this.#types.get(typeUrl)?.sizeAfter(request) ?? new Set(namesOf(request)).size;
    for (const [other, type] of this.#types) if (other !== typeUrl) count += type.size;
    return count;
  }
}

function peerOf(node: XdsNode, groupOf: (node: XdsNode) => string): Peer {
  const userAgent = `${node.userAgentName} ${node.userAgentVersion}`.trim();
  return { nodeId: node.id, group: groupOf(node), userAgent };
}

function namesOf(request: XdsRequest): readonly string[] {
  return request.kind === 'sotw' ? request.names : request.subscribe;
}

/** Whether a text takes more bytes in UTF-8, which are at most three for each of its units. */
function isLonger(text: string, bytes: number): boolean {
  return text.length * 3 > bytes && Buffer.byteLength(text) > bytes;
}
