import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  endpointFindings,
  readEndpointSvid,
  publicationFindings,
} from '../../../src/bundle-endpoint/core/endpoint-certificate.ts';
import { createPublishedBundles } from '../../../src/bundle-endpoint/core/published-bundles.ts';
import type { Share } from '../../../src/trust/ledger/share.ts';
import { shareOf } from '../../kit/bundles.ts';
import { makeCa, makeIntermediate, makeLeaf } from '../../kit/certificates.ts';
import { makeServed } from './served-trust.ts';

const ca = makeCa({ commonName: 'CA' });
const other = makeCa({ commonName: 'Other' });
const spiffeId = 'spiffe://a.test/meshtrust';

suite('certificate of the endpoint with the profile spiffe', () => {
  test('shape: an X509-SVID is read, anything else has a reason', () => {
    const leaf = makeLeaf(ca, { spiffeId });
    const svid = readEndpointSvid(leaf.certPem + ca.certPem);
    assert.equal(
      JSON.stringify(svid),
      JSON.stringify({ leaf: leaf.der, chain: [ca.der], id: spiffeId, trustDomain: 'a.test' }),
    );
    const cases: readonly (readonly [pem: string, reason: RegExp])[] = [
      ['', /holds no certificate/],
      [ca.certPem, /is a CA certificate/],
      [makeLeaf(ca).certPem, /has 0 URIs/],
      [makeLeaf(ca, { uris: [spiffeId, 'spiffe://a.test/other'] }).certPem, /has 2 URIs/],
      [makeLeaf(ca, { uris: ['https://a.test/x'] }).certPem, /not a SPIFFE ID/],
      [makeLeaf(ca, { spiffeId: 'spiffe://a.test' }).certPem, /no path/],
      [makeLeaf(ca, { spiffeId: 'spiffe://a.test/' }).certPem, /is not valid/],
      [makeLeaf(ca, { spiffeId: 'spiffe://a.test/x//y' }).certPem, /is not valid/],
      [makeLeaf(ca, { spiffeId: 'spiffe://a.test/x?y' }).certPem, /is not valid/],
      [makeLeaf(ca, { spiffeId: 'spiffe://a.test/x/../y' }).certPem, /is not valid, it must not have '\.'/],
      [makeLeaf(ca, { spiffeId: 'spiffe://a.test/.' }).certPem, /is not valid, it must not have '\.'/],
      [makeLeaf(ca, { spiffeId: 'spiffe://A.test/x' }).certPem, /lower case/],
      [makeLeaf(ca, { spiffeId: 'spiffe://a.test:443/x' }).certPem, /trust domain of the SPIFFE ID/],
      [
        makeLeaf(ca, { spiffeId, keyUsage: ['digitalSignature', 'keyCertSign'] }).certPem,
        /allows it to sign/,
      ],
    ];
    for (const [pem, reason] of cases) {
      const read = readEndpointSvid(pem);
      assert.match(typeof read === 'string' ? read : 'it was read', reason);
    }
  });

  const messages = (
    pem: string,
    published: readonly string[],
    ...shares: readonly Share[]
  ): readonly string[] => {
    const svid = readEndpointSvid(pem);
    const served = makeServed().of(...shares);
    const bundles = createPublishedBundles({
      rules: published.map((trustDomain) => ({ mesh: 'default', trustDomain: trustDomain as '*' })),
      refreshSeconds: 300,
    });
    bundles.update(served, 1);
    const trust = { published: bundles.all(), meshes: served.meshes };
    if (typeof svid === 'string') assert.fail(svid);
    return endpointFindings(svid, trust, 'tls.crt', Date.now()).map(
      ({ code, message }) => `${code} ${message}`,
    );
  };

  test('chain to what is published of its trust domain: nothing is reported', () => {
    assert.deepEqual(messages(makeLeaf(ca, { spiffeId }).certPem, ['a.test'], shareOf('a.test', [ca])), []);
    const intermediate = makeIntermediate(ca);
    const chain = makeLeaf(intermediate, { spiffeId }).certPem + intermediate.certPem;
    assert.deepEqual(messages(chain, ['a.test'], shareOf('a.test', [ca])), []);
  });

  test('certificate of another CA, or an expired one: consumers fail at their next fetch', () => {
    const expired = makeLeaf(ca, { spiffeId, notAfter: new Date(Date.now() - 1000) });
    for (const pem of [makeLeaf(other, { spiffeId }).certPem, expired.certPem]) {
      const [message, ...rest] = messages(pem, ['a.test'], shareOf('a.test', [ca]));
      assert.match(message ?? '', /^MT081 consumers with the current bundle of trust domain a\.test refuse/);
      assert.deepEqual(rest, []);
    }
  });

  test('trust domain that is served and not published: is checked all the same', () => {
    const trusted = makeLeaf(ca, { spiffeId }).certPem;
    assert.deepEqual(messages(trusted, ['b.test'], shareOf('a.test', [ca]), shareOf('b.test', [ca])), []);
    const foreign = makeLeaf(other, { spiffeId }).certPem;
    assert.equal(messages(foreign, ['b.test'], shareOf('a.test', [ca]), shareOf('b.test', [ca])).length, 1);
  });

  test('trust domain that is not served: cannot be checked', () => {
    const [message] = messages(makeLeaf(ca, { spiffeId }).certPem, ['b.test'], shareOf('b.test', [ca]));
    assert.match(message ?? '', /^MT081 .* no CA certificate of trust domain a\.test is served/);
  });
});

suite('empty bundle', () => {
  test('published without a key: is an error about the trust domain', () => {
    const bundles = createPublishedBundles({
      rules: [{ mesh: 'default', trustDomain: '*' }],
      refreshSeconds: 300,
    });
    const { of } = makeServed();
    bundles.update(of(shareOf('a.test', [ca])), 1);
    assert.deepEqual(publicationFindings(bundles.all()), []);
    bundles.update(of(), 2);
    const [found] = publicationFindings(bundles.all());
    assert.deepEqual(
      [found?.code, found?.severity, found?.mesh, found?.trustDomain],
      ['MT080', 'error', 'default', 'a.test'],
    );
  });
});
