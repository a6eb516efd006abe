import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { verifyLeaf } from '../../../src/trust/verify/verify-leaf.ts';
import { makeCa, makeIntermediate, makeKey, makeLeaf } from '../../kit/certificates.ts';
import type { Certificate } from '../../kit/certificates.ts';

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
      "CN=Root is listed in trust domain a.test, but not with the key that the leaf names as its issuer's",
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

  test('another certificate of that name was sent: names it', () => {
    assert.match(
      sentence(below, [makeIntermediate(root, { commonName: 'Issuing', key: makeKey() })], [root]),
      /^CN=Issuing was sent, but the leaf names another certificate with that name/,
    );
  });
});
