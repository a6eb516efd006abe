import { createDeltaType } from './delta-type.ts';
import type { Frame, Frames } from './frames.ts';
import { createFullStateType } from './full-state-type.ts';
import type { RefusalMemory } from './refusal-memory.ts';
import { createRefusals } from './refusals.ts';
import type { Refusals } from './refusals.ts';
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
  /** Characters of a name, a type URL or a node id. */
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

/** Starts the protocol of a delta stream; `serviceType` is the type of a service that serves only one. */
export function createDeltaSession(
  context: SessionContext,
  observe: Observe,
  serviceType?: string,
): Session<DeltaRequest> {
  return createSession('delta', context, observe, serviceType, createDeltaType);
}

/** Starts the protocol of a SotW stream; `serviceType` is the type of a service that serves only one. */
export function createSotwSession(
  context: SessionContext,
  observe: Observe,
  serviceType?: string,
): Session<SotwRequest> {
  return createSession('sotw', context, observe, serviceType, (type, first) =>
    (type.options.fullState ?? fullStateTypeUrls.has(type.typeUrl))
      ? createFullStateType(type, first)
      : createSotwType(type, first),
  );
}

function createSession<Request extends XdsRequest>(
  protocol: Protocol,
  context: SessionContext,
  observe: Observe,
  serviceType: string | undefined,
  createType: (context: TypeContext, first: Request) => TypeState<Request>,
): Session<Request> {
  const { view, frames, memory, limits } = context;
  const types = new Map<string, TypeState<Request>>();
  let peer: Peer | undefined;
  let refusals: Refusals | undefined;
  let lastSequence = 0;
  let wakeAt: number | undefined;

  function newType(typeUrl: string, first: Request, known: Refusals): TypeState<Request> {
    return createType(
      {
        typeUrl,
        options: context.optionsOf(typeUrl),
        ackTimeoutMs: limits.ackTimeoutMs,
        refusals: known,
        observe,
        frame: (content) => used(frames.get(protocol, content, lastSequence)),
        frameOfOne: (version, resource) =>
          used(frames.one(protocol, typeUrl, version, resource, lastSequence)),
      },
      first,
    );
  }

  function used(frame: Frame): Frame {
    lastSequence = frame.sequence;
    return frame;
  }

  /** A request that ends the stream must leave no trace, so all of it is checked first. */
  function check(request: Request, typeUrl: string): Refusal | undefined {
    if (typeUrl === '') return { code: 'INVALID_ARGUMENT', message: 'type_url is required' };
    if (serviceType !== undefined && typeUrl !== serviceType) {
      return { code: 'INVALID_ARGUMENT', message: `type_url is not ${serviceType}` };
    }
    if (!types.has(typeUrl) && types.size >= limits.types) {
      return { code: 'RESOURCE_EXHAUSTED', message: `more than ${limits.types} types on one stream` };
    }
    if (request.kind === 'delta' && request.initialVersions.size > limits.quotedVersions) {
      return { code: 'RESOURCE_EXHAUSTED', message: `more than ${limits.quotedVersions} quoted versions` };
    }
    // The first node alone counts, so others need not even be read.
    const nodeId = peer === undefined ? (request.node?.id ?? '') : '';
    if (longestName(request, typeUrl, nodeId) > limits.nameLength) {
      return { code: 'INVALID_ARGUMENT', message: `a name is longer than ${limits.nameLength} characters` };
    }
    // An ACK, mostly: without names there are not more of them than before.
    if (namesOf(request).length === 0) return undefined;
    return nameCount(request, typeUrl) > limits.names
      ? { code: 'RESOURCE_EXHAUSTED', message: `more than ${limits.names} resource names on one stream` }
      : undefined;
  }

  function nameCount(request: Request, typeUrl: string): number {
    let count = types.get(typeUrl)?.sizeAfter(request) ?? new Set(namesOf(request)).size;
    for (const [other, type] of types) if (other !== typeUrl) count += type.size;
    return count;
  }

  return {
    request(request, now) {
      const typeUrl = request.typeUrl === '' ? (serviceType ?? '') : request.typeUrl;
      const refusal = check(request, typeUrl);
      if (refusal !== undefined) return refusal;
      // The first node decides, also when it is missing: what a stream gets never moves under its feet.
      peer ??= peerOf(request.node ?? anonymousNode, context.groupOf);
      refusals ??= createRefusals(memory, peer.nodeId);
      let type = types.get(typeUrl);
      if (type === undefined) types.set(typeUrl, (type = newType(typeUrl, request, refusals)));
      observe({ kind: 'request', typeUrl, request: type.request(request, now) });
      return undefined;
    },
    changed(change) {
      if (peer === undefined) return;
      types.get(change.typeUrl)?.changed(change, view.get(peer.group, change.typeUrl));
    },
    take(now) {
      wakeAt = undefined;
      if (peer === undefined) return undefined;
      for (const [typeUrl, type] of types) {
        const response = type.take(view.get(peer.group, typeUrl), now);
        if (response !== undefined) return response;
        if (type.wakeAt !== undefined) wakeAt = Math.min(wakeAt ?? type.wakeAt, type.wakeAt);
      }
      return undefined;
    },
    get wakeAt() {
      return wakeAt;
    },
    get peer() {
      return peer;
    },
  };
}

function peerOf(node: XdsNode, groupOf: (node: XdsNode) => string): Peer {
  const userAgent = `${node.userAgentName} ${node.userAgentVersion}`.trim();
  return { nodeId: node.id, group: groupOf(node), userAgent };
}

function namesOf(request: XdsRequest): readonly string[] {
  return request.kind === 'sotw' ? request.names : request.subscribe;
}

function longestName(request: XdsRequest, typeUrl: string, nodeId: string): number {
  let longest = Math.max(typeUrl.length, nodeId.length);
  for (const name of namesOf(request)) longest = Math.max(longest, name.length);
  return longest;
}
