import type { BundleDocument } from '../model/bundle-document.ts';
import { endOfAge, notAhead } from './bundle-age.ts';
import type { AgedBundle } from './bundle-age.ts';
import { acceptDocument, digestOf, emptyMemory } from './accept-document.ts';
import type { BundleMemory, DocumentEffect } from './accept-document.ts';
import { storeAgainMs } from './poll-schedule.ts';
import { isSameEndpoint, isSameResource, resourceOf } from './relationship.ts';
import type { Relationship } from './relationship.ts';
import type { BundleOrigin, FetchFailure } from './relationship-status.ts';
import type { StoredBundle } from './stored-bundle.ts';

/** The state of fetching one relationship. Times are epoch milliseconds. */
export interface PollState extends AgedBundle {
  readonly relationship: Relationship;
  readonly memory: BundleMemory;
  /** The last undamaged bundle in force, while the fetched one has damaged keys. */
  readonly retained: BundleDocument | undefined;
  /** The ClusterFederatedTrustDomain that gave the fetched bundle, as it is now; `undefined` if it is not known. */
  readonly from: { readonly resource: string; readonly url: string } | undefined;
  /** The origin of the fetched bundle. */
  readonly origin: Exclude<BundleOrigin, 'bootstrap'>;
  readonly etag: string | undefined;
  /** The digest of `trustDomainBundle` at the last success. */
  readonly bootstrapAtSuccess: string | undefined;
  /** When the bundle was stored last; -Infinity before the first time. */
  readonly storedAt: number;
  readonly lastAttemptAt: number | undefined;
  readonly nextAttemptAt: number | undefined;
  /** Why the last attempt failed; `undefined` if it did not. */
  readonly error: FetchFailure | undefined;
  /** The number of attempts that failed since the last success. */
  readonly failures: number;
  /** True if the bundle is withdrawn because the last success was too long ago. */
  readonly isTooOld: boolean;
}

/**
 * Returns the state before the first fetch. `restored` is the bundle of an earlier run. `keptSince`: the start of the
 * server, if an earlier run had a bundle in force, whether it is stored here or not.
 */
export function firstPollState(
  relationship: Relationship,
  restored: StoredBundle | undefined,
  keptSince?: number,
): PollState {
  const stored = restored !== undefined && isUsable(restored.document) ? restored : undefined;
  const isKept =
    stored === undefined && restored?.isTooOld !== true && !hasCertificates(relationship.bootstrap);
  return {
    keptSince: isKept ? (restored?.fetchedAt ?? keptSince) : undefined,
    relationship,
    memory: { ...emptyMemory, applied: stored?.document },
    retained: stored?.retained,
    from: stored?.resource === undefined ? undefined : { resource: stored.resource, url: stored.url },
    origin: stored === undefined ? 'none' : 'restored',
    etag: stored?.url === relationship.url ? stored.etag : undefined,
    lastSuccessAt: stored?.fetchedAt,
    bootstrapAtSuccess: stored?.bootstrapDigest,
    storedAt: stored?.fetchedAt ?? -Infinity,
    lastAttemptAt: undefined,
    nextAttemptAt: undefined,
    error: undefined,
    failures: 0,
    isTooOld: stored?.isTooOld === true,
  };
}

/** Returns the bundle in force: the fetched one, and `trustDomainBundle` before the first fetch. */
export function bundleInForce({ isTooOld, memory, relationship }: PollState): BundleDocument | undefined {
  if (isTooOld) return undefined;
  const document = memory.applied ?? relationship.bootstrap;
  return hasCertificates(document) ? document : undefined;
}

function hasCertificates(document: BundleDocument | undefined): boolean {
  return document !== undefined && document.certificates.length > 0;
}

/** Returns whether `trustDomainBundle` was changed after the last success. */
export function isBootstrapNew({ relationship, bootstrapAtSuccess }: PollState): boolean {
  return bootstrapDigest(relationship) !== bootstrapAtSuccess;
}

/**
 * Replaces the relationship, also while it is fetched. The bundle in force may be another one after the change
 * `resource`. After the change `endpoint`, the bundle must be fetched at once as well.
 */
export function withRelationship(
  state: PollState,
  next: Relationship,
): { readonly state: PollState; readonly change: 'none' | 'resource' | 'endpoint' } {
  const { relationship: before, etag, from } = state;
  const isOfNext = from !== undefined && (from.resource === resourceOf(next) || from.url === next.url);
  const changed = {
    ...state,
    relationship: next,
    from: isOfNext ? sourceOf(next) : from,
    ...agesWith(state, next),
  };
  if (isSameResource(before, next)) return { state: changed, change: 'none' };
  const moved = { ...changed, etag: before.url === next.url ? etag : undefined };
  return isSameEndpoint(before, next)
    ? { state: moved, change: 'resource' }
    : { state: { ...moved, failures: 0 }, change: 'endpoint' };
}

/** Returns what the age counts for. A `trustDomainBundle` has none, and replaces what an earlier run had in force. */
function agesWith(
  { memory, keptSince, isTooOld }: PollState,
  { bootstrap }: Relationship,
): Pick<PollState, 'keptSince' | 'isTooOld'> {
  return memory.applied === undefined && hasCertificates(bootstrap)
    ? { keptSince: undefined, isTooOld: false }
    : { keptSince, isTooOld };
}

