import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { presentRotation } from '../../../src/api/present-rotation.ts';
import { subjectOfDetail } from '../../../src/cli/offline/rotation-subject.ts';
import { unknownOwner } from '../../../src/trust/rotation/facts.ts';
import { drained, now } from '../../trust/rotation/facts.ts';

/** Presents a rotation as a server does, and again as a command does that asks the server. */
function askedOf(ownedBy: string | undefined, isEarlierServer = false) {
  const input = drained();
  const place = { mesh: 'default', trustDomain: 'a.test', place: undefined };
  const served = presentRotation(place, { ...input, resource: { ...input.resource, ownedBy } });
  const { owned, ...earlier } = served;
  const { marks, ...subject } = subjectOfDetail(isEarlierServer ? earlier : { ...earlier, owned });
  assert.ok(marks !== undefined);
  return presentRotation(subject, { ...input, resource: subject.resource, marks });
}

suite('the rotation that a server knows', () => {
  test('Kuma owns the resource, or this is unknown → not removable', () => {
    for (const detail of [askedOf('kri_mid_default'), askedOf(unknownOwner), askedOf(undefined, true)]) {
      assert.equal(detail.state, 'draining');
      assert.deepEqual(
        detail.gates.filter(({ open }) => !open).map(({ id }) => id),
        ['R54'],
      );
    }
  });

  test('no owner → removable', () => assert.equal(askedOf(undefined).state, 'removable'));

  test('the time of back → is kept', () => {
    const detail = presentRotation(
      { mesh: 'default', trustDomain: 'a.test', place: undefined },
      drained({}, { switchedAt: undefined, backAt: now }),
    );
    assert.equal(detail.earliestAbort, '2026-11-29T12:05:00Z');
    assert.equal(subjectOfDetail(detail).marks?.backAt, now);
    assert.equal(subjectOfDetail({ ...detail, backAt: 'unknown' }).marks?.backAt, 'unknown');
  });
});
