import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from '../../kit/fast-check.ts';
import type { BundlePolicy } from '../../../src/trust/bundle/trust-bundle.ts';
import { readCertificate } from '../../../src/trust/x509/read-certificate.ts';
import { derivedIdentityOf } from '../../../src/trust/identity/derived-identity.ts';
import type { Share } from '../../../src/trust/ledger/share.ts';
import { bundleOf, noPolicy, served, shareOf } from '../../kit/bundles.ts';
import { makeCa, makeIntermediate, makeKey } from '../../kit/certificates.ts';
import type { Certificate } from '../../kit/certificates.ts';

const day = 86_400_000;
const root = makeCa({ commonName: 'Root' });
const other = makeCa({ commonName: 'Other' });
const intermediate = makeIntermediate(root, { commonName: 'Intermediate' });
const lower = makeIntermediate(intermediate, { commonName: 'Lower' });
const codesOf = (bundle: ReturnType<typeof bundleOf>): readonly string[] =>
  bundle.findings.map(({ code }) => code).sort();

/** Returns a share as it is derived from a MeshIdentity of the same name. */
function derivedShare(share: Share): Share {
  const identity = derivedIdentityOf(share.identity);
  return {
    ...share,
    identity,
    anchors: share.anchors.map((anchor) => ({ ...anchor, place: { ...anchor.place, resource: identity } })),
  };
}

