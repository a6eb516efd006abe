import { compareFindings } from '../trust/findings/finding.ts';
import type { Finding } from '../trust/findings/finding.ts';
import { allFindings } from '../trust/snapshot/all-findings.ts';
import type { MeshStates } from '../trust/snapshot/mesh-builder.ts';
import { findingChanges } from './finding-changes.ts';
import type { FindingChanges } from './finding-changes.ts';

/** All findings of the last build. */
export interface CurrentFindings {
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
