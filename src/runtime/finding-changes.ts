import { compareFindings } from '../trust/findings/finding.ts';
import type { Finding } from '../trust/findings/finding.ts';
import { allFindings } from '../trust/snapshot/all-findings.ts';
import type { MeshStates } from '../trust/snapshot/mesh-builder.ts';
import type { StateEvent } from './state-view.ts';

export interface FindingChanges {
  readonly appeared: readonly Finding[];
  readonly resolved: readonly Finding[];
}

/**
 * Returns the difference between two sets of findings, in the order for people. Nearly all findings are the same
 * objects as before, so only the others are compared by content.
 */
export function findingChanges(before: readonly Finding[], after: readonly Finding[]): FindingChanges {
  const gone = others(before, after);
  const come = others(after, before);
  return { appeared: unlike(come, gone), resolved: unlike(gone, come) };
}

function others(all: readonly Finding[], known: readonly Finding[]): readonly Finding[] {
  const objects = new Set(known);
  return all.filter((finding) => !objects.has(finding));
}

function unlike(all: readonly Finding[], known: readonly Finding[]): readonly Finding[] {
  const keys = new Set(known.map(findingKey));
  return all.filter((finding) => !keys.has(findingKey(finding))).sort(compareFindings);
}

/** Returns a key of everything except the line, which moves with edits above it. */
function findingKey(finding: Finding): string {
  const { code, severity, file, resource, mesh, trustDomain, fingerprint, path, block, message } = finding;
  return [code, severity, file, resource, mesh, trustDomain, fingerprint, path, block, message].join('\0');
}

/** All findings of the last build. */
interface CurrentFindings {
  /** Replaces the findings about a subject that is no source. `findingsOf` is called at each update. */
  set(subject: string, findingsOf: (meshes: MeshStates) => readonly Finding[]): void;
  /** Replaces the findings, and returns what changed. `wall` is in epoch milliseconds. */
  update(ofInput: readonly Finding[], meshes: MeshStates, wall: number): FindingChanges;
  /** Returns the findings in the order for people. */
  sorted(): readonly Finding[];
}

export function createCurrentFindings(): CurrentFindings {
  const bySubject = new Map<string, (meshes: MeshStates) => readonly Finding[]>();
  let current: readonly Finding[] = [];
  let sorted: readonly Finding[] | undefined;
  return {
    set: (subject, findingsOf) => void bySubject.set(subject, findingsOf),
    update(ofInput, meshes, wall) {
      const before = current;
      const others = [...bySubject.values()].flatMap((findingsOf) => findingsOf(meshes));
      current = allFindings([...ofInput, ...others], meshes, wall);
      sorted = undefined;
      return findingChanges(before, current);
    },
    sorted: () => (sorted ??= current.toSorted(compareFindings)),
  };
}

/** When each current finding appeared. */
interface FindingTimes {
  state(event: StateEvent): void;
  /** Returns the epoch milliseconds since when a finding is reported; `undefined` for one that is not current. */
  since(finding: Finding): number | undefined;
}

/** Creates a record without findings. It lives as long as the process: after a restart every finding is new. */
export function createFindingTimes(wall: () => number): FindingTimes {
  const times = new Map<string, number>();
  return {
    state(event) {
      if (event.kind !== 'findings') return;
      for (const finding of event.resolved) times.delete(findingKey(finding));
      const now = wall();
      for (const finding of event.appeared) times.set(findingKey(finding), now);
    },
    since: (finding) => times.get(findingKey(finding)),
  };
}
