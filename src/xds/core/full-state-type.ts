import { combinedVersion } from './content-version.ts';
import type { Frame } from './frames.ts';
import type { SotwRequest } from './request.ts';
import { lookup, wildcardNames } from './resource.ts';
import type { Resource, ResourceSet } from './resource.ts';
import type { RequestKind } from './session-event.ts';
import { createSotwNames, isRepeat } from './sotw-names.ts';
import type { TypeContext, TypeState } from './type-state.ts';

/**
 * One type on a SotW stream whose every response is the full state: what is left out is deleted. All names
 * together are one thing that is sent, acknowledged or refused, and its version is what counts.
 */
export function createFullStateType(context: TypeContext, first: SotwRequest): TypeState<SotwRequest> {
  const { typeUrl, observe, ackTimeoutMs } = context;
  const subscription = createSotwNames();
  const names = new Set<string>();
  const unanswered = new Map<string, readonly Resource[]>();
  let all = false;
  let started = false;
  let asked = false;
  let touched = false;
  const quotesSet = context.options.sotwVersion === 'set';
  // The version of the set says nothing of the names that the client had.
  let quoted = first.version === '' || quotesSet ? undefined : first.version;
  let owesUnsetAnswer = context.options.unset === 'empty' && first.version === '';
  let held: string | undefined;
  let lastSettled: string | undefined;
  let inFlight: string | undefined;
  let sentAt = 0;
  let wakeAt: number | undefined;

  return {
    request(request) {
      const kind = started ? settle(request) : 'initial';
      if (kind === 'stale') return kind;
      const change = subscription.update(request.names);
      for (const name of change.dropped) names.delete(name);
      for (const name of change.added) names.add(name);
      all = change.wildcard === 'kept' ? all : change.wildcard === 'on';
      if (change.added.length > 0 || change.wildcard === 'on') asked = true;
      if (kind === 'subscribe' && isRepeat(change) && inFlight === undefined) asked = true;
      if (!isRepeat(change)) touched = true;
      started = true;
      return kind;
    },
    changed() {
      touched = true;
    },
    take(set, now) {
      wakeAt = undefined;
      if (set === undefined) return owesUnsetAnswer ? send([], '', '', now) : undefined;
      if (!asked && !touched) return undefined;
      const resources = contents(set);
      const version = combinedVersion(resources);
      if (asked && quoted === version) {
        hold(resources, version);
        return undefined;
      }
      quoted = undefined;
      const subscribed = all || names.size > 0;
      if (!asked && (!subscribed || version === held)) {
        touched = false;
        return undefined;
      }
      if (!asked && inFlight !== undefined && now < sentAt + ackTimeoutMs) {
        wakeAt = sentAt + ackTimeoutMs;
        return undefined;
      }
      return send(resources, version, quotesSet ? set.version : version, now);
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

  function hold(resources: readonly Resource[], version: string): void {
    settled();
    held = version;
    for (const { name, version: of } of resources) {
      observe({ kind: 'quoted', typeUrl, name, version: of, unconfirmed: false });
    }
  }

  function send(resources: readonly Resource[], content: string, version: string, now: number): Frame {
    const response = context.frames.get({ typeUrl, version, resources, removed: [] });
    settled();
    owesUnsetAnswer = false;
    held = content;
    inFlight = response.nonce;
    sentAt = now;
    unanswered.set(response.nonce, resources);
    for (const nonce of unanswered.keys()) if (unanswered.size > maxUnanswered) unanswered.delete(nonce);
    return response;
  }

  function settled(): void {
    asked = false;
    touched = false;
    quoted = undefined;
  }

  function settle({ nonce, error }: SotwRequest): RequestKind {
    if (nonce === '') return 'subscribe';
    const resources = unanswered.get(nonce);
    if (resources === undefined) {
      return nonce === lastSettled && error === undefined ? 'subscribe' : 'stale';
    }
    unanswered.delete(nonce);
    lastSettled = nonce;
    if (inFlight === nonce) inFlight = undefined;
    if (error !== undefined) {
      const refused = resources.map(({ name, version }) => ({ name, version }));
      observe({
        kind: 'nacked',
        typeUrl,
        resources: refused,
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

/** Responses kept for their answers: a client that never answers must not make this grow. */
const maxUnanswered = 16;
