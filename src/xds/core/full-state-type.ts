import { combinedVersion } from './content-version.ts';
import { memoryOfNames } from './held-bytes.ts';
import type { Frame } from './frames.ts';
import { RepeatedRequests } from './repeated-requests.ts';
import type { SotwRequest } from './request.ts';
import { lookup, wildcardNames } from './resource.ts';
import type { Resource, ResourceSet } from './resource.ts';
import type { RequestKind } from './session-event.ts';
import { createSotwNames, isRepeat, isRepeatedError } from './sotw-names.ts';
import type { TypeContext, TypeState } from './type-state.ts';
import { UnansweredResponses } from './unanswered-responses.ts';

/**
 * The state of one type on a SotW stream whose responses always contain the full state: the client deletes
 * omitted resources. All names together are sent, acknowledged or rejected as one, under one version.
 */
export function createFullStateType(context: TypeContext, first: SotwRequest): TypeState<SotwRequest> {
  return new FullStateType(context, first);
}

// A class, because each stream has one.
class FullStateType implements TypeState<SotwRequest> {
  readonly #context: TypeContext;
  readonly #sendsSetVersion: boolean;
  readonly #requested = createSotwNames();
  readonly #names = new Set<string>();
  readonly #unanswered = new UnansweredResponses();
  #hasWildcard = false;
  #started = false;
  #replyPending = false;
  #recheckPending = false;
  #unsetReplyPending: boolean;
  /** `undefined` while the client has answered each response. */
  #repeats: RepeatedRequests | undefined;
  /** The version that a client of the wildcard alone quoted, until it is compared. */
  #quoted: string | undefined;
  /** The version of the full state that the client has if it accepts the response in flight. */
  #held: string | undefined;
  #lastAcked: string | undefined;
  /** Nonce of the last response, until its ACK or NACK. */
  #inFlight: string | undefined;
  #sentAt = 0;
  #wakeAt: number | undefined;