suite('buildBundle', () => {
  test('several resources → their certificates are joined', () => {
    const bundle = bundleOf([shareOf('a.test', [root], 'one'), shareOf('a.test', [other], 'two')]);
    assert.deepEqual(served(bundle), ['Other', 'Root']);
  });

  test('certificate listed several times → served once, with every resource that lists it', () => {
    const bundle = bundleOf([shareOf('a.test', [root, root], 'one'), shareOf('a.test', [root], 'two')]);
    assert.deepEqual(served(bundle), ['Root']);
    assert.deepEqual(bundle.anchors[0]?.listedBy, ['default//one', 'default//two']);
    assert.deepEqual(codesOf(bundle), ['MT025']);
  });

  test('certificate of a MeshIdentity and of the MeshTrust of its name → listed once', () => {
    const derived = derivedShare(shareOf('a.test', [root], 'one'));
    assert.deepEqual(codesOf(bundleOf([shareOf('a.test', [root], 'one'), derived])), []);
  });

  test('any order of resources and certificates → the same bytes', () => {
    const certificates = [root, other, intermediate, lower, makeIntermediate(other, { commonName: 'Side' })];
    const expected = bundleOf([shareOf('a.test', certificates)]).anchors.map(({ der }) =>
      Buffer.from(der).toString('hex'),
    );
    const indexes = certificates.map((_, index) => index);
    const order = fc.shuffledSubarray(indexes, { minLength: indexes.length });
    fc.assert(
      fc.property(order, fc.integer({ min: 1, max: indexes.length - 1 }), (shuffled, cut) => {
        const pick = (part: readonly number[]) => certificates.filter((_, index) => part.includes(index));
        const first = shareOf('a.test', pick(shuffled.slice(0, cut)), 'one');
        const second = shareOf('a.test', pick(shuffled.slice(cut)).toReversed(), 'two');
        const ders = bundleOf([second, first]).anchors.map(({ der }) => Buffer.from(der).toString('hex'));
        assert.deepEqual(ders, expected);
      }),
      { numRuns: 50 },
    );
  });

  suite('intermediates', () => {
    test('issuer listed → served as listed', () => {
      assert.deepEqual(served(bundleOf([shareOf('a.test', [root, intermediate, lower])])), [
        'Intermediate',
        'Lower',
        'Root',
      ]);
    });

    test('issuer not listed → re-rooted, and a certificate that it signed is served as listed', () => {
      const bundle = bundleOf([shareOf('a.test', [intermediate, lower])]);
      assert.deepEqual(served(bundle), ['Intermediate re-rooted', 'Lower']);
      assert.deepEqual(codesOf(bundle), ['MT020']);
      const anchor = bundle.anchors.find(({ rooting }) => rooting === 're-rooted');
      const again = readCertificate(anchor?.der ?? new Uint8Array());
      assert.equal(again.kind, 'ca');
      assert.deepEqual(again.certificate.issuerDer, again.certificate.subjectDer);
      assert.equal(again.certificate.keyHash, anchor?.certificate.keyHash);
    });

    test('listed CA with the name of the issuer and another key → re-rooted', () => {
      const namesake = makeCa({ commonName: 'Root' });
      assert.deepEqual(served(bundleOf([shareOf('a.test', [namesake, intermediate])])), [
        'Intermediate re-rooted',
        'Root',
      ]);
    });

    test('ring of certificates that signed each other → all are re-rooted', () => {
      const [x, y] = [makeKey(), makeKey()];
      const xRoot = makeCa({ commonName: 'X', key: x });
      const yRoot = makeCa({ commonName: 'Y', key: y });
      const xByY = makeIntermediate(yRoot, { commonName: 'X', key: x });
      const yByX = makeIntermediate(xRoot, { commonName: 'Y', key: y });
      assert.deepEqual(served(bundleOf([shareOf('a.test', [xByY, yByX])])), ['X re-rooted', 'Y re-rooted']);
    });

    test('issuer removed → promoted, also in later bundles', () => {
      const before = bundleOf([shareOf('a.test', [root, intermediate])]);
      const after = bundleOf([shareOf('a.test', [intermediate])], { previous: before });
      assert.deepEqual(served(after), ['Intermediate promoted']);
      assert.deepEqual(codesOf(after), ['MT021']);
      assert.deepEqual(served(bundleOf([shareOf('a.test', [intermediate, other])], { previous: after })), [
        'Intermediate promoted',
        'Other',
      ]);
    });

    test('issuer not listed, with --refuse-intermediates → not served', () => {
      const policy: BundlePolicy = { ...noPolicy, refuseIntermediates: true };
      const bundle = bundleOf([shareOf('a.test', [intermediate, other])], { policy });
      assert.deepEqual(served(bundle), ['Other']);
      assert.deepEqual(codesOf(bundle), ['MT017']);
    });
  });

  suite('certificates with the same subject and key', () => {
    const now = Date.now();
    const key = makeKey();
    const make = (from: number, to: number) =>
      makeCa({
        commonName: 'Twin',
        key,
        notBefore: new Date(now + from * day),
        notAfter: new Date(now + to * day),
      });
    const [expired, old, renewed, future] = [make(-20, -1), make(-10, 5), make(-1, 30), make(3, 60)];

    test('expired, valid and future ones → only the valid one with the latest end is served', () => {
      const bundle = bundleOf([shareOf('a.test', [expired, old, renewed, future])], { now });
      assert.deepEqual(
        bundle.anchors.map(({ der }) => Buffer.from(der).equals(renewed.der)),
        [true],
      );
      assert.deepEqual(codesOf(bundle), ['MT027', 'MT027', 'MT027']);
    });

    test('the next one becomes valid → nextChange, and then the next one is served', () => {
      const listed = [shareOf('a.test', [old, future])];
      const first = bundleOf(listed, { now });
      assert.ok(Buffer.from(first.anchors[0]?.der ?? []).equals(old.der));
      assert.equal(first.nextChange, Math.floor((now + 3 * day) / 1000) * 1000);
      const second = bundleOf(listed, { now: first.nextChange ?? 0 });
      assert.ok(Buffer.from(second.anchors[0]?.der ?? []).equals(future.der));
    });

    test('self-signed and cross-signed → the self-signed one is served', () => {
      const cross = makeIntermediate(root, { commonName: 'Twin', key, notAfter: new Date(now + 90 * day) });
      const bundle = bundleOf([shareOf('a.test', [cross, renewed])], { now });
      assert.ok(Buffer.from(bundle.anchors[0]?.der ?? []).equals(renewed.der));
    });

    test('one subject with two keys → both are served', () => {
      const namesake = makeCa({ commonName: 'Twin' });
      assert.equal(bundleOf([shareOf('a.test', [renewed, namesake])], { now }).anchors.length, 2);
    });

    test('one certificate for the key → no next change', () => {
      assert.equal(bundleOf([shareOf('a.test', [renewed])], { now }).nextChange, undefined);
    });
  });

  test('certificate distrusted by fingerprint or by key → not served in any form', () => {
    const { certificate } = bundleOf([shareOf('a.test', [intermediate])]).anchors[0] ?? assert.fail();
    for (const hash of [certificate.fingerprint, certificate.keyHash]) {
      const policy: BundlePolicy = { ...noPolicy, distrusted: new Set([hash]) };
      const bundle = bundleOf([shareOf('a.test', [intermediate, other])], { policy });
      assert.deepEqual(served(bundle), ['Other']);
      assert.deepEqual(codesOf(bundle), ['MT018']);
      assert.match(bundle.findings[0]?.message ?? '', /it is not served$/);
    }
  });

  test('all certificates distrusted → the finding says that clients are refused', () => {
    const hash = bundleOf([shareOf('a.test', [other])]).anchors[0]?.certificate.fingerprint ?? '';
    const policy: BundlePolicy = { ...noPolicy, distrusted: new Set([hash]) };
    const all = bundleOf([shareOf('a.test', [other])], { policy });
    const one = bundleOf([shareOf('a.test', [other, root])], { policy });
    assert.deepEqual([all.anchors.length, one.anchors.length], [0, 1]);
    assert.match(
      all.findings[0]?.message ?? '',
      /it is not served; a\.test has no CA in force, and its clients are refused$/,
    );
    assert.match(one.findings[0]?.message ?? '', /it is not served$/);
  });

  /** Returns a share whose places are in a file. */
  const placedIn = (file: string, { anchors, ...share }: Share): Share => ({
    ...share,
    anchors: anchors.map((anchor) => ({ ...anchor, place: { ...anchor.place, file } })),
  });

  test('peer lists another certificate of a CA of this zone: it is served only once that of this zone has expired', () => {
    const key = makeKey();
    const now = Date.now();
    const own = makeIntermediate(root, { commonName: 'CA', key, notAfter: new Date(now + day) });
    const ofPeer = makeCa({ commonName: 'CA', key });
    const shares = [
      shareOf('a.test', [own]),
      placedIn('federation:default/a.test', shareOf('a.test', [ofPeer], 'peer')),
    ];
    const isOfPeer = (time: number) => bundleOf(shares, { now: time }).anchors[0]?.certificate.selfSigned;
    assert.deepEqual([isOfPeer(now), isOfPeer(now + 2 * day)], [false, true]);
  });

  for (const [what, files, origin] of [
    ['a peer alone', ['federation:default/a.test'], 'federated'],
    ['another zone and a peer', ['federation:default/a.test', 'import:default/a'], 'imported'],
    ['this zone and a peer', ['federation:default/a.test', 'trust.yaml'], 'local'],
  ] as const)
    test(`CA that is listed by ${what}, also as a renewed certificate: is ${origin}`, () => {
      const key = makeKey();
      const of = (cas: readonly Certificate[]): readonly (string | undefined)[] => {
        const shares = files.map((file, index) => {
          return placedIn(file, shareOf('a.test', [cas[index] ?? assert.fail()], `trust-${index}`));
        });
        return bundleOf(shares).anchors.map((anchor) => anchor.origin);
      };
      const [ca, renewed] = [1, 2].map(() => makeCa({ commonName: 'CA', key })) as [Certificate, Certificate];
      assert.deepEqual([of([ca, ca]), of([ca, renewed])], [[origin], [origin]]);
    });
});
