import type { Finding } from '../findings/finding.ts';
import type { LedgerEvent } from '../ledger/ledger.ts';
import type { Identity, MeshTrust } from '../model/mesh-trust.ts';
import { needsMaterial } from './derivation-index.ts';
import type { Version } from './derivation-index.ts';
import type { Derivation, DeriveContext } from './derive.ts';
import { deriveIdentity } from './derive-identity.ts';
import { anchorKeys, nothing } from './given.ts';
import type { Given } from './given.ts';
import { IdentityPaths, isClusterPath } from './identity-paths.ts';
import type { PathState } from './identity-paths.ts';
import type { LocalTrustDomains } from './local-trust-domains.ts';
import { SupersededCas, supersededSource } from './superseded.ts';
import type { Linger, SupersededCa } from './superseded.ts';

export interface IdentityStageOptions extends Pick<DeriveContext, 'zone' | 'zones' | 'limits'> {
  readonly linger: Linger;
  /**
   * Whether the caller reports after a while what Kuma has not published (`IdentityView.awaited`). By default, it is a
   * finding at once.
   */
  readonly awaitsPublication?: boolean | undefined;
  /** The names of the sources that may have MeshIdentities. */
  readonly sources?: readonly string[] | undefined;
}

/** The state of one MeshIdentity, for people. */
export interface IdentityView {
  readonly identity: Identity;
  /** The file or object with the MeshIdentity, or the one that had it. */
  readonly path: string;
  readonly kri: string | undefined;
  /** The result of its newest version. */
  readonly outcome: Derivation['kind'] | 'invalid' | 'gone';
  /** The MeshTrusts in force that are derived from it. */
  readonly resources: readonly MeshTrust[];
  readonly superseded: readonly SupersededCa[];
  /** The finding to report if Kuma does not publish its CA certificates soon. */
  readonly awaited: Finding | undefined;
}

/** Events for the ledger, by source. */
export type EventsBySource = ReadonlyMap<string, readonly LedgerEvent[]>;

/**
 * The stage between parsing and the ledger. It replaces MeshIdentities by the MeshTrusts that are derived from them,
 * and keeps the CA certificates that a MeshIdentity no longer has in force as long as their leaves can be valid. It has
 * state but neither a clock nor I/O. All times are epoch milliseconds.
 */
export interface IdentityStage {
  /** Returns the events for the ledger: those of the source, and of others whose derivations need what changed. */
  apply(source: string, events: readonly LedgerEvent[], now: number): EventsBySource;
  /** Withdraws the superseded CA certificates whose end has come. */
  tick(now: number): EventsBySource;
  /** Withdraws superseded CA certificates now, by default those of all MeshIdentities. */
  release(identity?: Identity): { readonly events: EventsBySource; readonly released: number };
  /** Returns when the next superseded CA certificate ends. */
  nextEnd(): number | undefined;
  view(): readonly IdentityView[];
  /** Returns the trust domains of all MeshIdentities. One that cannot be read keeps those that it gave before. */
  trustDomains(): LocalTrustDomains;
}

