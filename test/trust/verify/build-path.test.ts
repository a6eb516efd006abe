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

/** Returns the verdict on a client of one of two CAs with one name and no key identifiers, among other CAs. */
function verdictOfTwin(others: number, which: 0 | 1, notAfter?: Date, isDecisionOnly?: boolean) {
  const plain = { commonName: 'Twin', subjectKeyId: false, authorityKeyId: undefined } as const;
  const twins = [makeCa(plain), makeCa(plain)] as const;
  const cas = [
    ...twins,
    ...Array.from({ length: others }, (_, index) => makeCa({ key, commonName: `${index}` })),
  ];
  const dates = notAfter === undefined ? {} : { notBefore: new Date(0), notAfter };
  const leaf = makeLeaf(twins[which], { ...plain, ...dates, spiffeId: 'spiffe://a.test/x' });
  const anchors = cas.map(
    ({ der }, index) => ({ fingerprint: `${index}`, rooting: 'as-listed', der }) as const,
  );
  const verdict = verifyLeaf({
    leaf: leaf.der,
    chain: [],
    domains: [{ name: 'a.test', anchors }],
    now: Date.now(),
    isDecisionOnly,
  });
  assert.equal(verdict.contested.length, 1);
  return { kind: verdict.kind, isUncertain: verdict.uncertain === true };
}

test('two CAs of one name among up to 24 CAs: Envoy uses the first one', () => {
  assert.deepEqual(verdictOfTwin(22, 0), { kind: 'admitted', isUncertain: false });
  assert.deepEqual(verdictOfTwin(22, 1), { kind: 'refused', isUncertain: false });
});

test('two CAs of one name among more than 24 CAs: the decision is uncertain', () => {
  assert.equal(verdictOfTwin(23, 0).isUncertain, true);
  assert.equal(verdictOfTwin(23, 1).isUncertain, true);
});

test('two CAs of one name among more than 24 CAs, and both refuse the client: the decision is certain', () => {
  assert.deepEqual(verdictOfTwin(23, 0, new Date(1000)), { kind: 'refused', isUncertain: false });
});

test('two CAs of one name among more than 24 CAs, and only the decision is asked for: the first one decides', () => {
  assert.deepEqual(verdictOfTwin(23, 0, undefined, true), { kind: 'admitted', isUncertain: false });
  assert.deepEqual(verdictOfTwin(23, 1, undefined, true), { kind: 'refused', isUncertain: false });
});

test('more possible paths than are checked: the decision is uncertain, within a second', () => {
  const plain = { subjectKeyId: false, authorityKeyId: undefined, key } as const;
  // Five CAs of each of eight names, which the CAs of the next name may have signed.
  const cas = Array.from({ length: 40 }, (_, index) => {
    const level = Math.floor(index / 5);
    const options = { ...plain, commonName: `CA ${level}`, serial: BigInt(index + 1) };
    if (level === 0) return makeCa(options);
    return makeIntermediate(makeCa({ ...plain, commonName: `CA ${level - 1}` }), options);
  });
  const leaf = makeLeaf(cas.at(-1) ?? assert.fail(), {
    ...plain,
    spiffeId: 'spiffe://a.test/x',
    key: makeKey(),
  });
  const anchors = cas.map(
    ({ der }, index) => ({ fingerprint: `${index}`, rooting: 'as-listed', der }) as const,
  );
  const start = performance.now();
  const verdict = verifyLeaf({
    leaf: leaf.der,
    chain: [],
    domains: [{ name: 'a.test', anchors }],
    now: Date.now(),
  });
  assert.equal(verdict.uncertain, true);
  assert.ok(performance.now() - start < 1_000);
});

test('path: 100 intermediates between leaf and anchor → admitted, and 101 → no path', () => {
  assert.equal(verdictOf(100), 'admitted');
  assert.equal(verdictOf(101), 'no-path');
});
