import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { suite, test } from 'node:test';
import { servedIssuers } from '../../src/app/access-log.ts';
import type { MeshStates } from '../../src/trust/snapshot/mesh-builder.ts';
import { bundleOf, shareOf } from '../kit/bundles.ts';
import { makeCa, makeIntermediate } from '../kit/certificates.ts';

const root = makeCa({ commonName: 'Root' });
const intermediate = makeIntermediate(makeCa({ commonName: 'Elsewhere' }), { commonName: 'Intermediate' });
const bundle = bundleOf([shareOf('a.test', [root, intermediate])]);
const meshes = new Map([['default', { bundle: { bundles: [bundle] } }]]) as unknown as MeshStates;

suite('issuers that proxies of a mesh can see', () => {
  test('a certificate that is served in another form: Envoy logs the fingerprint of that form', () => {
    const issuers = servedIssuers(() => ({ meshes }))('default');
    const served = bundle.anchors.find(({ rooting }) => rooting !== 'as-listed') ?? assert.fail();
    assert.equal(issuers?.size, 2);
    assert.equal(issuers.get(hash('sha256', root.der)), hash('sha256', root.der));
    assert.equal(issuers.get(hash('sha256', served.der)), hash('sha256', intermediate.der));
    assert.notDeepEqual(served.der, intermediate.der);
  });

  test('the same state: is read once, and an unknown mesh has none', () => {
    const issuersOf = servedIssuers(() => ({ meshes }));
    assert.equal(issuersOf('default'), issuersOf('default'));
    assert.equal(issuersOf('other'), undefined);
  });
});
