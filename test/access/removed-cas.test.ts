import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { suite, test } from 'node:test';
import { certificateJudge } from '../../src/access/certificate-judge.ts';
import { createRemovedCas } from '../../src/access/removed-cas.ts';
import { makeCa, makeIntermediate, makeLeaf } from '../kit/certificates.ts';
import type { Certificate } from '../kit/certificates.ts';

const [old, kept, other] = ['Old', 'Kept', 'Other'].map((commonName) => makeCa({ commonName })) as [
  Certificate,
  Certificate,
  Certificate,
];
const intermediate = makeIntermediate(old);
const ofKept = makeIntermediate(kept);
const parsed = (...cas: readonly Certificate[]): readonly X509Certificate[] =>
  cas.map(({ certPem }) => new X509Certificate(certPem));
const spiffeId = 'spiffe://a.test/proxy';
const ofOld = makeLeaf(old, { spiffeId });

suite('client certificate of a CA that was removed from the client CAs', () => {
  const cases: readonly (readonly [
    what: string,
    lists: readonly (readonly Certificate[])[],
    leaf: Certificate,
    chain: readonly Certificate[],
    expected: 'refused' | 'accepted',
  ])[] = [
    ['nothing removed', [[old, kept]], ofOld, [], 'accepted'],
    ['CA removed', [[old, kept], [kept]], ofOld, [], 'refused'],
    ['CA removed, which the client sends', [[old, kept], [kept]], ofOld, [old], 'refused'],
    ['CA removed, with another CA', [[old], [kept]], makeLeaf(kept, { spiffeId }), [], 'accepted'],
    ['CA removed and added again', [[old, kept], [kept], [kept, old]], ofOld, [], 'accepted'],
    ['CA removed long ago', [[old, kept], [kept], [kept, other]], ofOld, [], 'refused'],
    [
      'CA above an intermediate removed',
      [[old, kept], [kept]],
      makeLeaf(intermediate, { spiffeId }),
      [intermediate],
      'refused',
    ],
    [
      'CA removed, and the client sends an intermediate of another one that has not signed for it',
      [[old, kept], [kept]],
      ofOld,
      [ofKept],
      'refused',
    ],
    ['CA that only TLS has read yet', [[old, kept], [kept]], makeLeaf(other, { spiffeId }), [], 'accepted'],
  ];
  for (const [what, lists, leaf, chain, expected] of cases)
    test(`${what}: ${expected}`, () => {
      const removedCas = createRemovedCas();
      for (const list of lists) removedCas.update(parsed(...list));
      const judge = certificateJudge(undefined, {
        view: () => ({ readiness: { kind: 'ready' }, meshes: new Map() }),
        now: () => Date.now(),
        removedCas,
      });
      const judged = judge({ leaf: leaf.der, chain: chain.map(({ der }) => der), isVerified: true });
      assert.equal(judged.kind, expected === 'refused' ? 'refused' : 'spiffe');
    });
});
