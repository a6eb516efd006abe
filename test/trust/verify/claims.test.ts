import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { readClaims, readLink } from '../../../src/trust/verify/link.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { admissionCases } from './cases.ts';
import { allShapes } from './odd-cases.ts';

const certificates = [...admissionCases, ...allShapes(1)].flatMap(({ leaf, chain, anchors }) => [
  leaf.der,
  ...chain.map(({ der }) => der),
  ...anchors.map(({ der }) => der),
]);

suite('claims of a certificate', () => {
  test('certificates of all kinds: the claims are those of the whole reading', () => {
    let compared = 0;
    for (const der of certificates) {
      const read = readLink(der);
      if (read.kind === 'unreadable') continue;
      const { subject, names, notAfter } = read.link;
      assert.deepEqual(readClaims(der), { subject, names, notAfter });
      compared += 1;
    }
    assert.ok(compared > 500, `${compared} of ${certificates.length}`);
  });

  test('damaged certificate: has no claims', () => {
    const { der } = makeLeaf(makeCa(), { spiffeId: 'spiffe://a.test/x' });
    for (const length of [0, 1, der.length - 1]) assert.equal(readClaims(der.subarray(0, length)), undefined);
  });
});
