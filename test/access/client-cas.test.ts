import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { suite, test } from 'node:test';
import { certificateJudge } from '../../src/access/certificate-judge.ts';
import { createClientCas } from '../../src/access/client-cas.ts';
import { makeCa, makeIntermediate, makeLeaf, makeSelfSignedLeaf } from '../kit/certificates.ts';
import type { Certificate, CertificateOptions } from '../kit/certificates.ts';
import { contextConstructed, contextPrimitive, sequence } from '../kit/der.ts';
import { connectTo } from './connect-to.ts';

const noFurtherCa = { kind: 'ca', pathLength: 0 } as const;
const [old, kept, other] = ['Old', 'Kept', 'Other'].map((commonName) => makeCa({ commonName })) as [
  Certificate,
  Certificate,
  Certificate,
];
const many = [makeCa({ commonName: 'Third' }), makeCa({ commonName: 'Fourth' })];
const intermediate = makeIntermediate(old);
const ofKept = makeIntermediate(kept);
const parsed = (...cas: readonly Certificate[]): readonly X509Certificate[] =>
  cas.map(({ certPem }) => new X509Certificate(certPem));
const spiffeId = 'spiffe://a.test/proxy';
const ofOld = makeLeaf(old, { spiffeId });
const below = makeLeaf(intermediate, { spiffeId });
const deep = makeIntermediate(intermediate, { commonName: 'Deep' });
/** The name and key of the intermediate, signed by another root. */
const crossSigned = makeIntermediate(kept, { key: intermediate });
const hour = 3_600_000;
/** A leaf of a root that stays. Its key may sign, as it has no key usage, but it is no CA. */
const bridge = makeLeaf(kept, { commonName: 'Bridge', keyUsage: undefined });
/** The name and the key of a removed root, in a certificate of another CA. */
const oldBelow = (issuer: Certificate, options: CertificateOptions = {}): Certificate =>
  makeIntermediate(issuer, { commonName: 'Old', key: old, ...options });
const expired = makeCa({ commonName: 'Expired', notAfter: new Date(Date.now() - 60_000) });
const expiredBelow = makeIntermediate(kept, {
  commonName: 'Expired below',
  notBefore: new Date(Date.now() - 2 * hour),
  notAfter: new Date(Date.now() - 60_000),
});
/** X.509 version 1, as some old roots are. */
const plain = makeCa({
  commonName: 'Plain',
  version: 1,
  basicConstraints: undefined,
  keyUsage: undefined,
  subjectKeyId: false,
  authorityKeyId: undefined,
});
const endsSoon = makeIntermediate(kept, { commonName: 'No further CA', basicConstraints: noFurtherCa });
const named = makeIntermediate(kept, { commonName: 'Named', permittedUriHosts: ['b.test'] });
const address = (...bytes: readonly number[]): Buffer => contextPrimitive(7, Buffer.from(bytes));
const constrainedTo = (base: Buffer): CertificateOptions => ({
  otherExtensions: [
    { id: '2.5.29.30', value: sequence(contextConstructed(0, sequence(base))), critical: true },
  ],
});
/** OpenSSL does not verify the signature of a listed CA that seems to be self-signed: its names are equal. */
const nextKey = makeIntermediate(old, { commonName: 'Old', authorityKeyId: undefined });
const nextBelow = makeIntermediate(old, { commonName: 'Old' });
const ofServers = makeIntermediate(kept, { commonName: 'Servers', extendedKeyUsage: ['serverAuth'] });