/**
 * Returns whether the fetched bundle is that of another ClusterFederatedTrustDomain, which is gone. `relationship` must
 * be the newest one, and all of them must be known. A resource is the same after it was renamed or moved, and after its
 * URL was edited.
 */
export function isOfGoneResource({ from, relationship }: PollState): boolean {
  return (
    from !== undefined &&
    from.resource !== resourceOf(relationship) &&
    from.url !== relationship.url &&
    relationship.others?.includes(from.resource) !== true
  );
}

/** Lets the sequence of the peer begin again: a person vouched for its new CAs. */
export function withoutSequence(state: PollState): PollState {
  const { applied } = state.memory;
  if (applied === undefined) return state;
  return { ...state, memory: { ...state.memory, applied: { ...applied, sequence: undefined } } };
}

/** Applies a failed fetch. It takes nothing away before the bundle is too old. */
export function afterFailure(
  state: PollState,
  error: FetchFailure,
  now: number,
  maxAgeMs: number,
): PollState {
  const { failures } = state;
  const dated = { ...state, ...notAhead(state, now) };
  const end = endOfAge(dated, maxAgeMs);
  const isOld = end !== undefined && now >= end;
  // A withdrawn bundle stays withdrawn, even if the clock goes back: only a success ends it.
  return { ...dated, error, failures: failures + 1, isTooOld: state.isTooOld || isOld };
}

/** A document that was fetched, with its ETag. */
export interface FetchedBundle {
  readonly document: BundleDocument;
  readonly etag: string | undefined;
}

interface PollSuccess {
  readonly state: PollState;
  readonly effect: DocumentEffect;
  /** The bundle to be stored, if it must be. */
  readonly toStore: StoredBundle | undefined;
}

/** Applies a successful fetch. `fetched` is undefined if the endpoint still has the document of the ETag. */
export function afterSuccess(
  state: PollState,
  fetched: FetchedBundle | undefined,
  now: number,
  maxAgeMs: number = 0,
): PollSuccess {
  const { memory: before } = state;
  const { memory, effect } =
    fetched === undefined
      ? ({ memory: { ...before, held: undefined }, effect: 'unchanged' } as const)
      : acceptDocument(before, fetched.document, now);
  const reached = {
    ...state,
    memory,
    lastSuccessAt: now,
    error: undefined,
    failures: 0,
  };
  // A document that does not count yet does not bring a withdrawn bundle back either.
  if (effect === 'hold') return { state: reached, effect, toStore: undefined };
  const applied: PollState = {
    ...reached,
    isTooOld: false,
    retained: retainedBundle(state, memory.applied),
    from: sourceOf(state.relationship),
    origin: 'fetched',
    etag: fetched === undefined ? state.etag : fetched.etag,
    bootstrapAtSuccess: bootstrapDigest(state.relationship),
  };
  const isChanged =
    effect !== 'unchanged' ||
    state.isTooOld ||
    isBootstrapNew(state) ||
    before.applied?.sequence !== memory.applied?.sequence;
  if (!isChanged && now - state.storedAt < storeAgainMs(maxAgeMs))
    return { state: applied, effect, toStore: undefined };
  const toStore = bundleToStore(applied);
  return { state: toStore === undefined ? applied : { ...applied, storedAt: now }, effect, toStore };
}

/** Returns what a restart needs of the state; `undefined` before the first success. */
export function bundleToStore(state: PollState): StoredBundle | undefined {
  const { relationship, memory, etag, lastSuccessAt, bootstrapAtSuccess, retained, isTooOld } = state;
  if (memory.applied === undefined || lastSuccessAt === undefined) return undefined;
  const { mesh, trustDomain } = relationship;
  const { resource, url } = state.from ?? { resource: undefined, url: relationship.url };
  return {
    mesh,
    trustDomain,
    url,
    ...(resource !== undefined && { resource }),
    etag,
    fetchedAt: lastSuccessAt,
    bootstrapDigest: bootstrapAtSuccess,
    document: memory.applied,
    retained,
    ...(isTooOld && { isTooOld }),
  };
}

/** Returns the last undamaged bundle, if the keys of the next one are damaged: the damage may have hit its CAs. */
function retainedBundle(
  { memory, retained, relationship }: PollState,
  next: BundleDocument | undefined,
): BundleDocument | undefined {
  if (next === undefined || !isDamaged(next)) return undefined;
  const before = memory.applied ?? relationship.bootstrap;
  return before !== undefined && isDamaged(before) ? retained : before;
}

function isDamaged({ certificates }: BundleDocument): boolean {
  return certificates.some(({ kind }) => kind === 'damaged' || kind === 'malformed');
}

/** Returns whether a stored bundle has a CA, or none because all were withdrawn. */
function isUsable({ certificates }: BundleDocument): boolean {
  return certificates.length === 0 || certificates.some(({ kind }) => kind === 'ca');
}

function sourceOf(relationship: Relationship): PollState['from'] {
  return { resource: resourceOf(relationship), url: relationship.url };
}

function bootstrapDigest({ bootstrap }: Relationship): string | undefined {
  return bootstrap === undefined ? undefined : digestOf(bootstrap);
}
