import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from '../../kit/fast-check.ts';
import { refusalCodes } from '../../../src/trust/verify/verdict.ts';
import type { TrustedDomain, Verdict } from '../../../src/trust/verify/verdict.ts';
import { verifyLeaf } from '../../../src/trust/verify/verify-leaf.ts';
import { bundleOf, shareOf } from '../../kit/bundles.ts';
import { makeCa, makeIntermediate, makeLeaf } from '../../kit/certificates.ts';
import { contextPrimitive, integer, nullValue, oid, sequence, tlv } from '../../kit/der.ts';
import type { ExtensionSpec } from '../../kit/issue-certificate.ts';
import { admissionCases } from './cases.ts';
import { extension, keys, leafUsage, makeOdd, mlDsa65, nameOf, uriNames } from './odd-certificate.ts';

/** All trust domains of the table, as served. */
const domains: readonly TrustedDomain[] = admissionCases.map(({ trustDomain, anchors }) => ({
  name: trustDomain,
  anchors: bundleOf([shareOf(trustDomain, anchors)]).anchors.map(({ certificate, der, rooting }) => ({
    fingerprint: certificate.fingerprint,
    rooting,
    der,
  })),
}));

function sentenceOf(verdict: Verdict): string {
  return verdict.kind === 'refused' ? verdict.sentence : 'admitted';
}

