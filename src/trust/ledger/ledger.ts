import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import type { ParsedFile } from '../model/parse-file.ts';
import type { GoneEvidence } from '../source.ts';
import { collect } from './collect.ts';
import { countKinds } from './describe-kinds.ts';
import { emptyEntry, keepAll, readVersion } from './entry.ts';
import type { Entry, Grant } from './entry.ts';
import { guard, initialGuard, release } from './guard.ts';
import type { GuardInput, GuardResult, GuardState } from './guard.ts';
import { joinHoldings } from './share.ts';
import type { Holdings } from './share.ts';

/** What became known about one source. `path` is a file, or an object of the API server. */
export type LedgerEvent =
  | {
      readonly kind: 'version';
      readonly path: string;
      readonly parsed: ParsedFile;
      readonly settled: boolean;
    }
  | { readonly kind: 'unreadable'; readonly path: string; readonly reason: string }
  | { readonly kind: 'gone'; readonly path: string; readonly evidence: GoneEvidence }
  | { readonly kind: 'failed'; readonly path: string; readonly reason: string }
  | { readonly kind: 'recovered'; readonly path: string }
  /** The first complete read is done: what was restored and not seen since is gone. */
  | { readonly kind: 'synced' }
  /** Last good resources kept from an earlier run; read before the source itself. */
  | { readonly kind: 'restored'; readonly path: string; readonly grants: readonly Grant[] };

export interface SourceStatus {
  readonly name: string;
  readonly synced: boolean;
  /** Restored from an earlier run: what it gave then is served until its first complete read. */
  readonly restored: boolean;
  readonly accepted: number;
  /** Files or objects whose newest version is not what is served. */
  readonly rejected: number;
  /** Documents of other kinds, by kind. */
  readonly otherKinds: ReadonlyMap<string, number>;
  /** Those that are accepted or rejected, by mesh; of no mesh (`''`) where it cannot be told. */
  readonly meshes: ReadonlyMap<string, ObjectCounts>;
  /** The first of the places that cannot be read, with the reason. */
  readonly failure?: string;
}

/** Resources in force, and files or objects whose newest version is not. */
export interface ObjectCounts {
  readonly accepted: number;
  readonly rejected: number;
}

/** Everything that is in force, and why. */
export interface LedgerView {
  readonly holdings: Holdings;
  /** In no order. */
  readonly findings: readonly Finding[];
  readonly held: GuardResult['held'];
  /** When to call `tick`, in the time of `now`; undefined while nothing is held. */
  readonly deadline: number | undefined;
  readonly sources: readonly SourceStatus[];
}

/** Which holds are meant: those of one mesh, of one trust domain, or of both. */
export interface HoldSelection {
  readonly mesh?: string | undefined;
  readonly trustDomain?: string | undefined;
}

export interface Ledger {
  /** Takes one batch of events of a source as one step. Returns the paths whose grants changed. */
  apply(source: string, events: readonly LedgerEvent[], now: number): readonly string[];
  /** Ends the holds whose time has come. */
  tick(now: number): void;
  /** Ends the chosen holds now, by default all; returns the trust domains that were held. */
  release(selection?: HoldSelection): GuardResult['held'];
  /** The trust domains that are held. */
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
  /** What the entries give, and which of their definitions are passed over. */
  given: ReturnType<typeof collect>;
  guard: GuardState;
  held: GuardResult;
}

/**
 * Decides which version of each resource is in force. Holds state, but no clock and no I/O: times are
 * monotonic milliseconds given by the caller.
 */
export function createLedger(sourceNames: readonly string[], options: { readonly holdMs: number }): Ledger {
  const sources = new Map(sourceNames.map((name) => [name, emptySource(name)]));
  const sourceOf = (name: string): SourceState => {
    const source = sources.get(name);
    if (source === undefined) throw new Error(`unknown source ${name}`);
    return source;
  };
  const settle = (source: SourceState, gone: GuardInput['gone'], now: number): void => {
    const { holdings } = source.given;
    source.held = guard(source.guard, { holdings, gone, now, holdMs: options.holdMs });
    source.guard = source.held.state;
  };
  const heldNow = (): GuardResult['held'] => [...sources.values()].flatMap((source) => source.held.held);
  return {
    apply(name, events, now) {
      const source = sourceOf(name);
      const departures = new Map<string, GoneEvidence[]>();
      const changed = events.flatMap((event) => applyEvent(source, event, departures));
      source.given = collect(source.entries);
      settle(source, departures, now);
      return changed;
    },
    tick(now) {
      for (const source of sources.values()) settle(source, new Map(), now);
    },
    release(selection = {}) {
      const isChosen = (mesh: string, trustDomain: string): boolean =>
        (selection.mesh ?? mesh) === mesh && (selection.trustDomain ?? trustDomain) === trustDomain;
      const held = heldNow().filter(({ mesh, trustDomain }) => isChosen(mesh, trustDomain));
      for (const source of sources.values()) {
        source.held = release(source.guard, source.given.holdings, isChosen);
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
  departures: Map<string, GoneEvidence[]>,
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
    case 'gone':
      return remove(source, event.path, event.evidence, departures);
    case 'failed':
      source.failures.set(event.path, event.reason);
      return [];
    case 'recovered':
      source.failures.delete(event.path);
      return [];
    case 'synced': {
      source.synced = true;
      return [...source.unconfirmed].flatMap((path) => remove(source, path, 'absence', departures));
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

/** Whether two states of a file give the same. Unchanged shares keep their objects. */
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
  departures: Map<string, GoneEvidence[]>,
): readonly string[] {
  source.unconfirmed.delete(path);
  const entry = source.entries.get(path);
  if (entry === undefined) return [];
  source.entries.delete(path);
  const meshes = new Set(entry.grants.flatMap((grant) => grant.shares.map((share) => share.mesh)));
  for (const mesh of meshes) {
    const others = departures.get(mesh);
    if (others === undefined) departures.set(mesh, [evidence]);
    else others.push(evidence);
  }
  return [path];
}

function viewOf(sources: readonly SourceState[]): LedgerView {
  const findings = sources.flatMap((source) => [
    ...[...source.entries.values()].flatMap((entry) => entry.findings),
    ...[...source.failures].map(([path, reason]) =>
      finding('MT001', `the path cannot be read, and nothing below it changes: ${reason}`, { file: path }),
    ),
    ...source.given.conflicts,
    ...source.held.findings,
  ]);
  const deadlines = sources.flatMap((source) => source.held.deadline ?? []);
  return {
    holdings: joinHoldings(sources.map((source) => source.held.holdings)),
    findings,
    held: sources.flatMap((source) => source.held.held),
    deadline: deadlines.length === 0 ? undefined : Math.min(...deadlines),
    sources: sources.map(statusOf),
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
      // A file that never gave anything has no mesh that is known.
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
    given: { holdings: new Map(), conflicts: [] },
    guard: initialGuard,
    held,
  };
}
