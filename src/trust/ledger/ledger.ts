import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import type { ParsedFile } from '../model/parse-file.ts';
import type { MeshTrust } from '../model/mesh-trust.ts';
import type { GoneEvidence } from '../source.ts';
import { collectShares } from './collect.ts';
import { countKinds } from './describe-kinds.ts';
import { emptyEntry, keepAll, readVersion } from './entry.ts';
import type { Entry, Grant } from './entry.ts';
import { guard, initialGuard, release } from './guard.ts';
import type { GuardInput, GuardResult, GuardState } from './guard.ts';
import { failureFinding, isImportSource } from './import-sources.ts';
import { joinHoldings } from './share.ts';
import type { Holdings } from './share.ts';

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
  | { readonly kind: 'restored'; readonly path: string; readonly grants: readonly Grant[] };

/** The state of one source, for readiness, status and metrics. */
export interface SourceStatus {
  readonly name: string;
  readonly synced: boolean;
  /** Whether it was restored from an earlier run: its earlier trust is served until its first complete read. */
  readonly restored: boolean;
  readonly accepted: number;
  /** The number of files or objects whose newest version is not served. */
  readonly rejected: number;
  /** The number of documents of other kinds, by kind. */
  readonly otherKinds: ReadonlyMap<string, number>;
  /** The accepted and rejected counts by mesh; the mesh is `''` where it is unknown. */
  readonly meshes: ReadonlyMap<string, ObjectCounts>;
  /** The first path that cannot be read, with the reason. */
  readonly failure?: string;
}

/** The number of resources in force, and of files or objects whose newest version is not in force. */
interface ObjectCounts {
  readonly accepted: number;
  readonly rejected: number;
}

/** The trust in force, with the findings, holds and sources behind it. */
export interface LedgerView {
  readonly holdings: Holdings;
  /** Unsorted. */
  readonly findings: readonly Finding[];
  readonly held: GuardResult['held'];
  /** When to call `tick`, on the clock of `now`; `undefined` while nothing is held. */
  readonly deadline: number | undefined;
  readonly sources: readonly SourceStatus[];
  /** The resources in force with the annotations of a rotation. */
  readonly rotating: readonly MeshTrust[];
}

/** Selects holds by mesh, by trust domain, or by both. */
export interface HoldSelection {
  readonly mesh?: string | undefined;
  readonly trustDomain?: string | undefined;
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
}

interface SourceState {
  readonly name: string;
  readonly entries: Map<string, Entry>;
  readonly failures: Map<string, string>;
  /** Restored entries that the source has not confirmed yet. */
  readonly unconfirmed: Set<string>;
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
export function createLedger(sourceNames: readonly string[], options: { readonly holdMs: number }): Ledger {
  const sources = new Map(sourceNames.map((name) => [name, emptySource(name)]));
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
    const { holdings } = source.collected;
    source.held = guard(source.guard, { holdings, removals, now, holdMs: options.holdMs });
    source.guard = source.held.state;
  };
  const heldNow = (): GuardResult['held'] => [...sources.values()].flatMap((source) => source.held.held);
  return {
    apply(name, events, now) {
      const source = sourceOf(name);
      const removals = new Map<string, GoneEvidence[]>();
      const changed = events.flatMap((event) => applyEvent(source, event, removals));
      source.collected = collectShares(source.entries);
      applyGuard(source, removals, now);
      return changed;
    },
    tick(now) {
      for (const source of sources.values()) applyGuard(source, new Map(), now);
    },
    release(selection = {}) {
      const isSelected = (mesh: string, trustDomain: string): boolean =>
        (selection.mesh ?? mesh) === mesh && (selection.trustDomain ?? trustDomain) === trustDomain;
      const held = heldNow().filter(({ mesh, trustDomain }) => isSelected(mesh, trustDomain));
      for (const source of sources.values()) {
        source.held = release(source.guard, source.collected.holdings, isSelected);
        source.guard = source.held.state;
      }
      return held;
    },
    held: heldNow,
    view: () => viewOf([...sources.values()]),
    grantsOf: (name, path) => sourceOf(name).entries.get(path)?.grants ?? [],
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
      source.restored = true;
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
  const meshes = new Set(entry.grants.flatMap((grant) => grant.shares.map((share) => share.mesh)));
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

function statusOf(source: SourceState): SourceStatus {
  let accepted = 0;
  let rejected = 0;
  const meshes = new Map<string, { accepted: number; rejected: number }>();
  const countsOf = (mesh: string): { accepted: number; rejected: number } => {
    let counts = meshes.get(mesh);
    if (counts === undefined) meshes.set(mesh, (counts = { accepted: 0, rejected: 0 }));
    return counts;
  };
  for (const entry of source.entries.values()) {
    accepted += entry.grants.length;
    for (const { resource } of entry.grants) countsOf(resource.mesh).accepted += 1;
    if (entry.invalid) {
      rejected += 1;
      // The mesh of a file that never had a valid resource is unknown.
      countsOf(entry.grants[0]?.resource.mesh ?? '').rejected += 1;
    }
  }
  const { name, synced, restored, failures } = source;
  const [failure] = [...failures].map(([path, reason]) => `${path}: ${reason}`);
  return {
    name,
    synced,
    restored,
    accepted,
    rejected,
    otherKinds: countKinds([...source.entries.values()].flatMap(({ others }) => others)),
    meshes,
    ...(failure === undefined ? {} : { failure }),
  };
}

function entryOf(source: SourceState, path: string): Entry {
  return source.entries.get(path) ?? emptyEntry;
}

function emptySource(name: string): SourceState {
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
    synced: false,
    restored: false,
    collected: { holdings: new Map(), conflicts: [], rotating: [] },
    guard: initialGuard,
    held,
  };
}
