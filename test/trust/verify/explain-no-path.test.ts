import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { verifyLeaf } from '../../../src/trust/verify/verify-leaf.ts';
import { makeCa, makeIntermediate, makeKey, makeLeaf } from '../../kit/certificates.ts';
import type { Certificate, LeafOptions } from '../../kit/certificates.ts';
import { contextConstructed, contextPrimitive, integer, oid, sequence } from '../../kit/der.ts';
import { encodeName, keyIdentifier } from '../../kit/issue-certificate.ts';
import type { Name } from '../../kit/issue-certificate.ts';

const [root, impostor] = [makeCa({ commonName: 'Root' }), makeCa({ commonName: 'Root', key: makeKey() })];
const issuing = makeIntermediate(root, { commonName: 'Issuing' });
const other = makeCa({ commonName: 'Other' });
const spiffeId = 'spiffe://a.test/web';

/** Returns the sentence about a client, given the CAs of a.test and of b.test. */
function sentence(
  leaf: Certificate,
  chain: readonly Certificate[],
  listed: readonly Certificate[],
  elsewhere: readonly Certificate[] = [],
): string {
  const domain = (name: string, cas: readonly Certificate[]) => ({
    name,
    anchors: cas.map(({ der }, index) => ({
      fingerprint: `${name}-${index}`,
      rooting: 'as-listed' as const,
      der,
    })),
  });
  const verdict = verifyLeaf({
    leaf: leaf.der,
    chain: chain.map(({ der }) => der),
    domains: [domain('a.test', listed), domain('b.test', elsewhere)],
    now: Date.now(),
  });
  assert.equal(verdict.kind, 'refused');
  assert.equal(verdict.code, 'no-path');
  return verdict.sentence;
}

suite('no path: the sentence names the cause', () => {
  const leaf = makeLeaf(root, { spiffeId });
  const below = makeLeaf(issuing, { spiffeId });

  test('root that was sent: is not listed', () => {
    assert.equal(
      sentence(leaf, [root], [other]),
      'the root CN=Root was sent, but it is not listed in trust domain a.test',
    );
  });

  test('issuer that another trust domain lists: names that domain', () => {
    assert.equal(
      sentence(leaf, [], [other], [root]),
      'the issuer of the leaf, CN=Root, is listed in b.test, but not in trust domain a.test',
    );
  });

  test('CA of the same name with another key: names the key', () => {
    assert.equal(
      sentence(leaf, [], [impostor]),
      'CN=Root is listed in trust domain a.test, but not with the key that the leaf names in its authority key identifier',
    );
  });

  test('intermediate that was not sent: the client must send it', () => {
    assert.match(
      sentence(below, [], [root]),
      /^the issuer of the leaf, CN=Issuing, is not listed in trust domain a\.test, and was not sent; .* must send it/,
    );
  });

  test('issuer of an intermediate: is named for the intermediate', () => {
    assert.match(
      sentence(below, [issuing], [other]),
      /^the issuer of CN=Issuing, CN=Root, is not listed in trust domain a\.test, and was not sent/,
    );
  });

  const naming = (ca: Certificate, issuer: Name): LeafOptions => ({
    authorityKeyId: undefined,
    otherExtensions: [
      {
        id: '2.5.29.35',
        value: sequence(
          contextPrimitive(0, keyIdentifier(ca.publicKey)),
          contextConstructed(1, contextConstructed(4, encodeName(issuer))),
          contextPrimitive(2, integer(ca.serial).subarray(2)),
        ),
      },
    ],
  });

  test('CA of the same name and serial number with another key: names the key', () => {
    const twin = makeCa({ commonName: 'Root', key: makeKey(), serial: root.serial });
    assert.equal(
      sentence(makeLeaf(root, { spiffeId, ...naming(root, root.name) }), [], [twin]),
      'CN=Root is listed in trust domain a.test, but not with the key that the leaf names in its authority key identifier',
    );
  });

  test('renewed CA with the same key: names the serial number', () => {
    const renewed = makeCa({ commonName: 'Root', key: root });
    assert.equal(
      sentence(makeLeaf(root, { spiffeId, ...naming(root, root.name) }), [], [renewed]),
      'CN=Root is listed in trust domain a.test, but not with the serial number that the leaf names in its authority key identifier',
    );
  });

  test('CA with another issuer: names the issuer, and the remedy', () => {
    assert.equal(
      sentence(makeLeaf(root, { spiffeId, ...naming(root, other.name) }), [], [root]),
      'CN=Root is listed in trust domain a.test, but not with the issuer that the leaf names in its authority key identifier; list the issuer of CN=Root, too',
    );
  });

  test('CAs of the same name that differ in different parts: names both', () => {
    const renewed = makeCa({ commonName: 'Root', key: root });
    assert.match(
      sentence(makeLeaf(root, { spiffeId, ...naming(root, root.name) }), [], [renewed, impostor]),
      /, but not with the key or serial number that the leaf names /,
    );
  });

  test('more than 100 intermediates: says so', () => {
    const chain: Certificate[] = [];
    for (let number = 1; number <= 101; number++)
      chain.unshift(makeIntermediate(chain[0] ?? root, { key: root, commonName: `Intermediate ${number}` }));
    assert.equal(
      sentence(makeLeaf(chain[0] ?? root, { spiffeId }), chain, [root]),
      'the path has more than 100 intermediates between the leaf and a root, the most that Envoy allows',
    );
  });

  const [ring, back] = [makeCa({ commonName: 'Ring' }), makeCa({ commonName: 'Back' })];
  const circle = [
    makeIntermediate(back, { key: ring, subject: ring.name }),
    makeIntermediate(ring, { key: back, subject: back.name }),
  ];

  test('intermediates that issued each other, sent: says so', () => {
    assert.equal(
      sentence(makeLeaf(ring, { spiffeId }), circle, [other]),
      'CN=Ring was sent, but it is already on the path: the sent certificates issued each other',
    );
  });

  test('intermediates that issued each other, listed: says so', () => {
    assert.equal(
      sentence(makeLeaf(ring, { spiffeId }), [], circle),
      'the CA certificates of trust domain a.test issued each other, and none of them is a root',
    );
  });

  test('another certificate of that name was sent: names the difference', () => {
    assert.equal(
      sentence(below, [makeIntermediate(root, { commonName: 'Issuing', key: makeKey() })], [root]),
      'CN=Issuing was sent, but not with the key that the leaf names in its authority key identifier',
    );
  });

  test('issuer that was sent and cannot sign: names its key usage', () => {
    assert.equal(
      sentence(
        below,
        [makeIntermediate(root, { commonName: 'Issuing', key: issuing, keyUsage: ['cRLSign'] })],
        [root],
      ),
      'CN=Issuing was sent, but its key usage does not allow signing certificates',
    );
  });

  test('issuer that was sent and has an invalid extension: says so', () => {
    const twice = [1, 2].map(() => ({ id: '2.5.29.37', value: sequence(oid('1.2.3')) }));
    assert.equal(
      sentence(
        below,
        [makeIntermediate(root, { commonName: 'Issuing', key: issuing, otherExtensions: twice })],
        [root],
      ),
      'CN=Issuing was sent, but it has an extension that Envoy considers invalid',
    );
  });
});
