import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { X509Certificate } from 'node:crypto';
import { certificateJudge } from '../../src/access/certificate-judge.ts';
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
