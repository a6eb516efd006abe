import { combinedVersion } from './content-version.ts';
import type { Frame } from './frames.ts';
import type { SotwRequest } from './request.ts';
import { lookup, wildcardNames } from './resource.ts';
import type { Resource, ResourceSet } from './resource.ts';
import type { RequestKind } from './session-event.ts';
import { createSotwNames, isRepeat } from './sotw-names.ts';
import type { TypeContext, TypeState } from './type-state.ts';

/**
 * The state of one type on a SotW stream whose responses always contain the full state: the client deletes
 * omitted resources. All names together are sent, acknowledged or rejected as one, under one version.
 */
export function createFullStateType(context: TypeContext, first: SotwRequest): TypeState<SotwRequest> {
  const { typeUrl, observe, ackTimeoutMs } = context;
  const subscription = createSotwNames();
  const names = new Set<string>();
  const unanswered = new Map<string, readonly Resource[]>();
  let all = false;
  let started = false;
  let replyPending = false;
  let recheckPending = false;
  const usesSetVersion = context.options.sotwVersion === 'set';
  // The version of the set does not say which names the client had.
  let quoted = first.version === '' || usesSetVersion ? undefined : first.version;
  let unsetReplyPending = context.options.unset === 'empty' && first.version === '';
  let held: string | undefined;
  let lastSettled: string | undefined;
  let inFlight: string | undefined;
  let sentAt = 0;
  let wakeAt: number | undefined;

  return {
    request(request) {
      const kind = started ? applyAck(request) : 'initial';
      if (kind === 'stale') return kind;
      const change = subscription.update(request.names);
      for (const name of change.removed) names.delete(name);
      for (const name of change.added) names.add(name);
      all = change.wildcard === 'kept' ? all : change.wildcard === 'on';
      if (change.added.length > 0 || change.wildcard === 'on') replyPending = true;
      if (kind === 'subscribe' && isRepeat(change) && inFlight === undefined) replyPending = true;
      if (!isRepeat(change)) recheckPending = true;
      started = true;
      return kind;
    },
    changed() {
      recheckPending = true;
    },
    take(set, now) {
      wakeAt = undefined;
      if (set === undefined) return unsetReplyPending ? send([], '', '', now) : undefined;
      if (!replyPending && !recheckPending) return undefined;
      const resources = contents(set);
      const version = combinedVersion(resources);
      if (replyPending && quoted === version) {
        acceptQuoted(resources, version);
        return undefined;
      }
      quoted = undefined;
      const subscribed = all || names.size > 0;
      if (!replyPending && (!subscribed || version === held)) {
        recheckPending = false;
        return undefined;
      }
      if (!replyPending && inFlight !== undefined && now < sentAt + ackTimeoutMs) {
        wakeAt = sentAt + ackTimeoutMs;
        return undefined;
      }
      return send(resources, version, usesSetVersion ? set.version : version, now);
    },
    get size() {
      return names.size;
    },
    sizeAfter: (request) => new Set(request.names).size,
    get wakeAt() {
      return wakeAt;
    },
  };

  function contents(set: ResourceSet): readonly Resource[] {
    const wanted = all ? new Set(wildcardNames(set)).union(names) : names;
    return [...wanted].sort().flatMap((name) => lookup(set, name) ?? []);
  }

  function acceptQuoted(resources: readonly Resource[], version: string): void {
    clearPending();
    held = version;
    for (const { name, version: of } of resources) {
      observe({ kind: 'quoted', typeUrl, name, version: of, unconfirmed: false });
    }
  }

  function send(resources: readonly Resource[], content: string, version: string, now: number): Frame {
    const response = context.frames.get({ typeUrl, version, resources, removed: [] });
    clearPending();
    unsetReplyPending = false;
    held = content;
    inFlight = response.nonce;
    sentAt = now;
    unanswered.set(response.nonce, resources);
    for (const nonce of unanswered.keys()) if (unanswered.size > maxUnanswered) unanswered.delete(nonce);
    return response;
  }

  function clearPending(): void {
    replyPending = false;
    recheckPending = false;
    quoted = undefined;
  }

  function applyAck({ nonce, error }: SotwRequest): RequestKind {
    if (nonce === '') return 'subscribe';
    const resources = unanswered.get(nonce);
    if (resources === undefined) {
      return nonce === lastSettled && error === undefined ? 'subscribe' : 'stale';
    }
    unanswered.delete(nonce);
    lastSettled = nonce;
    if (inFlight === nonce) inFlight = undefined;
    if (error !== undefined) {
      const rejected = resources.map(({ name, version }) => ({ name, version }));
      observe({
        kind: 'nacked',
        typeUrl,
        resources: rejected,
        nonce,
        code: error.code,
        message: error.message,
      });
      return 'nack';
    }
    for (const { name, version } of resources) {
      observe({ kind: 'acked', typeUrl, name, version, nonce, unconfirmed: false });
    }
    return 'ack';
  }
}

/** Maximum number of responses that wait for an ACK. It bounds the memory for a client that never sends one. */
const maxUnanswered = 16;
