import type { Relationship } from '../../trust/federation/relationship.ts';
import { federationPath, federationSource } from '../../trust/federation/relationship.ts';
import type { RelationshipStatus } from '../../trust/federation/relationship-status.ts';
import type { StoredBundle } from '../../trust/federation/stored-bundle.ts';
import type { GoneEvidence, SourceEvent } from '../../trust/source.ts';
import { createRelationshipPoll } from './relationship-poll.ts';
import type { RelationshipPoll } from './relationship-poll.ts';
import type { PollContext } from './poll-context.ts';

export interface FederationPollerOptions extends Omit<PollContext, 'deliver'> {
  /** The bundles of an earlier run, by the key of their relationship. */
  readonly stored: ReadonlyMap<string, StoredBundle>;
  /** The keys of all relationships that had CA certificates in an earlier run. `forget` takes a key away. */
  readonly earlier: ReadonlySet<string>;
  readonly sink: (events: readonly SourceEvent[]) => void;
}

/**
 * The source `federation`: it fetches the bundles of all relationships, and delivers each as the text of a MeshTrust at
 * the path `federation:MESH/TRUST DOMAIN`. A failed fetch withdraws nothing.
 */
export interface FederationPoller {
  /** Replaces the relationships. `evidenceOf` returns how the file or object of one that is gone was removed. */
  update(
    relationships: ReadonlyMap<string, Relationship>,
    evidenceOf: (path: string | undefined) => GoneEvidence,
  ): void;
  /** To be called once the server waits for nothing but bundles, which it does for at most ten seconds. */
  beginWait(): void;
  /**
   * To be called once everything that may have relationships was read or could not be read, and again once all of it
   * was read (`isComplete`): until then, what an earlier run had in force stays without a relationship.
   */
  allRead(isComplete: boolean): void;
  /** Returns the keys of what stays in force since an earlier run, because not all relationships are known yet. */
  kept(): readonly string[];
  /** Fetches the selected relationships now. Returns their number. */
  refresh(isSelected: (relationship: Relationship) => boolean): number;
  statuses(): readonly RelationshipStatus[];
  /** Ends all polls. Later calls have no effect: inputs that were read before may still be applied. */
  close(): void;
}

/** The longest time for which a dead endpoint delays the first answer to a proxy, in milliseconds. */
const longestWaitMs = 10_000;

