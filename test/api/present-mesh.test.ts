import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  presentFindings,
  presentMesh,
  presentMeshSummary,
  secondsUntil,
} from '../../src/api/present-mesh.ts';
import type { MeshContext } from '../../src/api/present-mesh.ts';
import { finding } from '../../src/trust/findings/finding.ts';
import type { TrustDomain } from '../../src/trust/model/mesh-trust.ts';
import { assertGolden } from '../admin/golden.ts';
import { domainOf, meshOf } from '../admin/states.ts';

const quiet: MeshContext = { findings: [], held: [], proxies: 0, now: 0 };

const findings = [
  finding('MT011', 'private key: never sent', {
    file: 'trust/a.yaml',
    line: 14,
    resource: 'default//trust',
    path: 'spec.caBundles[0].pem.value',
    block: 2,
  }),
  finding('MT020', 'is served re-rooted', {
    mesh: 'default',
    trustDomain: 'a.test',
    resource: 'default//trust',
    fingerprint: 'b1'.repeat(32),
  }),
  finding('MT002', 'no YAML', { file: 'trust/b.yaml', line: 1 }),
  finding('MT022', 'expired', { mesh: 'other', trustDomain: 'x.test' }),
  finding('MT011', 'private key', { resource: 'default-2//trust' }),
];

const full = meshOf([
  domainOf('a.test', [
    { name: 'A' },
    {
      name: 'B',
      rooting: 're-rooted',
      issuer: 'Root',
      until: 2027,
      listedBy: ['default//trust', 'default/ns/more'],
    },
    { name: 'C', rooting: 'promoted', issuer: 'Root', compressed: true },
  ]),
  domainOf('b.test', [{ name: 'D' }]),
]);
const held = ['b.test', 'a.test'].map((name, index) => ({
  mesh: 'default',
  trustDomain: name as TrustDomain,
  until: 31_500 + index * 1000,
}));
const elsewhere = { mesh: 'other', trustDomain: 'a.test' as TrustDomain, until: 0 };

suite('a mesh as JSON', () => {
  test('mesh: has trust domains, anchors, holds, secrets and findings', () =>
    assertGolden('mesh', presentMesh(full, { findings, held: [...held, elsewhere], proxies: 3, now: 2000 })));

  test('no trust domain left: deny-all', () => assertGolden('deny-all', presentMesh(meshOf([]), quiet)));

  test('trust domain outside of the secret of all, or without anchors: is marked', () => {
    const [a, b, c] = [
      domainOf('a.test', [{ name: 'A' }]),
      domainOf('b.test', [{ name: 'B' }]),
      domainOf('c.test', []),
    ];
    return assertGolden('left-out', presentMesh(meshOf([a, b, c], [a, c]), quiet));
  });

  test('list: has a short form', () =>
    assertGolden('summary', presentMeshSummary(full, { ...quiet, findings, proxies: 3 })));

  test('no anchors: no expiry', () =>
    assert.ok(!JSON.stringify(presentMeshSummary(meshOf([]), quiet)).includes('earliestExpiry')));
});

suite('findings as JSON', () => {
  test('findings: are counted, named and in the given order', () =>
    assertGolden('findings', presentFindings(findings)));

  test('time of the first report: is in whole seconds, and absent if it is unknown', () => {
    const [known, other] = findings;
    const since = (found: unknown): number | undefined => (found === known ? 1_500 : undefined);
    const times = presentFindings(findings.slice(0, 2), since).findings.map((found) => found.since);
    assert.ok(other !== undefined);
    assert.deepEqual(times, ['1970-01-01T00:00:01Z', undefined]);
  });
});

suite('seconds until a time', () => {
  for (const [until, now, expected] of [
    [1000, 0, 1],
    [1001, 0, 2],
    [0, 0, 0],
    [0, 5000, 0],
  ] as const)
    test(`from ${now} to ${until}: ${expected}`, () => assert.equal(secondsUntil(until, now), expected));
});
