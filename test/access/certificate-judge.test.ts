import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { X509Certificate } from 'node:crypto';
import { certificateJudge } from '../../src/access/certificate-judge.ts';
import type { TrustBundle } from '../../src/trust/bundle/trust-bundle.ts';
import type { MeshStates } from '../../src/trust/snapshot/mesh-builder.ts';
import { bundleOf, shareOf } from '../kit/bundles.ts';
import { makeCa, makeLeaf } from '../kit/certificates.ts';

const ca = makeCa({ commonName: 'Mesh CA' });
const bundle = { merged: [bundleOf([shareOf('a.test', [ca])])] };
const meshes = new Map([['default', { bundle }]]) as unknown as MeshStates;
const input = { view: () => ({ readiness: { kind: 'ready' }, meshes }), now: () => Date.now() } as const;

suite('SPIFFE ID of a client certificate', () => {
  for (const mesh of [undefined, 'default'])
    for (const [path, isValid] of [
      ['/ns/edge/sa/envoy', true],
      ['/ns/../sa/envoy', false],
      ['/ns/./sa/envoy', false],
      ['/ns//sa/envoy', false],
      ['/ns/%65dge/sa/envoy', false],
    ] as const)
      test(`${path} by ${mesh === undefined ? 'the client CA' : 'the served trust'}: is ${isValid ? 'accepted' : 'refused'}`, () => {
        const spiffeId = `spiffe://a.test${path}`;
        const leaf = new X509Certificate(makeLeaf(ca, { spiffeId }).certPem).raw;
        const judged = certificateJudge(mesh, input)({ leaf, chain: [], isVerified: true });
        if (isValid) assert.deepEqual(judged, { kind: 'spiffe', id: spiffeId });
        else {
          assert.ok(judged.kind === 'refused');
          assert.equal(judged.reason, 'certificate');
          assert.match(judged.message, /^the SPIFFE ID of the client certificate must/);
        }
      });
});

suite('many streams of a client that the served trust verifies', () => {
  const leaf = makeLeaf(ca, { spiffeId: 'spiffe://a.test/x', notAfter: new Date(Date.now() + 3_600_000) });
  const certificate = { leaf: leaf.der, chain: [ca.der], isVerified: false };

  /** A judge whose trust counts how often a certificate was verified with it. */
  function countingJudge() {
    let [verified, time] = [0, Date.now()];
    const stateOf = (merged: readonly TrustBundle[]) => ({
      get bundle() {
        verified += 1;
        return { merged };
      },
    });
    let state = stateOf(bundle.merged);
    const judge = certificateJudge('default', {
      view: () => ({
        readiness: { kind: 'ready' },
        meshes: new Map([['default', state]]) as unknown as MeshStates,
      }),
      now: () => time,
    });
    return {
      kind: (claimed = certificate) => judge(claimed).kind,
      verified: () => verified,
      pass: (ms: number) => void (time += ms),
      serve: (merged: readonly TrustBundle[]) => void (state = stateOf(merged)),
    };
  }

  test('the same certificates: are verified once in ten seconds', () => {
    const { kind, verified, pass } = countingJudge();
    assert.deepEqual([kind(), kind(), verified()], ['spiffe', 'spiffe', 1]);
    pass(9_999);
    assert.deepEqual([kind(), verified()], ['spiffe', 1]);
    pass(1);
    assert.deepEqual([kind(), verified()], ['spiffe', 2]);
  });

  test('other certificates of the same client: are verified', () => {
    const { kind, verified } = countingJudge();
    const other = { ...certificate, chain: [] };
    assert.deepEqual([kind(), kind(other), verified()], ['spiffe', 'spiffe', 2]);
  });

  test('the served trust changes: counts at once', () => {
    const { kind, serve } = countingJudge();
    assert.equal(kind(), 'spiffe');
    serve([]);
    assert.equal(kind(), 'refused');
    serve(bundle.merged);
    assert.equal(kind(), 'spiffe');
  });

  test('the leaf expires: counts at once', () => {
    const { kind, pass } = countingJudge();
    pass(Math.floor(leaf.notAfter.getTime() / 1_000) * 1_000 - 1 - Date.now());
    assert.equal(kind(), 'spiffe');
    pass(2_000);
    assert.equal(kind(), 'refused');
  });
});