export function createFederationPoller(options: FederationPollerOptions): FederationPoller {
  const { sink, clock } = options;
  /** Each stored bundle is used once: a relationship that is deleted and comes back begins without one. */
  const stored = new Map(options.stored);
  const polls = new Map<string, RelationshipPoll>();
  const startedAt = clock.wall();
  /** The relationships of an earlier run without a stored bundle that were too old. */
  const tooOld = new Set<string>();
  let isRead = false;
  let isKnown = false;
  let hasFailed = false;
  let isSynced = false;
  let hasWaited = false;
  let isClosed = false;
  let cancelWait: (() => void) | undefined;
  let cancelAge: (() => void) | undefined;

  const context: PollContext = {
    ...options,
    deliver: (event) => sink([event]),
    onChange() {
      synchronise();
      options.onChange();
    },
  };

  /** What an earlier run had of relationships that are not among the current ones. */
  const withoutRelationship = (): readonly string[] =>
    isKnown ? [] : [...options.earlier].filter((key) => !polls.has(key));

  /** Those of them that are in force. The others were withdrawn in the earlier run. */
  const inForce = (): readonly string[] =>
    withoutRelationship().filter((key) => {
      const bundle = stored.get(key);
      if (bundle === undefined) return !tooOld.has(key);
      return bundle.isTooOld !== true && bundle.document.certificates.length > 0;
    });

  /**
   * Withdraws what is kept without a relationship once its last success is too long ago. Nothing fetches it. If the
   * time of the last success is not known, the start of the server counts.
   */
  const endAged = (): void => {
    cancelAge?.();
    if (options.maxAgeMs === 0) return;
    const now = clock.wall();
    let next = Number.POSITIVE_INFINITY;
    for (const key of inForce()) {
      const bundle = stored.get(key);
      // A clock that was ahead at the last success does not keep it.
      const fetchedAt = Math.min(bundle?.fetchedAt ?? startedAt, now);
      const left = fetchedAt + options.maxAgeMs - now;
      const aged = bundle && { ...bundle, fetchedAt, ...(left <= 0 && { isTooOld: true }) };
      if (aged !== undefined) stored.set(key, aged);
      if (left > 0) next = Math.min(next, left);
      else {
        sink([{ kind: 'gone', path: federationPath(key), evidence: 'absence' }]);
        if (aged === undefined) tooOld.add(key);
        else options.save(aged);
      }
    }
    if (Number.isFinite(next))
      cancelAge = clock.after(next, () => {
        endAged();
        options.onChange();
      });
  };

  /** Reports the end of the first read once each relationship has a bundle, or the wait is over. */
  const synchronise = (): void => {
    if (isSynced || cancelWait === undefined) return;
    const waiting = [...polls.values()]
      .map((poll) => poll.status())
      .filter(({ document, withdrawn }) => document === undefined && withdrawn === undefined);
    if (isRead ? waiting.length > 0 && !hasWaited : !hasWaited) return;
    if (!isRead) {
      const reason = 'the relationships of the cluster are not known yet';
      if (!hasFailed) sink([{ kind: 'failed', path: federationSource, reason }]);
      hasFailed = true;
      return;
    }
    isSynced = true;
    cancelWait();
    sink([
      ...(hasFailed ? [{ kind: 'recovered', path: federationSource } as const] : []),
      // What an earlier run restored stays: a failed fetch takes nothing away, nor does a file that cannot be read.
      ...[...waiting.map(({ relationship }) => relationship.key), ...withoutRelationship()].map(
        (key) => ({ kind: 'kept', path: federationPath(key) }) as const,
      ),
      { kind: 'synced' },
    ]);
  };

  return {
    update(relationships, evidenceOf) {
      if (isClosed) return;
      for (const [key, poll] of polls) {
        if (relationships.has(key)) continue;
        polls.delete(key);
        const evidence = evidenceOf(poll.status().relationship.place.file);
        // What was restored without a stored bundle was not delivered here.
        if (!poll.remove(evidence) && options.earlier.has(key))
          sink([{ kind: 'gone', path: federationPath(key), evidence }]);
        options.forget(key);
      }
      for (const [key, relationship] of relationships) {
        const poll = polls.get(key);
        if (poll !== undefined) {
          const { file } = poll.status().relationship.place;
          poll.update(relationship, isKnown ? evidenceOf(file) : undefined);
        } else {
          const keptSince = options.earlier.has(key) && !tooOld.has(key) ? startedAt : undefined;
          polls.set(
            key,
            createRelationshipPoll(relationship, { stored: stored.get(key), keptSince }, context),
          );
          stored.delete(key);
        }
      }
      context.onChange();
    },
    beginWait() {
      if (cancelWait !== undefined || isClosed) return;
      cancelWait = clock.after(longestWaitMs, () => {
        hasWaited = true;
        // The relationships may stay unknown, for example while the API server cannot be reached.
        endAged();
        synchronise();
        options.onChange();
      });
      synchronise();
    },
    allRead(isComplete) {
      if (isClosed || (isRead && (isKnown || !isComplete))) return;
      isRead = true;
      const ended = isComplete ? withoutRelationship() : [];
      isKnown = isComplete;
      if (isKnown) stored.clear();
      // Before `synced`, no event is needed: the ledger then withdraws what was restored and not delivered.
      if (isSynced && ended.length > 0)
        sink(ended.map((key) => ({ kind: 'gone', path: federationPath(key), evidence: 'absence' })));
      for (const key of ended) options.forget(key);
      if (isKnown) for (const poll of polls.values()) poll.endGone('absence');
      endAged();
      context.onChange();
    },
    kept: () => (isRead ? inForce() : []),
    refresh(isSelected) {
      const selected = [...polls.values()].filter((poll) => isSelected(poll.status().relationship));
      for (const poll of selected) poll.refresh();
      return selected.length;
    },
    statuses: () => [...polls.values()].map((poll) => poll.status()),
    close() {
      isClosed = true;
      cancelWait?.();
      cancelAge?.();
      for (const poll of polls.values()) poll.close();
    },
  };
}
