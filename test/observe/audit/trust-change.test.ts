import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { trustChanges } from '../../../src/observe/audit/trust-change.ts';
import { makeCa } from '../../kit/certificates.ts';
import { content, makeRig, synced } from '../rig.ts';

const a = makeCa({ commonName: 'A' });

suite('trust changes', () => {
  const { deliver, pipeline } = makeRig(() => undefined);
  deliver(content({ trustDomain: 'a.test', pems: [a.certPem] }), synced);
  const state = pipeline.view().meshes.get('default')!;
  const withoutAll = { ...state, bundle: { ...state.bundle, merged: [] } };

  test('equal states: no change', () => assert.deepEqual(trustChanges(state, state), []));

  test('secret of all trust domains changes: is a change', () => {
    const [change, ...more] = trustChanges(state, withoutAll);
    assert.deepEqual(more, []);
    assert.equal(change?.kind, 'changed');
    assert.deepEqual(
      change.leftOut.map(({ certificate }) => certificate.subject),
      ['CN=A'],
    );
    assert.deepEqual([change.added, change.removed, change.reformed], [[], [], []]);
    const [back] = trustChanges(withoutAll, state);
    assert.deepEqual([back?.kind, back?.leftOut], ['changed', []]);
  });

  test('no state before: everything is added', () => {
    const [change] = trustChanges(undefined, state);
    assert.deepEqual([change?.kind, change?.added.length], ['added', 1]);
  });
});
