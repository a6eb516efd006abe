import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { presentRotation } from '../../../src/api/present-rotation.ts';
import { subjectOfDetail } from '../../../src/cli/offline/rotation-subject.ts';
import { unknownOwner } from '../../../src/trust/rotation/facts.ts';
import { run } from '../run.ts';
import { startScripted } from '../scripted-server.ts';
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

suite('a wait for the end of a rotation that no server knows', () => {
  const source = { name: 'files', synced: true, restored: false, accepted: 1, rejected: 0 };
  const table: Readonly<Record<string, readonly [source: object, code: number, reason: RegExp]>> = {
    'all sources are read': [source, 0, /^$/],
    'a source with the state of an earlier run is being read': [
      { ...source, synced: false, restored: true },
      4,
      /source files cannot be read, or has not been read completely, so it may not have read the rotation yet\n$/,
    ],
    'it has failed since the start': [
      { ...source, synced: false, restored: true, failure: 'x' },
      4,
      /so it may not have read the rotation yet\n$/,
    ],
  };
  for (const [what, [one, expected, reason]] of Object.entries(table))
    test(`${what} → ${expected === 0 ? 'ends' : 'waits'}`, async () => {
      await using server = await startScripted({
        '/api/v1/server': { version: '1', readiness: { status: 'ready' }, sources: [one] },
        '/api/v1/meshes': { meshes: [] },
      });
      const args = ['rotate', 'wait', '--for=steady', '--timeout=0', `--server=${server.url}`];
      const { code, stderr } = await run(args);
      assert.equal(code, expected, stderr);
      assert.match(stderr, reason);
    });
});