export function createIdentityStage(options: IdentityStageOptions): IdentityStage {
  const paths = new IdentityPaths();
  const superseded = new SupersededCas(options.linger);
  const { sources = [] } = options;
  const unsynced = new Set(sources);
  /** The trust domains of all MeshIdentities; `undefined` after a change. */
  let domains: LocalTrustDomains | undefined;

  /** Derives the MeshTrusts of the newest version of a path, and records which CA certificates it supersedes. */
  const derivePath = (
    state: PathState,
    { parsed, settled: isComplete }: Version,
    now: number,
  ): LedgerEvent => {
    const { given: before } = state;
    const isPublishedSoon = options.awaitsPublication === true && isClusterPath(state.path);
    const context: DeriveContext = { ...options, ...paths.index(), isPublishedSoon };
    const steps = parsed.identities.map((item) => deriveIdentity(item, before, context));
    const settled = isComplete && steps.every(({ isSettled }) => isSettled);
    // A MeshIdentity without a legible name may be any of those that the file had before.
    const isHidden = steps.some(({ identity }) => identity === undefined);
    const given = new Map<Identity, Given>(isHidden ? before : []);
    for (const step of steps.toReversed())
      if (step.identity !== undefined) given.set(step.identity, step.given);
    // What a MeshIdentity gave before is known, also if its newest version cannot be read.
    state.isUnread = steps.some(
      ({ outcome, identity }) => outcome === 'invalid' && (identity === undefined || !before.has(identity)),
    );
    state.outcomes = new Map(
      steps.flatMap(({ identity, outcome, kri, trustDomains, awaited }) =>
        identity === undefined ? [] : [[identity, { outcome, kri, trustDomains, awaited }]],
      ),
    );
    if (settled) {
      for (const [identity, earlier] of before)
        superseded.add(identity, earlier, currentKeys(given.get(identity)), now);
      state.given = given;
    }
    const documents = [...parsed.documents, ...steps.flatMap((step) => step.documents)];
    return { kind: 'version', path: state.path, settled, parsed: { ...parsed, documents } };
  };

  /** Returns the events of the source with derived MeshTrusts. Only the last version of a path counts. */
  const deriveEvents = (
    source: string,
    events: readonly LedgerEvent[],
    now: number,
  ): readonly LedgerEvent[] =>
    events.flatMap((event) => {
      if (event.kind !== 'version' || event.parsed.kind === 'refused') return event;
      const state = paths.get(source, event.path);
      const { version } = state ?? {};
      if (state === undefined || version?.parsed !== event.parsed || version.settled !== event.settled)
        return [];
      return derivePath(state, version, now);
    });

  const collectDomains = (): LocalTrustDomains => {
    const names = new Set<string>();
    let hasUnread = false;
    for (const { source, outcomes, given, isUnread } of paths.all()) {
      for (const [identity, { trustDomains }] of outcomes)
        for (const name of trustDomains) names.add(`${meshOf(identity)}/${name}`);
      for (const { resources } of given.values())
        for (const { mesh, trustDomain } of resources) names.add(`${mesh}/${trustDomain}`);
      hasUnread ||= isUnread && sources.includes(source);
    }
    const some = hasUnread ? 'some' : 'none';
    return { names, unread: unsynced.size > 0 ? 'all' : some };
  };

  /**
   * Drops the superseded CA certificates that their MeshIdentity has again. One pass over all paths: after a change of
   * all CAs, each MeshIdentity has superseded ones for days.
   */
  const dropCurrent = (): void => {
    const current = new Map<Identity, Set<string>>();
    for (const { given } of paths.all())
      for (const [identity, { resources }] of given) {
        if (superseded.of(identity).length === 0) continue;
        current.set(identity, anchorKeys(resources).union(current.get(identity) ?? new Set()));
      }
    superseded.dropCurrent((identity) => current.get(identity));
  };

  const supersededEvents = (): EventsBySource => {
    const events = superseded.takeEvents();
    return new Map(events.length === 0 ? [] : [[supersededSource, events]]);
  };

  return {
    apply(source, events, now) {
      if (source === supersededSource) {
        for (const event of events)
          if (event.kind === 'restored')
            for (const { resource } of event.grants) superseded.restore(resource, now);
        superseded.remove(({ until }) => until !== undefined && until <= now);
        return new Map([[source, [...events, ...superseded.takeEvents()]]]);
      }
      domains = undefined;
      if (events.some(({ kind }) => kind === 'synced')) unsynced.delete(source);
      const { isMaterial, gone } = paths.update(source, events);
      for (const { given } of gone)
        for (const [identity, earlier] of given) superseded.add(identity, earlier, new Set(), now);
      const all = new Map<string, readonly LedgerEvent[]>([[source, deriveEvents(source, events, now)]]);
      const updated = new Set(
        events.flatMap((event) => ('path' in event ? (paths.get(source, event.path) ?? []) : [])),
      );
      for (const state of isMaterial ? paths.all() : []) {
        const { version, rejected } = state;
        // Deriving an earlier version again would resolve the error about the newest one.
        if (version === undefined || rejected || updated.has(state) || !needsMaterial(version.parsed))
          continue;
        all.set(state.source, [...(all.get(state.source) ?? []), derivePath(state, version, now)]);
      }
      dropCurrent();
      return new Map([...all, ...supersededEvents()]);
    },
    tick(now) {
      superseded.remove(({ until }) => until !== undefined && until <= now);
      return supersededEvents();
    },
    release(only) {
      const released = superseded.remove((_ca, _key, identity) => only === undefined || identity === only);
      return { events: supersededEvents(), released };
    },
    nextEnd: () => superseded.nextEnd(),
    trustDomains: () => (domains ??= collectDomains()),
    view: () => viewsOf(paths, superseded),
  };
}

/** Returns the MeshIdentities of all paths, then those that are gone and whose CA certificates linger. */
function viewsOf(paths: IdentityPaths, superseded: SupersededCas): readonly IdentityView[] {
  const views: IdentityView[] = [];
  for (const { path, outcomes, given } of paths.all())
    for (const [identity, { outcome, kri, awaited }] of outcomes) {
      const { resources } = given.get(identity) ?? nothing;
      const lingering = superseded.of(identity);
      views.push({ identity, path, kri, outcome, resources, superseded: lingering, awaited });
    }
  const present = new Set(views.map(({ identity }) => identity));
  for (const [identity, { template, cas }] of superseded.entries()) {
    if (present.has(identity)) continue;
    const { originKri: kri, place } = template;
    views.push({
      identity,
      path: place.file ?? '',
      kri,
      outcome: 'gone',
      resources: [],
      superseded: cas,
      awaited: undefined,
    });
  }
  return views;
}

/** Returns the keys of the CA certificates that a MeshIdentity has, also of those that a MeshTrust has for it. */
function currentKeys({ resources, published }: Given = nothing): ReadonlySet<string> {
  return anchorKeys([...resources, ...(published === undefined ? [] : [published])]);
}

function meshOf(identity: Identity): string {
  return identity.split('/', 1)[0] ?? '';
}
