import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from '../../kit/fast-check.ts';
import type { AnchorDetail, MeshDetail } from '../../../src/api/api-types.ts';
import { presentMesh } from '../../../src/api/present-mesh.ts';
import { diffMeshDetails } from '../../../src/cli/offline/diff-meshes.ts';
import type { MeshDifference } from '../../../src/cli/offline/diff-meshes.ts';
import { domainOf, meshOf } from '../../admin/states.ts';

const nothing = { findings: [], held: [], proxies: 0, now: 0 };

/** Returns a mesh of the admin API, from the names of the anchors of each trust domain. */
function mesh(domains: Readonly<Record<string, string>>, name = 'default'): MeshDetail {
  const bundles = Object.entries(domains).map(([trustDomain, anchors]) =>
    domainOf(
      trustDomain,
      Array.from(anchors, (anchor) => ({ name: anchor })),
      name,
    ),
  );
  const shown = presentMesh(meshOf(bundles, bundles, name), nothing);
  const version = `${name} ${JSON.stringify(domains)}`;
  const secrets = shown.secrets.map((secret) => ({ ...secret, version: `${secret.name} ${version}` }));
  return { ...shown, version, secrets };
}

/** Formats differences as `default a.test: +A -B ~C`. */
function words(differences: readonly MeshDifference[]): readonly string[] {
  const signs = { added: '+', removed: '-', renewed: '~', 're-rooted': '^' } as const;
  return differences.flatMap(({ mesh: of, trustDomains }) =>
    trustDomains.map(({ name, kind, anchors }) => {
      const changes = anchors.map((change) => {
        const { subject } = change.kind === 'removed' ? change.before : change.after;
        return `${signs[change.kind]}${subject.slice('CN='.length)}`;
      });
      return [of, kind, `${name}:`, ...changes].join(' ');
    }),
  );
}

function withAnchor(detail: MeshDetail, over: Partial<AnchorDetail>): MeshDetail {
  return {
    ...detail,
    version: `${detail.version}'`,
    trustDomains: detail.trustDomains.map((domain) => ({
      ...domain,
      anchors: domain.anchors.map((anchor) => ({ ...anchor, ...over })),
    })),
  };
}

suite('diffMeshDetails', () => {
  test('equal states: no difference', () => {
    assert.deepEqual(diffMeshDetails([mesh({ 'a.test': 'AB' })], [mesh({ 'a.test': 'AB' })]), []);
  });

  const table: readonly (readonly [
    what: string,
    before: readonly MeshDetail[],
    after: readonly MeshDetail[],
    expected: readonly string[],
  ])[] = [
    [
      'anchors that came and went',
      [mesh({ 'a.test': 'AB' })],
      [mesh({ 'a.test': 'BC' })],
      ['default changed a.test: -A +C'],
    ],
    [
      'trust domains that came and went',
      [mesh({ 'a.test': 'A', 'b.test': 'B' })],
      [mesh({ 'b.test': 'B', 'c.test': 'C' })],
      ['default removed a.test: -A', 'default added c.test: +C'],
    ],
    ['a mesh that came', [], [mesh({ 'a.test': 'A' }, 'blue')], ['blue added a.test: +A']],
    ['a mesh that went', [mesh({ 'a.test': 'A' }, 'blue')], [], ['blue removed a.test: -A']],
    [
      'a trust domain that stays without anchors',
      [mesh({ 'a.test': 'A', 'b.test': 'B' })],
      [mesh({ 'a.test': '', 'b.test': 'B' })],
      ['default changed a.test: -A'],
    ],
  ];
  for (const [what, before, after, expected] of table) {
    test(`${what}: ${expected.join('; ')}`, () =>
      assert.deepEqual(words(diffMeshDetails(before, after)), expected));
  }

  test('other certificate with the same subject and key: renewed', () => {
    const before = mesh({ 'a.test': 'A' });
    const after = withAnchor(before, { fingerprint: 'ff'.repeat(32), notAfter: '2099-01-01T00:00:00Z' });
    const [difference] = diffMeshDetails([before], [after]);
    const [change] = difference?.trustDomains[0]?.anchors ?? [];
    assert.equal(change?.kind, 'renewed');
    assert.deepEqual(
      [change.before.notAfter.slice(0, 4), change.after.notAfter.slice(0, 4)],
      ['2036', '2099'],
    );
    const otherKey = withAnchor(after, { keyHash: 'ee'.repeat(32) });
    assert.deepEqual(words(diffMeshDetails([before], [otherKey])), ['default changed a.test: -A +A']);
  });

  test('certificate in another form: re-rooted, whatever the cause', () => {
    const before = mesh({ 'a.test': 'A' });
    const reissued = withAnchor(before, { rooting: 're-rooted' });
    assert.deepEqual(words(diffMeshDetails([before], [reissued])), ['default changed a.test: ^A']);
    const promoted = withAnchor(before, { rooting: 'promoted' });
    assert.deepEqual(diffMeshDetails([promoted], [reissued]), []);
  });

  test('secrets that differ: are named, except a ROOTCA that only one side has', () => {
    const [before, after] = [mesh({ 'a.test': 'A' }), mesh({ 'a.test': 'A' })];
    const [first, ...rest] = after.secrets;
    assert.ok(first !== undefined);
    const [difference] = diffMeshDetails(
      [before],
      [{ ...after, secrets: [{ ...first, version: 'other' }, ...rest] }],
    );
    assert.deepEqual(difference?.secrets, ['system_trust_bundle']);
    assert.deepEqual(difference.trustDomains, []);
    const rooted = { ...after, secrets: [...after.secrets, { name: 'ROOTCA', version: 'r', bytes: 1 }] };
    assert.deepEqual(diffMeshDetails([before], [rooted]), []);
  });

  test('no trust left: denyAll', () => {
    assert.deepEqual(
      [mesh({ 'a.test': 'B' }), mesh({}), undefined].map(
        (after) => diffMeshDetails([mesh({ 'a.test': 'A' })], after === undefined ? [] : [after])[0]?.denyAll,
      ),
      [false, true, true],
    );
  });

  test('mesh without trust: same as a mesh that was never listed', () => {
    assert.deepEqual(diffMeshDetails([mesh({})], []), []);
    assert.deepEqual(diffMeshDetails([], [mesh({})]), []);
  });

  test('sides exchanged: added and removed are exchanged', () => {
    const anchors = fc.subarray(['A', 'B', 'C', 'D']).map((some) => some.join(''));
    const state = fc.uniqueArray(fc.tuple(fc.constantFrom('a.test', 'b.test'), anchors), {
      selector: ([name]) => name,
    });
    const sign = (word: string): string => (word.startsWith('+') ? `-${word.slice(1)}` : `+${word.slice(1)}`);
    fc.assert(
      fc.property(state, state, (one, other) => {
        const [a, b] = [mesh(Object.fromEntries(one)), mesh(Object.fromEntries(other))];
        const changes = (from: MeshDetail, to: MeshDetail): readonly string[] =>
          words(diffMeshDetails([from], [to]))
            .flatMap((line) =>
              line
                .split(' ')
                .slice(2)
                .map((word, _, all) => `${all[0]}${word}`),
            )
            .filter((word) => /[+-]/.test(word));
        const there = changes(a, b).map((word) => word.replace(/:[+-]/, (at) => `:${sign(at.slice(1))}`));
        assert.deepEqual(there.toSorted(), changes(b, a).toSorted());
      }),
    );
  });
});
