import assert from 'node:assert/strict';
import { test } from 'node:test';

import { verifyLeaf } from '../../../src/trust/verify/verify-leaf.ts';
import { makeCa, makeIntermediate, makeKey, makeLeaf } from '../../kit/certificates.ts';
import type { Certificate } from '../../kit/certificates.ts';

const key = makeKey();

/** Returns the verdict on a client that sends this number of intermediates below a listed root. */
function verdictOf(intermediates: number): string {
  const root = makeCa({ key, commonName: 'Root' });
  const sent: Certificate[] = [];
  for (let number = 1; number <= intermediates; number++) {
    sent.unshift(makeIntermediate(sent[0] ?? root, { key, commonName: `Intermediate ${number}` }));
  }
  const leaf = makeLeaf(sent[0] ?? root, { spiffeId: 'spiffe://a.test/x' });
  const verdict = verifyLeaf({
    leaf: leaf.der,
    chain: sent.map(({ der }) => der),
    domains: [{ name: 'a.test', anchors: [{ fingerprint: 'f', rooting: 'as-listed', der: root.der }] }],
    now: Date.now(),
  });
  return verdict.kind === 'admitted' ? 'admitted' : verdict.code;
}

test('path: 100 intermediates between leaf and anchor → admitted, and 101 → no path', () => {
  assert.equal(verdictOf(100), 'admitted');
  assert.equal(verdictOf(101), 'no-path');
});
