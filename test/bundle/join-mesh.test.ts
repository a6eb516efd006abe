import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { caNamesLimit, countNames } from '../../src/bundle/ca-names.ts';
import { joinMesh } from '../../src/bundle/join-mesh.ts';
import type { MeshBundle } from '../../src/bundle/join-mesh.ts';
import type { TrustBundle } from '../../src/bundle/trust-bundle.ts';
import { bundleOf, shareOf } from '../kit/bundles.ts';
import { longName, makeCa, makeKey } from '../kit/certificates.ts';

const key = makeKey();
/** A CA whose subject name takes about so many bytes. */
const named = (bytes: number, commonName: string) => makeCa({ subject: longName(bytes, commonName), key });
const many = (count: number, prefix: string) =>
  Array.from({ length: count }, (_, index) => named(2000, `${prefix}${index}`));

function join(bundles: readonly TrustBundle[], previous?: MeshBundle): MeshBundle {
  const restrict = (bundle: TrustBundle, allowed: ReadonlySet<string>): TrustBundle => ({
    ...bundle,
    anchors: bundle.anchors.filter(({ certificate }) => allowed.has(certificate.fingerprint)),
  });
  return joinMesh({ mesh: 'default', bundles, previous, restrict });
}
const names = (mesh: MeshBundle): readonly string[] =>
  mesh.joint.map(({ trustDomain, anchors }) => `${trustDomain} ${anchors.length}`);

describe('joinMesh', () => {
  const a = bundleOf([shareOf('a.test', many(10, 'a'))]);
  const b = bundleOf([shareOf('b.test', many(15, 'b'))]);
  const c = bundleOf([shareOf('c.test', many(8, 'c'))]);

  it('sorts trust domains by name', () => {
    assert.deepEqual(names(join([b, a])), ['a.test 10', 'b.test 15']);
  });

  it('counts a subject once, however many authorities have it', () => {
    const one = named(100, 'same');
    const two = makeCa({ subject: longName(100, 'same') });
    const single = bundleOf([shareOf('a.test', [one])]).caNamesSize;
    assert.equal(
      countNames([bundleOf([shareOf('a.test', [one, two])]), bundleOf([shareOf('b.test', [two])])]).size,
      single,
    );
  });

  it('leaves the largest trust domain out of a first state that does not fit, and says so', () => {
    const mesh = join([a, b, c]);
    assert.deepEqual(names(mesh), ['a.test 10', 'c.test 8']);
    assert.ok(countNames(mesh.joint).size <= caNamesLimit);
    assert.deepEqual(
      mesh.findings
        .filter(({ code }) => code !== 'MT026')
        .map(({ code, trustDomain }) => [code, trustDomain]),
      [
        ['MT031', undefined],
        ['MT032', 'b.test'],
      ],
    );
    assert.deepEqual(
      mesh.bundles.map(({ trustDomain }) => trustDomain),
      ['a.test', 'b.test', 'c.test'],
    );
  });

  it('serves the last good set where a later state does not fit, less what is no longer listed', () => {
    const before = join([a, b]);
    const shrunken = { ...a, anchors: a.anchors.slice(3) };
    const mesh = join([shrunken, { ...b, anchors: [...b.anchors] }, c], before);
    assert.deepEqual(names(mesh), ['a.test 7', 'b.test 15']);
    assert.deepEqual(
      mesh.findings
        .filter(({ code }) => code !== 'MT026')
        .map(({ code, trustDomain }) => [code, trustDomain]),
      [
        ['MT031', undefined],
        ['MT032', 'c.test'],
      ],
    );
  });

  it('warns of one authority in two trust domains', () => {
    const ca = makeCa({ commonName: 'Shared' });
    const mesh = join([bundleOf([shareOf('x.test', [ca])]), bundleOf([shareOf('y.test', [ca])])]);
    assert.deepEqual(
      mesh.findings.map(({ code, trustDomain }) => [code, trustDomain]),
      [['MT026', 'y.test']],
    );
  });
});