  constructor(context: TypeContext, first: SotwRequest) {
    this.#context = context;
    this.#sendsSetVersion = context.options.sotwVersion === 'set';
    // The version of the set does not say which names the client had.
    if (first.version !== '' && !this.#sendsSetVersion) this.#quoted = first.version;
    this.#unsetReplyPending = context.options.unset === 'empty' && first.version === '';
  }

  get names(): ReadonlySet<string> {
    return this.#names;
  }

  heldBytes(set: ResourceSet | undefined): number {
    const quoted = Buffer.byteLength(this.#quoted ?? '');
    // Usually a response has the subscribed names, and uses no more memory.
    return Math.max(memoryOfNames(this.#names, set), this.#unanswered.unlistedBytes(set)) + quoted;
  }

  get hasPending(): boolean {
    const replyPending = this.#replyPending || this.#unsetReplyPending || this.#repeats?.dueAt !== undefined;
    return replyPending || this.#recheckPending;
  }

  get wakeAt(): number | undefined {
    const [at, other] = [this.#repeats?.dueAt, this.#wakeAt];
    return at === undefined || other === undefined ? (at ?? other) : Math.min(at, other);
  }

  request(request: SotwRequest, now: number): RequestKind {
    const kind = this.#started ? this.#applyAck(request, now) : 'initial';
    if (kind === 'stale') return kind;
    const change = this.#requested.update(request.names);
    if (kind === 'subscribe' && isRepeatedError(request, change)) return 'stale';
    for (const name of change.removed) this.#names.delete(name);
    for (const name of change.added) this.#names.add(name);
    if (change.wildcard !== 'kept') this.#hasWildcard = change.wildcard === 'on';
    // A client may have dropped a name and subscribed to it again while it had no stream: its version still covers
    // the name, but it waits for the resource. Only a client of the wildcard alone cannot have dropped anything.
    if (!this.#hasWildcard || this.#names.size > 0) this.#quoted = undefined;
    if (change.added.length > 0 || change.wildcard === 'on') this.#replyPending = true;
    if (kind === 'subscribe' && isRepeat(change)) this.#repeat(now);
    if (!isRepeat(change)) this.#recheckPending = true;
    this.#repeats?.requested(now);
    this.#started = true;
    return kind;
  }

  namesAfter(request: SotwRequest): ReadonlySet<string> {
    return new Set(request.names);
  }

  changed(): void {
    this.#recheckPending = true;
  }

  take(set: ResourceSet | undefined, now: number): Frame | undefined {
    this.#wakeAt = undefined;
    const repliesAt = this.#repeats?.dueAt;
    if (repliesAt !== undefined && now >= repliesAt) this.#replyAgain();
    if (set === undefined) return this.#unsetReplyPending ? this.#send([], '', '', now) : undefined;
    if (!this.#replyPending && !this.#recheckPending) return undefined;
    const resources = this.#contents(set);
    const version = combinedVersion(resources);
    if (this.#replyPending && this.#quoted === version) {
      this.#acceptQuoted(resources, version);
      return undefined;
    }
    this.#quoted = undefined;
    if (!this.#replyPending && (!this.isActive || version === this.#held)) {
      this.#recheckPending = false;
      return undefined;
    }
    if (this.#mustWait(now)) return undefined;
    return this.#send(resources, version, this.#sendsSetVersion ? set.version : version, now);
  }

  get isActive(): boolean {
    return this.#hasWildcard || this.#names.size > 0;
  }

  #repeat(now: number): void {
    if (this.#repeats === undefined) this.#replyAgain();
    else this.#repeats.repeated(now);
  }

  /** Schedules a reply. A response in flight will reach the client after its request, and is the reply. */
  #replyAgain(): void {
    this.#repeats?.replied();
    if (this.#inFlight === undefined) this.#replyPending = true;
  }

  #contents(set: ResourceSet): readonly Resource[] {
    const wanted = this.#hasWildcard ? new Set(wildcardNames(set)).union(this.#names) : this.#names;
    return [...wanted].sort().flatMap((name) => lookup(set, name) ?? []);
  }

  /**
   * True for a change whose previous response has no ACK or NACK yet, until the ACK timeout. A pending reply
   * never waits.
   */
  #mustWait(now: number): boolean {
    const until = this.#sentAt + this.#context.ackTimeoutMs;
    if (this.#replyPending || this.#inFlight === undefined || now >= until) return false;
    this.#wakeAt = until;
    return true;
  }

  #acceptQuoted(resources: readonly Resource[], version: string): void {
    const { typeUrl, listener } = this.#context;
    this.#clearPending();
    this.#held = version;
    for (const { name, version: quoted } of resources) {
      listener.observe({ kind: 'quoted', typeUrl, name, version: quoted, unconfirmed: false });
    }
  }

  #send(resources: readonly Resource[], content: string, version: string, now: number): Frame {
    const { typeUrl, frames } = this.#context;
    const response = frames.encode({ typeUrl, version, resources, removed: [] });
    this.#clearPending();
    this.#unsetReplyPending = false;
    this.#held = content;
    this.#inFlight = response.nonce;
    this.#sentAt = now;
    this.#unanswered.set(response.nonce, response.content);
    this.#unanswered.limitTo(maxUnanswered);
    return response;
  }

  #clearPending(): void {
    this.#repeats?.replied();
    this.#replyPending = false;
    this.#recheckPending = false;
    this.#quoted = undefined;
  }

  #applyAck({ nonce, error }: SotwRequest, now: number): RequestKind {
    if (nonce === '') return 'subscribe';
    const { typeUrl, listener, ackTimeoutMs } = this.#context;
    const content = this.#unanswered.get(nonce);
    if (content === undefined) return nonce === this.#lastAcked ? 'subscribe' : 'stale';
    const skipped = this.#unanswered.takeBefore(nonce);
    this.#unanswered.delete(nonce);
    if (skipped.length > 0) {
      this.#repeats ??= new RepeatedRequests(ackTimeoutMs, now);
      this.#repeats.expect(skipped.length);
    }
    const { resources } = content;
    this.#lastAcked = nonce;
    if (this.#inFlight === nonce) this.#inFlight = undefined;
    if (error !== undefined) {
      const { code, message } = error;
      // The NACK may be about any of them: a limited client answers several responses with the last nonce.
      const candidates = new Set([...resources, ...skipped.flatMap(([, earlier]) => earlier.resources)]);
      const rejected = [...candidates].map(({ name, version }) => ({ name, version }));
      listener.observe({ kind: 'nacked', typeUrl, resources: rejected, nonce, code, message });
      return 'nack';
    }
    for (const { name, version } of resources) {
      listener.observe({ kind: 'acked', typeUrl, name, version, nonce, unconfirmed: false });
    }
    return 'ack';
  }
}

/** Maximum number of responses that wait for an ACK. It bounds the memory for a client that never sends one. */
const maxUnanswered = 16;
