import type { RotationMarks } from '../../trust/model/read-rotation.ts';
import { unknownOwner } from '../../trust/rotation/facts.ts';
import type { RotatingResource } from '../../trust/rotation/facts.ts';
import type { Subject } from './rotation-subject.ts';

/**
 * Merges the answers of two servers about one resource. Where they differ, for example because one of them has not read
 * the newest annotations, the answer counts that keeps more gates shut.
 */
export function mergeSubjects(a: Subject, b: Subject): Subject {
  return {
    ...a,
    place: a.place ?? b.place,
    resource: mergeResources(a.resource, b.resource),
    marks: a.marks && b.marks ? mergeMarks(a.marks, b.marks) : (a.marks ?? b.marks),
  };
}

function mergeResources(a: RotatingResource, b: RotatingResource): RotatingResource {
  const listed = new Map([...a.listed, ...b.listed].map((ca) => [ca.fingerprint, ca]));
  const owners = [a.ownedBy, b.ownedBy].filter((owner) => owner !== undefined);
  return {
    identity: a.identity,
    listed: [...listed.values()],
    ownedBy: owners.find((owner) => owner !== unknownOwner) ?? owners[0],
    forced: (a.forced?.length ?? 0) >= (b.forced?.length ?? 0) ? a.forced : b.forced,
  };
}

/** Merges marks. Of two rotations, the first is shown: gate R03 is shut if servers have read different ones. */
function mergeMarks(a: RotationMarks, b: RotationMarks): RotationMarks {
  if (a.old !== b.old || a.new !== b.new) return a;
  return {
    old: a.old,
    new: a.new,
    startedAt: latest(a.startedAt, b.startedAt),
    switchedAt: bothKnown(a.switchedAt, b.switchedAt),
    backAt: latest(a.backAt, b.backAt),
    leafTtlMs: bothKnown(a.leafTtlMs, b.leafTtlMs),
  };
}

type Mark = number | 'unknown' | undefined;

function latest(a: Mark, b: Mark): Mark {
  if (a === 'unknown' || b === 'unknown') return 'unknown';
  return a === undefined || b === undefined ? (a ?? b) : Math.max(a, b);
}

function bothKnown(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : Math.max(a, b);
}
