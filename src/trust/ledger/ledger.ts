import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import type { ParsedFile } from '../model/parse-file.ts';
import type { MeshTrust, TrustDomain } from '../model/mesh-trust.ts';
import type { GoneEvidence } from '../source.ts';
import { collectShares } from './collect.ts';
import { emptyEntry, keepAll, readVersion } from './entry.ts';
import type { Entry, Grant } from './entry.ts';
import { forgetDomains, guard, initialGuard, release } from './guard.ts';
import type { GuardInput, GuardResult, GuardState } from './guard.ts';
import { failureFinding, isImportSource } from './import-sources.ts';
import { joinHoldings } from './share.ts';
import type { Holdings } from './share.ts';
import { statusOf } from './source-status.ts';
import type { SourceStatus } from './source-status.ts';
import { withoutDomains } from './yield.ts';
import type { IsYielded, YieldRule } from './yield.ts';

/** One event of a source. `path` is a file, or an object of the API server. */
export type LedgerEvent =
  | {
      readonly kind: 'version';
      readonly path: string;
      readonly parsed: ParsedFile;
      readonly settled: boolean;
    }
  | { readonly kind: 'unreadable'; readonly path: string; readonly reason: string }
  | { readonly kind: 'kept'; readonly path: string }
  | { readonly kind: 'gone'; readonly path: string; readonly evidence: GoneEvidence }
  | { readonly kind: 'failed'; readonly path: string; readonly reason: string }
  | { readonly kind: 'recovered'; readonly path: string }
  /** The first complete read is done: restored entries that it did not find are gone. */
  | { readonly kind: 'synced' }
  /** Last good resources of an earlier run; delivered before the source itself is read. */
  | {
      readonly kind: 'restored';
      readonly path: string;
      readonly grants: readonly Grant[];
      /** True if other resources of the source may be missing: then its first complete read is waited for. */
      readonly isPartial?: boolean | undefined;
    };

/** The trust in force, with the findings, holds and sources behind it. */
export interface LedgerView {
  readonly holdings: Holdings;
  /** Unsorted. */
  readonly findings: readonly Finding[];
  readonly held: GuardResult['held'];
  /** When to call `tick`, on the clock of `now`; `undefined` while nothing is held. */
  readonly deadline: number | undefined;
  readonly sources: readonly SourceStatus[];
  /** The resources in force with annotations of a rotation, or with the record of forced steps of an earlier one. */
  readonly rotating: readonly MeshTrust[];
}

/** Selects holds by mesh, by trust domain, or by both. */
export interface HoldSelection {
  readonly mesh?: string | undefined;
  readonly trustDomain?: string | undefined;
}

export interface LedgerOptions {
  /** The duration of a hold of the mass-loss guard in milliseconds; 0 switches the guard off. */
  readonly holdMs: number;
  readonly yielding?: YieldRule | undefined;
}

/** The last good version of every resource of every source. */
export interface Ledger {
  /** Applies a batch of events of a source in one step. Returns the paths whose grants changed. */
  apply(source: string, events: readonly LedgerEvent[], now: number): readonly string[];
  /** Ends the holds that have expired. */
  tick(now: number): void;
  /** Ends the selected holds now, by default all. Returns the trust domains that were held. */
  release(selection?: HoldSelection): GuardResult['held'];
  /** Returns the held trust domains. */
  held(): GuardResult['held'];
  view(): LedgerView;
  grantsOf(source: string, path: string): readonly Grant[];
  /** Returns the entry of a file or object; `undefined` if the ledger does not have it. */
  entryOf(source: string, path: string): Entry | undefined;
}

interface SourceState {
  readonly name: string;
  readonly entries: Map<string, Entry>;
  readonly failures: Map<string, string>;
  /** Restored entries that the source has not confirmed yet. */
  readonly unconfirmed: Set<string>;
  /** Whether it gives a trust domain up; `undefined` if it never does. */
  readonly isYielded: IsYielded | undefined;
  synced: boolean;
  restored: boolean;
  /** The shares of the entries, and the findings about definitions that are not used. */
  collected: ReturnType<typeof collectShares>;
  guard: GuardState;
  held: GuardResult;
}

/**
 * Creates the ledger, which decides which version of each resource is in force. It has state but neither a clock nor
 * I/O: the caller passes the time as monotonic milliseconds. Sources of imports are added when they first deliver.
 */