suite('client certificate of a CA that was removed from the client CAs or has expired', () => {
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
    ['intermediate removed, whose root stays', [[old, intermediate], [old]], below, [], 'refused'],
    [
      'intermediate removed, whose root stays, and the client sends it',
      [[old, intermediate], [old]],
      below,
      [intermediate],
      'accepted',
    ],
    [
      'intermediate removed, and the leaf is of its root',
      [[old, intermediate], [old]],
      ofOld,
      [],
      'accepted',
    ],
    // TLS accepts no chain that ends at an intermediate.
    ['root removed, and its intermediate stays', [[old, intermediate], [intermediate]], below, [], 'refused'],
    [
      'root removed, and its intermediate stays, which the client sends',
      [[old, intermediate], [intermediate]],
      below,
      [intermediate],
      'refused',
    ],
    [
      'root removed, and the leaf is of the root',
      [[old, intermediate], [intermediate]],
      ofOld,
      [],
      'refused',
    ],
    [
      'both removed, and another CA stays',
      [[old, intermediate, kept], [kept]],
      below,
      [intermediate],
      'refused',
    ],
    [
      'intermediate below another one removed, and the client sends both',
      [[old, intermediate, deep], [old]],
      makeLeaf(deep, { spiffeId }),
      [deep, intermediate],
      'accepted',
    ],
    [
      'intermediate between the two removed, and the client sends the lower one',
      [
        [old, intermediate, deep],
        [old, deep],
      ],
      makeLeaf(deep, { spiffeId }),
      [deep],
      'refused',
    ],
    [
      'CA above an intermediate removed, and the client sends a dozen other certificates before the intermediate',
      [[old, kept], [kept]],
      below,
      [...Array.from({ length: 12 }, (_, index) => makeCa({ commonName: `Other ${index}` })), intermediate],
      'refused',
    ],
    [
      'another CA removed, and the client sends a dozen other certificates before its intermediate',
      [[old, kept], [old]],
      below,
      [...Array.from({ length: 12 }, (_, index) => makeCa({ commonName: `Other ${index}` })), intermediate],
      'accepted',
    ],
    [
      'root removed, which a root that stays has signed as well, and the client sends that',
      [[old, kept], [kept]],
      ofOld,
      [oldBelow(kept)],
      'accepted',
    ],
    [
      'root removed, and the client sends its intermediate as both roots signed it, first that of the root that stays',
      [[old, kept], [kept]],
      below,
      [crossSigned, intermediate],
      'accepted',
    ],
    [
      'root removed, and the client sends its intermediate as another removed root signed it as well',
      [[old, other, kept], [kept]],
      below,
      [makeIntermediate(other, { key: intermediate }), intermediate],
      'refused',
    ],
    [
      'root removed, and a root of version 1 that stays has signed its name and key',
      [[old, plain], [plain]],
      ofOld,
      [oldBelow(plain)],
      'accepted',
    ],
    [
      'root removed, and a client that is no CA has signed its name and key',
      [[old, kept], [kept]],
      ofOld,
      [oldBelow(bridge), bridge],
      'refused',
    ],
    [
      'root removed, and its certificate of a root that stays has expired',
      [[old, kept], [kept]],
      ofOld,
      [oldBelow(kept, { notBefore: new Date(Date.now() - 2 * hour), notAfter: new Date(Date.now() - hour) })],
      'refused',
    ],
    [
      'root removed, and its certificate of a root that stays is not valid yet',
      [[old, kept], [kept]],
      ofOld,
      [oldBelow(kept, { notBefore: new Date(Date.now() + hour) })],
      'refused',
    ],
    [
      'root removed, and a CA whose path length allows no other CA has signed its name and key',
      [[old, kept], [kept]],
      ofOld,
      [oldBelow(endsSoon), endsSoon],
      'refused',
    ],
    [
      'root removed, and a CA whose name constraints do not allow the leaf has signed its name and key',
      [[old, kept], [kept]],
      ofOld,
      [oldBelow(named), named],
      'refused',
    ],
    [
      'root removed, and a CA whose name constraints allow the IP address of the leaf has signed its name and key',
      [[old, kept], [kept]],
      makeLeaf(old, { spiffeId, otherNames: [address(10, 0, 0, 1)] }),
      [oldBelow(kept, constrainedTo(address(10, 0, 0, 0, 255, 0, 0, 0)))],
      'accepted',
    ],
    [
      'root removed, and a CA whose name constraints do not allow the IP address of the leaf has signed its name and key',
      [[old, kept], [kept]],
      makeLeaf(old, { spiffeId, otherNames: [address(11, 0, 0, 1)] }),
      [oldBelow(kept, constrainedTo(address(10, 0, 0, 0, 255, 0, 0, 0)))],
      'refused',
    ],
    [
      'root removed, and a CA whose name constraints allow a trust domain with an underscore has signed its name and key',
      [[old, kept], [kept]],
      makeLeaf(old, { spiffeId: 'spiffe://a_1.test/proxy' }),
      [oldBelow(kept, { permittedUriHosts: ['a_1.test'] })],
      'accepted',
    ],
    [
      'root removed, and its next key stays, in a certificate that the old key signed',
      [[old, nextKey], [nextKey]],
      makeLeaf(nextKey, { spiffeId }),
      [],
      'accepted',
    ],
    [
      'root removed, and its next key stays, in a certificate that names the old key as its issuer',
      [[old, nextBelow], [nextBelow]],
      makeLeaf(nextBelow, { spiffeId }),
      [],
      'refused',
    ],
    [
      'root removed, and a CA of servers only has signed its name and key',
      [[old, kept], [kept]],
      ofOld,
      [oldBelow(ofServers), ofServers],
      'refused',
    ],
    [
      'root that has expired, of which nothing was removed',
      [[expired, kept]],
      makeLeaf(expired, { spiffeId }),
      [],
      'refused',
    ],
    [
      'intermediate that has expired, which the client sends',
      [[kept]],
      makeLeaf(expiredBelow, { spiffeId }),
      [expiredBelow],
      'refused',
    ],
    [
      'root that has expired, and its renewal with the same name and key',
      [[expired, makeCa({ commonName: 'Expired', key: expired })]],
      makeLeaf(expired, { spiffeId }),
      [],
      'accepted',
    ],
    ['another root that has expired', [[expired, kept]], makeLeaf(kept, { spiffeId }), [], 'accepted'],
    [
      'certificate that has expired, which the client sends beside its chain',
      [[kept]],
      makeLeaf(ofKept, { spiffeId }),
      [expiredBelow, ofKept],
      'accepted',
    ],
    [
      'root that has expired stays, and has signed the name and key of a removed root',
      [
        [old, expired, kept],
        [expired, kept],
      ],
      ofOld,
      [oldBelow(expired)],
      'refused',
    ],
  ];
  const lenient: typeof cases = [
    [
      'root that has expired, whose key another root has signed',
      [[expired, kept]],
      makeLeaf(expired, { spiffeId }),
      [makeIntermediate(kept, { commonName: 'Expired', key: expired })],
      'accepted',
    ],
    [
      'root removed, and the client sends its intermediate as both roots signed it, first that of the removed root',
      [[old, kept], [kept]],
      below,
      [intermediate, crossSigned],
      'accepted',
    ],
    [
      'root removed, and its intermediate stays, which another root signed as well',
      [
        [old, intermediate, crossSigned, kept],
        [intermediate, crossSigned, kept],
      ],
      below,
      [],
      'accepted',
    ],
    [
      'root removed, and the client sends its intermediate as another root signed it',
      [
        [old, intermediate, kept],
        [intermediate, kept],
      ],
      below,
      [crossSigned],
      'accepted',
    ],
  ];
  // OpenSSL tries one chain only: it refuses these clients on a new connection.
  for (const [what, lists, leaf, chain] of lenient)
    test(`${what}: accepted, but not on a new connection`, async () => {
      assert.equal(judgeAfter(lists, leaf, chain), 'spiffe');
      assert.equal(await connectTo(lists.at(-1) ?? [], leaf, chain), 'refused');
    });

  test('client that sends more certificates with the names of its issuers than are verified: refused', () => {
    // One below the other, all with one name and without key ids: each names all others as its issuer.
    const options = { commonName: 'Alike', subjectKeyId: false, authorityKeyId: undefined } as const;
    const alike = [makeCa(options)];
    for (let index = 0; index < 50; index += 1) alike.unshift(makeIntermediate(alike[0] ?? old, options));
    const leaf = makeLeaf(alike[0] ?? old, { spiffeId, authorityKeyId: undefined });
    assert.equal(judgeAfter([[old, kept], [kept]], leaf, alike), 'refused');
  });

  test('CA that only TLS has read yet: accepted', () => {
    assert.equal(judgeAfter([[old, kept], [kept]], makeLeaf(other, { spiffeId }), []), 'spiffe');
  });

  test('more CAs removed than are remembered: clients of each of them are refused, and those in force are accepted', () => {
    const clientCas = createClientCas(2);
    clientCas.update(parsed(old, other, ...many, kept));
    clientCas.update(parsed(kept));
    const isRemoved = (ca: Certificate): boolean => {
      const { der } = makeLeaf(ca, { spiffeId });
      return clientCas.refuses({ isVerified: true, leaf: der, chain: [] }, Date.now());
    };
    assert.deepEqual([old, other, ...many, kept].map(isRemoved), [true, true, true, true, false]);
    clientCas.update(parsed(kept, old));
    assert.deepEqual([old, other].map(isRemoved), [false, true]);
  });

  for (const [what, options] of [
    ['different names', (index: number) => ({ commonName: `CA ${index}` })],
    ['one name, and key identifiers', () => ({ commonName: 'CA' })],
  ] as const)
    test(`a thousand removed CAs of ${what}: a client is compared with a few of them`, (t) => {
      const all = Array.from({ length: 1_000 }, (_, index) => makeCa(options(index)));
      const clientCas = createClientCas();
      clientCas.update(parsed(kept, ...all));
      clientCas.update(parsed(kept));
      const compared = t.mock.method(X509Certificate.prototype, 'checkIssued');
      const verified = t.mock.method(X509Certificate.prototype, 'verify');
      const isIncluded = (ca: Certificate, leaf: Certificate): boolean =>
        clientCas.refuses({ isVerified: true, leaf: leaf.der, chain: [ca.der] }, Date.now());
      const [ofRemoved = old] = all;
      assert.equal(isIncluded(ofRemoved, makeLeaf(ofRemoved, { spiffeId })), true);
      assert.equal(isIncluded(ofKept, makeLeaf(ofKept, { spiffeId })), false);
      assert.ok(compared.mock.callCount() < 20, `${compared.mock.callCount()} comparisons`);
      assert.ok(verified.mock.callCount() < 20, `${verified.mock.callCount()} signatures`);
    });

  test('many streams of a client with an expensive chain: it is verified once in ten seconds', (t) => {
    const clientCas = createClientCas();
    clientCas.update(parsed(old, kept));
    clientCas.update(parsed(kept));
    const certificate = { isVerified: true, leaf: below.der, chain: [intermediate.der] };
    const verified = t.mock.method(X509Certificate.prototype, 'verify');
    const now = Date.now();
    assert.equal(clientCas.refuses(certificate, now), true);
    const once = verified.mock.callCount();
    assert.ok(once > 0);
    assert.equal(clientCas.refuses({ ...certificate }, now + 9_999), true);
    assert.equal(verified.mock.callCount(), once);
    assert.equal(clientCas.refuses(certificate, now + 10_000), true);
    assert.equal(verified.mock.callCount(), 2 * once);
    // A clock that was set back.
    assert.equal(clientCas.refuses(certificate, now), true);
    assert.equal(verified.mock.callCount(), 3 * once);
    // A change of the CAs counts at once.
    clientCas.update(parsed(old, kept));
    assert.equal(clientCas.refuses(certificate, now), false);
    clientCas.update(parsed(kept));
    assert.equal(clientCas.refuses(certificate, now), true);
  });

  test('chain to a root in force that ends soon: counts until then, also for an answer that is remembered', () => {
    const now = Date.now();
    const clientCas = createClientCas();
    clientCas.update(parsed(old, kept));
    clientCas.update(parsed(kept));
    // Certificates have whole seconds.
    const end = Math.ceil(now / 1_000) * 1_000 + 2_000;
    const ending = oldBelow(kept, { notAfter: new Date(end) });
    const certificate = { isVerified: true, leaf: ofOld.der, chain: [ending.der] };
    assert.deepEqual(
      [now, end - 1, end + 1].map((time) => clientCas.refuses(certificate, time)),
      [false, false, true],
    );
  });

  test('nothing removed, and nothing expired: no signature is verified', (t) => {
    const clientCas = createClientCas();
    clientCas.update(parsed(old, kept));
    const verified = t.mock.method(X509Certificate.prototype, 'verify');
    const certificate = { isVerified: true, leaf: below.der, chain: [intermediate.der] };
    assert.equal(clientCas.refuses(certificate, Date.now()), false);
    assert.equal(verified.mock.callCount(), 0);
  });

  suite('nothing removed, and the chain of the client ends at a time', () => {
    const start = Math.floor(Date.now() / 1_000) * 1_000;
    const [sooner, later] = [start + 10_000, start + 20_000];
    const until = (end: number): CertificateOptions => ({ notAfter: new Date(end) });
    const root = makeCa({ commonName: 'Ending', ...until(sooner) });
    const middle = makeIntermediate(kept, { commonName: 'Ending below', ...until(sooner) });
    /** The certificates of two roots for one key. */
    const [one, two] = [
      makeCa({ commonName: 'One', ...until(sooner) }),
      makeCa({ commonName: 'Two', ...until(later) }),
    ];
    const [byOne, byTwo] = [makeIntermediate(one), makeIntermediate(two)];
    const shared = makeIntermediate(one, { commonName: 'Shared' });
    const sharedByTwo = makeIntermediate(two, { commonName: 'Shared', key: shared });
    const all: readonly (readonly [
      what: string,
      list: readonly Certificate[],
      leaf: Certificate,
      chain: readonly Certificate[],
      end: number | undefined,
    ])[] = [
      ['root that ends', [root, kept], makeLeaf(root, { spiffeId }), [], sooner],
      ['root that ends, which the client sends', [root, kept], makeLeaf(root, { spiffeId }), [root], sooner],
      ['another root that ends', [root, kept], makeLeaf(kept, { spiffeId }), [], undefined],
      ['intermediate that ends', [kept], makeLeaf(middle, { spiffeId }), [middle], sooner],
      ['root above an intermediate that ends', [one, kept], makeLeaf(byOne, { spiffeId }), [byOne], sooner],
      [
        'root above an intermediate that ends later',
        [one, two],
        makeLeaf(byTwo, { spiffeId }),
        [byTwo],
        later,
      ],
      [
        'two chains: the later end counts',
        [one, two],
        makeLeaf(shared, { spiffeId }),
        [shared, sharedByTwo],
        later,
      ],
      ['CA that only TLS has read yet', [root], makeLeaf(other, { spiffeId }), [], undefined],
    ];
    for (const [what, list, leaf, chain, end] of all)
      test(`${what}: ${end === undefined ? 'its clients stay' : `counts for ${(end - start) / 1_000} s`}`, () => {
        const clientCas = createClientCas();
        clientCas.update(parsed(...list));
        const certificate = { isVerified: true, leaf: leaf.der, chain: chain.map(({ der }) => der) };
        const last = end ?? later;
        // In order, as of an answer that is remembered, and then as of a clock that was set back.
        const times = [start, sooner - 1, sooner, sooner + 1, last - 1, last, last + 1, start];
        assert.deepEqual(
          times.map((time) => clientCas.refuses(certificate, time)),
          times.map((time) => end !== undefined && time > end),
        );
      });
  });

  test('self-signed client certificate that is itself in force, and more CAs were removed than are remembered: accepted', () => {
    const own = makeSelfSignedLeaf({ spiffeId });
    const clientCas = createClientCas(1);
    clientCas.update(parsed(own, old, ...many));
    clientCas.update(parsed(own));
    assert.equal(clientCas.refuses({ isVerified: true, leaf: own.der, chain: [] }, Date.now()), false);
  });

  for (const [what, lists, leaf, chain, expected] of cases)
    test(`${what}: ${expected}, as a new connection is`, async () => {
      const kind = judgeAfter(lists, leaf, chain);
      assert.equal(kind, expected === 'refused' ? 'refused' : 'spiffe');
      assert.equal(await connectTo(lists.at(-1) ?? [], leaf, chain), expected);
    });
});

/** Returns the kind of the identity of a client whose connection outlives the lists of CA certificates. */
function judgeAfter(
  lists: readonly (readonly Certificate[])[],
  leaf: Certificate,
  chain: readonly Certificate[],
): string {
  const clientCas = createClientCas();
  for (const list of lists) clientCas.update(parsed(...list));
  const judge = certificateJudge(undefined, {
    view: () => ({ readiness: { kind: 'ready' }, meshes: new Map() }),
    now: () => Date.now(),
    clientCas,
  });
  const judged = judge({ leaf: leaf.der, chain: chain.map(({ der }) => der), isVerified: true });
  return judged.kind;
}
