import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { mergeSubjects } from '../../../src/cli/offline/merge-subjects.ts';
import type { Subject } from '../../../src/cli/offline/rotation-subject.ts';
import type { RotationMarks } from '../../../src/trust/model/read-rotation.ts';
import { unknownOwner } from '../../../src/trust/rotation/facts.ts';
import type { RotatingResource } from '../../../src/trust/rotation/facts.ts';
import { ca, drained, now } from '../../trust/rotation/facts.ts';

/** What a server says: a rotation that is switched, and a resource without an owner. */
function subject(marks: Partial<RotationMarks> = {}, resource: Partial<RotatingResource> = {}): Subject {
  const input = drained();
  return {
    mesh: 'default',
    trustDomain: 'a.test',
    place: undefined,
    resource: { ...input.resource, ...resource },
    marks: { ...input.marks, ...marks },
  };
}

/** Asserts what follows from two answers, in either order. */
function assertMerged<T>(a: Subject, b: Subject, read: (merged: Subject) => T, expected: T): void {
  assert.deepEqual(read(mergeSubjects(a, b)), expected);
  assert.deepEqual(read(mergeSubjects(b, a)), expected);
}

suite('two servers that disagree about a rotation', () => {
  test('one says that Kuma owns the resource → Kuma owns it', () => {
    for (const other of [undefined, unknownOwner])
      assertMerged(
        subject({}, { ownedBy: 'Kuma' }),
        subject({}, { ownedBy: other }),
        ({ resource }) => resource.ownedBy,
        'Kuma',
      );
  });

  test('one does not say who owns the resource → unknown', () =>
    assertMerged(
      subject({}, { ownedBy: unknownOwner }),
      subject(),
      ({ resource }) => resource.ownedBy,
      unknownOwner,
    ));

  test('one has not read the time of the switch → it is not switched', () =>
    assertMerged(subject(), subject({ switchedAt: undefined }), ({ marks }) => marks?.switchedAt, undefined));

  test('one has read a later switch, or a longer lifetime → this one counts', () => {
    assertMerged(subject(), subject({ switchedAt: now }), ({ marks }) => marks?.switchedAt, now);
    assertMerged(subject(), subject({ leafTtlMs: 1e9 }), ({ marks }) => marks?.leafTtlMs, 1e9);
    assertMerged(subject(), subject({ leafTtlMs: undefined }), ({ marks }) => marks?.leafTtlMs, undefined);
  });

  test('one has read a time of back or of the start → it counts, and more so if it cannot be read', () => {
    for (const key of ['backAt', 'startedAt'] as const) {
      assertMerged(subject(), subject({ [key]: now }), ({ marks }) => marks?.[key], now);
      assertMerged(subject({ [key]: now - 1 }), subject({ [key]: now }), ({ marks }) => marks?.[key], now);
      assertMerged(
        subject({ [key]: 'unknown' }),
        subject({ [key]: now }),
        ({ marks }) => marks?.[key],
        'unknown',
      );
    }
  });

  test('one still lists the old CA → it is listed', () =>
    assertMerged(
      subject(),
      subject({}, { listed: [ca('b')] }),
      ({ resource }) => resource.listed.map(({ fingerprint }) => fingerprint.slice(0, 1)).sort(),
      ['a', 'b'],
    ));

  test('one has read a step that passed a gate by force → it is shown', () => {
    const forced = [{ at: now, command: 'finish', gates: ['R30'] }];
    assertMerged(subject(), subject({}, { forced }), ({ resource }) => resource.forced, forced);
  });
});