export function createLedger(sourceNames: readonly string[], options: LedgerOptions): Ledger {
  const { holdMs, yielding } = options;
  /** Returns whether another source than the one that yields has a trust domain in force. */
  const isListed = (mesh: string, trustDomain: TrustDomain): boolean =>
    [...sources.values()].some(
      ({ name, held }) => name !== yielding?.source && held.holdings.get(mesh)?.has(trustDomain) === true,
    );
  const isYielded: IsYielded = (mesh, trustDomain) =>
    yielding?.yields(mesh, trustDomain, () => isListed(mesh, trustDomain)) === true;
  const sources = new Map(
    sourceNames.map((name) => [name, emptySource(name, name === yielding?.source ? isYielded : undefined)]),
  );
  const sourceOf = (name: string): SourceState => {
    const source = sources.get(name);
    if (source === undefined && isImportSource(name)) {
      const added = emptySource(name);
      sources.set(name, added);
      return added;
    }
    if (source === undefined) throw new Error(`unknown source ${name}`);
    return source;
  };
  const applyGuard = (source: SourceState, removals: GuardInput['removals'], now: number): void => {
    // To the guard, a trust domain that is given up was never there: its removal is no loss.
    const before = forgetDomains(source.guard, source.isYielded);
    source.held = guard(before, { holdings: admitted(source), removals, now, holdMs });
    source.guard = source.held.state;
  };
  /** Decides again what is given up, after the other sources have changed. */
  const applyYield = (now: number): void => {
    const source = yielding && sources.get(yielding.source);
    if (source !== undefined) applyGuard(source, new Map(), now);
  };
  const heldNow = (): GuardResult['held'] => [...sources.values()].flatMap((source) => source.held.held);
  return {
    apply(name, events, now) {
      const source = sourceOf(name);
      const removals = new Map<string, GoneEvidence[]>();
      const changed = events.flatMap((event) => applyEvent(source, event, removals));
      source.collected = collectShares(source.entries, source.unconfirmed);
      applyGuard(source, removals, now);
      if (name !== yielding?.source) applyYield(now);
      return changed;
    },
    tick(now) {
      for (const source of sources.values()) applyGuard(source, new Map(), now);
      applyYield(now);
    },
    release(selection = {}) {
      const isSelected = (mesh: string, trustDomain: string): boolean =>
        (selection.mesh ?? mesh) === mesh && (selection.trustDomain ?? trustDomain) === trustDomain;
      const held = heldNow().filter(({ mesh, trustDomain }) => isSelected(mesh, trustDomain));
      for (const source of sources.values()) {
        source.held = release(source.guard, admitted(source), isSelected);
        source.guard = source.held.state;
      }
      return held;
    },
    held: heldNow,
    view: () => viewOf([...sources.values()]),
    grantsOf: (name, path) => sourceOf(name).entries.get(path)?.grants ?? [],
    entryOf: (name, path) => sources.get(name)?.entries.get(path),
  };
}

function applyEvent(
  source: SourceState,
  event: LedgerEvent,
  removals: Map<string, GoneEvidence[]>,
): readonly string[] {
  switch (event.kind) {
    case 'version':
      source.unconfirmed.delete(event.path);
      return put(source, event.path, readVersion(entryOf(source, event.path), event.parsed, event.settled));
    case 'unreadable': {
      source.unconfirmed.delete(event.path);
      const problem = finding('MT001', `the file or object cannot be read: ${event.reason}`, {
        file: event.path,
      });
      return put(source, event.path, keepAll(entryOf(source, event.path), [problem]));
    }
    case 'kept':
      source.unconfirmed.delete(event.path);
      return [];
    case 'gone':
      return remove(source, event.path, event.evidence, removals);
    case 'failed':
      source.failures.set(event.path, event.reason);
      return [];
    case 'recovered':
      source.failures.delete(event.path);
      return [];
    case 'synced': {
      source.synced = true;
      return [...source.unconfirmed].flatMap((path) => remove(source, path, 'absence', removals));
    }
    case 'restored':
      if (event.isPartial !== true) source.restored = true;
      source.unconfirmed.add(event.path);
      return put(source, event.path, { ...emptyEntry, grants: event.grants });
  }
}

function put(source: SourceState, path: string, entry: Entry): readonly string[] {
  const before = source.entries.get(path)?.grants;
  source.entries.set(path, entry);
  return before !== undefined && isSameGrants(before, entry.grants) ? [] : [path];
}

/** Returns whether two states of a file have the same shares. Unchanged shares keep their objects. */
function isSameGrants(a: readonly Grant[], b: readonly Grant[]): boolean {
  const isSameGrant = (x: Grant, y: Grant | undefined): boolean =>
    x.clean === y?.clean &&
    x.shares.length === y?.shares.length &&
    x.shares.every((share, index) => share === y.shares[index]);
  return a.length === b.length && a.every((grant, index) => isSameGrant(grant, b[index]));
}

function remove(
  source: SourceState,
  path: string,
  evidence: GoneEvidence,
  removals: Map<string, GoneEvidence[]>,
): readonly string[] {
  source.unconfirmed.delete(path);
  const entry = source.entries.get(path);
  if (entry === undefined) return [];
  source.entries.delete(path);
  const shares = entry.grants.flatMap((grant) => grant.shares);
  const removed = shares.filter((share) => source.isYielded?.(share.mesh, share.trustDomain) !== true);
  const meshes = new Set(removed.map(({ mesh }) => mesh));
  for (const mesh of meshes) {
    const others = removals.get(mesh);
    if (others === undefined) removals.set(mesh, [evidence]);
    else others.push(evidence);
  }
  return [path];
}

function viewOf(sources: readonly SourceState[]): LedgerView {
  const findings = sources.flatMap((source) => [
    ...[...source.entries.values()].flatMap((entry) => entry.findings),
    ...[...source.failures].map(([path, reason]) => failureFinding(source.name, path, reason)),
    ...source.collected.conflicts,
    ...source.held.findings,
  ]);
  const deadlines = sources.flatMap((source) => source.held.deadline ?? []);
  return {
    holdings: joinHoldings(sources.map((source) => source.held.holdings)),
    findings,
    held: sources.flatMap((source) => source.held.held),
    deadline: deadlines.length === 0 ? undefined : Math.min(...deadlines),
    sources: sources.map(statusOf),
    rotating: sources.flatMap((source) => source.collected.rotating),
  };
}

/** Returns what a source may contribute. */
function admitted({ collected, isYielded }: SourceState): Holdings {
  return withoutDomains(collected.holdings, isYielded);
}

function entryOf(source: SourceState, path: string): Entry {
  return source.entries.get(path) ?? emptyEntry;
}

function emptySource(name: string, isYielded?: IsYielded): SourceState {
  const held: GuardResult = {
    state: initialGuard,
    holdings: new Map(),
    held: [],
    findings: [],
    deadline: undefined,
  };
  return {
    name,
    entries: new Map(),
    failures: new Map(),
    unconfirmed: new Set(),
    isYielded,
    synced: false,
    restored: false,
    collected: { holdings: new Map(), conflicts: [], rotating: [] },
    guard: initialGuard,
    held,
  };
}