suite('verifyLeaf', () => {
  for (const { title, leaf, chain, expected } of admissionCases) {
    test(`${title} → ${expected}`, () => {
      const verdict = verifyLeaf({
        leaf: leaf.der,
        chain: chain.map(({ der }) => der),
        domains,
        now: Date.now(),
      });
      assert.equal(
        verdict.kind === 'admitted' ? 'admitted' : verdict.code,
        expected,
        JSON.stringify(verdict, null, 2),
      );
    });
  }

  test('cases: one for each refusal code', () => {
    const expected = new Set(admissionCases.map((one) => one.expected));
    assert.deepEqual(
      refusalCodes.filter((code) => !expected.has(code)),
      // Unreadable certificates are tested below, without real Envoys.
      ['unreadable'],
    );
  });

  const described: readonly (readonly [title: string, sentence: RegExp])[] = [
    ['a trust domain that the anchor does not permit', / do not permit the URI spiffe:/],
    ['a DNS name that the anchor does not permit', / do not permit the DNS name bad\.test$/],
    ['a mail address that the anchor does not permit', / do not permit the e-mail address me@y\.test$/],
    ['a subject that the anchor does not permit', / do not permit the subject CN=x,O=Theirs$/],
    ['a constraint on addresses, and a leaf with an address', / cannot compare an alternative name with /],
  ];
  for (const [title, sentence] of described)
    test(`${title} → the sentence describes the name`, () => {
      const { leaf, chain } = admissionCases.find((one) => one.title === title) ?? assert.fail(title);
      const verdict = verifyLeaf({
        leaf: leaf.der,
        chain: chain.map(({ der }) => der),
        domains,
        now: Date.now(),
      });
      assert.match(sentenceOf(verdict), sentence);
    });

  test('leaf with any policy, below one that requires a policy → admitted, unless any policy is inhibited', () => {
    const policy = (id: string) => ({ id: '2.5.29.32', value: sequence(sequence(oid(id))) });
    const required = { id: '2.5.29.36', value: sequence(contextPrimitive(0, Buffer.of(0))), critical: true };
    const codeWith = (...more: readonly ExtensionSpec[]) => {
      const root = makeCa();
      const otherExtensions = [policy('1.2.3.1'), required, ...more];
      const upper = makeIntermediate(root, { commonName: 'Upper', otherExtensions });
      const leaf = makeLeaf(upper, {
        spiffeId: 'spiffe://any.test/x',
        otherExtensions: [policy('2.5.29.32.0')],
      });
      const anchor = { fingerprint: '', rooting: 'as-listed', der: root.der } as const;
      const verdict = verifyLeaf({
        leaf: leaf.der,
        chain: [upper.der],
        domains: [{ name: 'any.test', anchors: [anchor] }],
        now: Date.now(),
      });
      return verdict.kind === 'admitted' ? 'admitted' : verdict.code;
    };
    const inhibit = (skipped: bigint) => ({ id: '2.5.29.54', value: integer(skipped), critical: true });
    assert.equal(codeWith(), 'admitted');
    assert.equal(codeWith(inhibit(1n)), 'admitted');
    assert.equal(codeWith(inhibit(0n)), 'no-explicit-policy');
  });

  test('unreadable certificate → refused, and the sentence says which one', () => {
    const ca = makeCa();
    const leaf = makeLeaf(ca, { spiffeId: 'spiffe://c1.test/x' });
    const damaged = leaf.der.subarray(0, -1);
    const verdictOn = (own: Buffer, ...chain: readonly Buffer[]) =>
      verifyLeaf({ leaf: own, chain, domains, now: Date.now() });
    assert.match(sentenceOf(verdictOn(damaged)), /^the leaf cannot be read: /);
    assert.match(
      sentenceOf(verdictOn(leaf.der, ca.der, damaged)),
      /^certificate 2 of the chain cannot be read: /,
    );
  });

  test('key of a leaf that is no point of its curve → refused', () => {
    const root = makeOdd({ subject: nameOf('Root') });
    const spki = Buffer.from(keys.p384.spki);
    spki[spki.length - 1] = (spki.at(-1) ?? 0) ^ 1;
    const extensions = [leafUsage, uriNames('spiffe://a.test/x')];
    const key = { ...keys.p384, spki };
    const leaf = makeOdd({ issuer: nameOf('Root'), issuerKey: keys.p256, key, extensions });
    const anchor = { fingerprint: 'f', rooting: 'as-listed', der: root.der } as const;
    const domains = [{ name: 'a.test', anchors: [anchor] }];
    const verdict = verifyLeaf({ leaf: leaf.der, chain: [], domains, now: Date.now() });
    assert.equal(sentenceOf(verdict), 'the public key of the leaf cannot be read');
  });

  test('leaf below an intermediate with an ML-DSA key → admitted by Envoy 1.40, refused by Envoy 1.36', () => {
    const root = makeOdd({ subject: nameOf('Root') });
    const middle = makeOdd({
      subject: nameOf('Middle'),
      issuer: nameOf('Root'),
      issuerKey: keys.p256,
      key: keys.mlDsa65,
    });
    const extensions = [leafUsage, uriNames('spiffe://a.test/x')];
    const signed = { issuer: nameOf('Middle'), issuerKey: keys.mlDsa65, signing: mlDsa65(), extensions };
    const anchor = { fingerprint: 'f', rooting: 'as-listed', der: root.der } as const;
    const verdictOn = (leaf: Buffer, isDecisionOnly?: boolean) =>
      verifyLeaf({
        leaf,
        chain: [middle.der],
        domains: [{ name: 'a.test', anchors: [anchor] }],
        now: Date.now(),
        isDecisionOnly,
      });
    const verdict = verdictOn(makeOdd({ ...signed, key: keys.p384 }).der);
    assert.equal(sentenceOf(verdict), 'admitted');
    assert.equal(verdict.other?.kind === 'refused' && verdict.other.code, 'signature-unsupported');
    const decision = verdictOn(makeOdd({ ...signed, key: keys.p384 }).der, true);
    assert.deepEqual([decision.kind, decision.other], ['admitted', undefined]);
    assert.match(
      sentenceOf(verdictOn(makeOdd({ ...signed, key: keys.mlDsa65 }).der)),
      /a key of type ML-DSA-65, which/,
    );
    const odd = makeOdd({ ...signed, key: keys.p384, signing: mlDsa65(nullValue()) });
    assert.match(sentenceOf(verdictOn(odd.der)), /an algorithm or parameters that Envoy does not verify/);
  });

  test('critical flag of another byte than FF → true, as in BER', () => {
    const root = makeOdd({ subject: nameOf('Root') });
    const verdictWith = (id: string, flag: number) => {
      const odd = extension(id, sequence(oid('1.2.3')), tlv(1, Buffer.of(flag)));
      const extensions = [leafUsage, uriNames('spiffe://a.test/x'), odd];
      const leaf = makeOdd({ issuer: nameOf('Root'), issuerKey: keys.p256, key: keys.p384, extensions });
      const anchor = { fingerprint: 'f', rooting: 'as-listed', der: root.der } as const;
      const domains = [{ name: 'a.test', anchors: [anchor] }];
      const verdict = verifyLeaf({ leaf: leaf.der, chain: [], domains, now: Date.now() });
      return verdict.kind === 'admitted' ? 'admitted' : verdict.code;
    };
    for (const flag of [0x01, 0x80, 0xfe, 0xff]) {
      assert.equal(verdictWith('2.5.29.37', flag), 'admitted');
      assert.equal(verdictWith('1.2.3.4', flag), 'unknown-critical-extension');
    }
    assert.equal(verdictWith('1.2.3.4', 0x00), 'admitted');
  });

  test('102,400 bytes of certificates → admitted, and one byte more → refused', () => {
    const ca = makeCa();
    const anchor = { fingerprint: 'f', rooting: 'as-listed', der: ca.der } as const;
    const leaf = makeLeaf(ca, { spiffeId: 'spiffe://a.test/x' });
    const limit = 102_400 - 4 - 2 * 5 - leaf.der.length;
    const verdictWith = (length: number) => {
      let value = Buffer.alloc(length);
      const make = () => makeCa({ commonName: 'Unused', otherExtensions: [{ id: '1.2.3.4', value }] }).der;
      let der = make();
      // The length of an ECDSA signature varies.
      for (; der.length !== length; der = make()) value = Buffer.alloc(value.length + length - der.length);
      const domains = [{ name: 'a.test', anchors: [anchor] }];
      return verifyLeaf({ leaf: leaf.der, chain: [der], domains, now: Date.now() });
    };
    assert.equal(sentenceOf(verdictWith(limit)), 'admitted');
    assert.equal(
      sentenceOf(verdictWith(limit + 1)),
      'the client sends 102401 bytes of certificates, and Envoy accepts 102400',
    );
  });

  test('admitted → the last step is the CA as it is served', () => {
    const ca = makeCa();
    const leaf = makeLeaf(ca, { spiffeId: 'spiffe://a.test/x' });
    const anchor = { fingerprint: 'f', rooting: 're-rooted', der: ca.der } as const;
    const served = [{ name: 'a.test', anchors: [anchor] }];
    const verdict = verifyLeaf({ leaf: leaf.der, chain: [], domains: served, now: Date.now() });
    const last = verdict.kind === 'admitted' ? verdict.path.at(-1) : undefined;
    assert.deepEqual([last?.role, last?.fingerprint, last?.rooting], ['anchor', 'f', 're-rooted']);
  });

  test('any changed byte in a leaf or intermediate → refused; any bytes as a leaf → a verdict', () => {
    const ca = makeCa();
    const intermediate = makeIntermediate(ca);
    const leaf = makeLeaf(intermediate, { spiffeId: 'spiffe://a.test/x' });
    const anchor = { fingerprint: 'f', rooting: 'as-listed', der: ca.der } as const;
    const verdictOn = (own: Uint8Array, chain: readonly Uint8Array[]) =>
      verifyLeaf({ leaf: own, chain, domains: [{ name: 'a.test', anchors: [anchor] }], now: Date.now() });
    assert.equal(verdictOn(leaf.der, [intermediate.der]).kind, 'admitted');
    const change = fc.record({ at: fc.nat(), by: fc.integer({ min: 1, max: 255 }) });
    const changed = (der: Buffer, { at, by }: { readonly at: number; readonly by: number }): Buffer => {
      const copy = Buffer.from(der);
      const index = at % copy.length;
      copy[index] = (copy[index] ?? 0) ^ by;
      return copy;
    };
    fc.assert(
      fc.property(change, fc.uint8Array({ maxLength: 200 }), (one, bytes) => {
        assert.equal(verdictOn(changed(leaf.der, one), [intermediate.der]).kind, 'refused');
        assert.equal(verdictOn(leaf.der, [changed(intermediate.der, one)]).kind, 'refused');
        assert.match(sentenceOf(verdictOn(bytes, [])), /^the leaf cannot be read: /);
      }),
      { numRuns: 500 },
    );
  });

  test('dates: the second of notBefore is valid, and the second of notAfter is not', () => {
    const [from, until] = [new Date('2026-01-01T00:00:00Z'), new Date('2026-01-02T00:00:00Z')];
    const ca = makeCa({ notBefore: new Date(0) });
    const leaf = makeLeaf(ca, { spiffeId: 'spiffe://a.test/x', notBefore: from, notAfter: until });
    const anchor = { fingerprint: 'f', rooting: 'as-listed', der: ca.der } as const;
    const at = (now: number) => {
      const verdict = verifyLeaf({
        leaf: leaf.der,
        chain: [],
        domains: [{ name: 'a.test', anchors: [anchor] }],
        now,
      });
      return verdict.kind === 'admitted' ? 'admitted' : verdict.code;
    };
    assert.equal(at(from.getTime() - 1), 'leaf-not-yet-valid');
    assert.equal(at(from.getTime()), 'admitted');
    assert.equal(at(until.getTime() - 1), 'admitted');
    assert.equal(at(until.getTime()), 'leaf-expired');
  });
});
