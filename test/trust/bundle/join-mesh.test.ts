import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { caNamesLimit, countNames } from '../../../src/trust/bundle/ca-names.ts';
import { joinMesh } from '../../../src/trust/bundle/join-mesh.ts';
import type { MeshBundle, MeshInput } from '../../../src/trust/bundle/join-mesh.ts';
import type { Share } from '../../../src/trust/ledger/share.ts';
import type { TrustBundle } from '../../../src/trust/bundle/trust-bundle.ts';
import { bundleOf, shareOf } from '../../kit/bundles.ts';
import { longName, makeCa, makeKey } from '../../kit/certificates.ts';
import type { Certificate } from '../../kit/certificates.ts';

const key = makeKey();
/** A CA whose subject name takes about `bytes` bytes. */
const named = (bytes: number, commonName: string) => makeCa({ subject: longName(bytes, commonName), key });
const many = (count: number, prefix: string) =>
  Array.from({ length: count }, (_, index) => named(2000, `${prefix}${index}`));

function join(bundles: readonly TrustBundle[], previous?: MeshBundle): MeshBundle {
  const restrict: MeshInput['restrict'] = (bundle, isAdmitted) => ({
    ...bundle,
    anchors: bundle.anchors.filter(({ certificate }) => isAdmitted(certificate)),
  });
  return joinMesh({ mesh: 'default', bundles, previous, restrict });
}
const names = (mesh: MeshBundle): readonly string[] =>
  mesh.merged.map(({ trustDomain, anchors }) => `${trustDomain} ${anchors.length}`);

suite('joinMesh', () => {
  const a = bundleOf([shareOf('a.test', many(10, 'a'))]);
  const b = bundleOf([shareOf('b.test', many(15, 'b'))]);
  const c = bundleOf([shareOf('c.test', many(8, 'c'))]);

  test('bundles in any order → sorted by trust domain', () => {
    assert.deepEqual(names(join([b, a])), ['a.test 10', 'b.test 15']);
  });

  test('several CAs with one subject → the subject counts once', () => {
    const one = named(100, 'same');
    const two = makeCa({ subject: longName(100, 'same') });
    const single = bundleOf([shareOf('a.test', [one])]).caNamesSize;
    assert.equal(
      countNames([bundleOf([shareOf('a.test', [one, two])]), bundleOf([shareOf('b.test', [two])])]).size,
      single,
    );
  });

  test('first state does not fit → the largest trust domain is left out, with findings', () => {
    const mesh = join([a, b, c]);
    assert.deepEqual(names(mesh), ['a.test 10', 'c.test 8']);
    assert.ok(countNames(mesh.merged).size <= caNamesLimit);
    assert.deepEqual(
      mesh.findings
        .filter(({ code }) => code !== 'MT026')
        .map(({ code, trustDomain }) => [code, trustDomain]),
      [
        ['MT031', undefined],
        ['MT032', 'b.test'],
      ],
    );
    assert.deepEqual(
      mesh.bundles.map(({ trustDomain }) => trustDomain),
      ['a.test', 'b.test', 'c.test'],
    );
  });

  test('two omitted trust domains with the same subjects → the subjects are subtracted once', () => {
    const shared = many(10, 'shared');
    const [x, y] = ['x.test', 'y.test'].map((name) => bundleOf([shareOf(name, shared)]));
    const others = Array.from({ length: 7 }, (_, index) =>
      bundleOf([shareOf(`other${index}.test`, many(5, `other${index}-`))]),
    );
    const mesh = join([x ?? assert.fail(), y ?? assert.fail(), ...others]);
    // More than 70,000 bytes without the two. A count that subtracts their 20,000 twice would stop too early.
    assert.deepEqual(
      names(mesh),
      [2, 3, 4, 5, 6].map((index) => `other${index}.test 5`),
    );
    assert.ok(countNames(mesh.merged).size <= caNamesLimit);
  });

  test('later state does not fit → the previous CAs that are still listed are served', () => {
    const before = join([a, b]);
    const shrunken = { ...a, anchors: a.anchors.slice(3) };
    const mesh = join([shrunken, { ...b, anchors: [...b.anchors] }, c], before);
    assert.deepEqual(names(mesh), ['a.test 7', 'b.test 15']);
    assert.deepEqual(
      mesh.findings
        .filter(({ code }) => code !== 'MT026')
        .map(({ code, trustDomain }) => [code, trustDomain]),
      [
        ['MT031', undefined],
        ['MT032', 'c.test'],
      ],
    );
  });

  suite('CAs of other parties', () => {
    /** A share that another zone or a peer gives, of CAs whose names take about 2,000 bytes each. */
    const from = (path: string, trustDomain: string, cas: readonly Certificate[]): Share => {
      const share = shareOf(trustDomain, cas);
      const anchors = share.anchors.map((anchor) => ({ ...anchor, place: { ...anchor.place, file: path } }));
      return { ...share, identity: path as Share['identity'], anchors };
    };
    const peerCas = many(15, 'peer');
    const peer = bundleOf([from('federation:default/peer.test', 'peer.test', peerCas)]);
    const zone = bundleOf([from('import:default/zone', 'zone.test', many(10, 'zone'))]);
    const local = bundleOf([shareOf('local.test', many(25, 'local'))]);
    const codes = ({ findings }: MeshBundle) =>
      findings
        .filter(({ code }) => code !== 'MT026')
        .map(({ code, trustDomain }) => [code, trustDomain].join(' ').trim());

    test('first state does not fit → the peer is left out, although the local trust domain is the largest', () => {
      const mesh = join([peer, local]);
      assert.deepEqual(names(mesh), ['local.test 25']);
      assert.deepEqual(codes(mesh), ['MT031', 'MT032 peer.test']);
      assert.match(
        mesh.findings[0]?.message ?? '',
        /; of federated trust domains, the largest are left out$/,
      );
    });

    test('first state does not fit → imported ones come before federated ones', () => {
      const smaller = bundleOf([shareOf('local.test', many(8, 'local'))]);
      assert.deepEqual(names(join([peer, zone, smaller])), ['local.test 8', 'zone.test 10']);
    });

    test('peer takes the rest of the limit → a new local CA is served, and the peer is left out', () => {
      const half = bundleOf([shareOf('local.test', many(9, 'local'))]);
      const before = join([peer, half]);
      assert.equal(before.merged.length, 2);
      const mesh = join([peer, local], before);
      assert.deepEqual(names(mesh), ['local.test 25']);
      assert.deepEqual(codes(mesh), ['MT031', 'MT032 peer.test']);
    });

    test('peer that was served grows beyond the limit → only its earlier CAs are served', () => {
      const before = join([peer, zone]);
      assert.deepEqual(codes(before), []);
      const grown = [...peerCas, ...many(15, 'more')];
      const mesh = join([bundleOf([from('federation:default/peer.test', 'peer.test', grown)]), zone], before);
      assert.deepEqual(names(mesh), ['peer.test 15', 'zone.test 10']);
      assert.deepEqual(codes(mesh), ['MT031']);
      assert.match(
        mesh.findings[0]?.message ?? '',
        /; of federated trust domains, only the CAs that were served/,
      );
    });

    test('peer adds CAs to a trust domain that this zone lists → the local CAs are served', () => {
      const cas = many(8, 'local');
      const mixed = bundleOf([
        shareOf('local.test', cas),
        from('federation:default/local.test', 'local.test', [...cas, ...many(30, 'peer')]),
      ]);
      const mesh = join([mixed, zone]);
      assert.deepEqual(names(mesh), ['local.test 8', 'zone.test 10']);
      assert.deepEqual(codes(mesh), ['MT031']);
    });

    test('local CAs of a trust domain do not fit → those that others add to it are not served alone', () => {
      const mixed = bundleOf([
        shareOf('mixed.test', many(25, 'mixed')),
        from('import:default/mixed', 'mixed.test', many(1, 'imported')),
        from('federation:default/mixed.test', 'mixed.test', many(1, 'peer')),
      ]);
      const mesh = join([mixed, bundleOf([shareOf('local.test', many(20, 'local'))])]);
      assert.deepEqual(names(mesh), ['local.test 20']);
      assert.deepEqual(codes(mesh), ['MT031', 'MT032 mixed.test']);
    });

    test('one of many trust domains changes while they do not fit → no other bundle is built again', () => {
      const domains = Array.from({ length: 40 }, (_, index) =>
        bundleOf([
          index % 2 === 0
            ? shareOf(`d${index}.test`, many(1, `d${index}`))
            : from(`federation:default/d${index}.test`, `d${index}.test`, many(1, `d${index}`)),
        ]),
      );
      const before = join(domains);
      assert.ok(before.merged.length < domains.length);
      const built: string[] = [];
      const restrict: MeshInput['restrict'] = (bundle, isAdmitted) => {
        built.push(bundle.trustDomain);
        return { ...bundle, anchors: bundle.anchors.filter(({ certificate }) => isAdmitted(certificate)) };
      };
      const changed = bundleOf([shareOf('d0.test', many(1, 'e0'))]);
      const bundles = [changed, ...domains.slice(1)];
      const mesh = joinMesh({ mesh: 'default', bundles, previous: before, restrict });
      assert.deepEqual(built, []);
      assert.equal(mesh.merged.length, before.merged.length);
      assert.ok(mesh.merged.includes(changed));
    });

    test('severity → a warning if only CAs of other parties do not fit', () => {
      const more = bundleOf([shareOf('more.test', many(20, 'more'))]);
      const severities = [join([peer, local]), join([peer, local, more])].map(
        ({ findings }) => findings.find(({ code }) => code === 'MT031')?.severity,
      );
      assert.deepEqual(severities, ['warning', 'error']);
    });

    test('CA that a peer and a served trust domain list → the next build without a change gives the same', () => {
      const shared = many(20, 'local');
      const mixed = bundleOf([
        shareOf('mixed.test', many(5, 'mixed')),
        from('federation:default/mixed.test', 'mixed.test', [...shared.slice(0, 1), ...many(10, 'peer')]),
      ]);
      const bundles = [mixed, bundleOf([shareOf('local.test', shared)])];
      const first = join(bundles);
      assert.deepEqual(names(first), ['local.test 20', 'mixed.test 6']);
      assert.deepEqual(names(join(bundles, first)), names(first));
    });

    test('imported CAs of a trust domain do not fit → those of a peer that fit are served', () => {
      const mixed = bundleOf([
        shareOf('mixed.test', many(5, 'mixed')),
        from('import:default/mixed', 'mixed.test', many(12, 'imported')),
        from('federation:default/mixed.test', 'mixed.test', many(2, 'peer')),
      ]);
      const mesh = join([mixed, bundleOf([shareOf('local.test', many(20, 'local'))])]);
      assert.deepEqual(names(mesh), ['local.test 20', 'mixed.test 7']);
    });

    test('all fit → all are served', () => {
      const mesh = join([peer, zone]);
      assert.ok(mesh.merged === mesh.bundles);
    });
  });

  test('one CA in two trust domains → a warning', () => {
    const ca = makeCa({ commonName: 'Shared' });
    const mesh = join([bundleOf([shareOf('x.test', [ca])]), bundleOf([shareOf('y.test', [ca])])]);
    assert.deepEqual(
      mesh.findings.map(({ code, trustDomain }) => [code, trustDomain]),
      [['MT026', 'y.test']],
    );
  });

  test('one trust domain changes → findings on the others keep their objects', () => {
    const bundlesOf = (name: string) => bundleOf([shareOf(name, many(12, 'shared'))]);
    const [x, y, z] = ['x.test', 'y.test', 'z.test'].map(bundlesOf) as [
      TrustBundle,
      TrustBundle,
      TrustBundle,
    ];
    const large = bundleOf([shareOf('large.test', many(20, 'large'))]);
    const larger = bundleOf([shareOf('larger.test', many(21, 'larger'))]);
    const before = join([x, y, large, larger]);
    const after = join([x, y, z, large, larger], before);
    const kept = (mesh: MeshBundle) =>
      mesh.findings.filter(({ trustDomain }) => trustDomain !== 'z.test').slice(1);
    assert.deepEqual([...new Set(kept(before).map(({ code }) => code))].sort(), ['MT026', 'MT032']);
    assert.equal(kept(after).length, kept(before).length);
    assert.ok(kept(after).every((finding, index) => finding === kept(before)[index]));
  });

  test('first trust domain of a shared CA changes → the finding names the new one', () => {
    const ca = makeCa({ commonName: 'Shared' });
    const [x, y, z] = ['x.test', 'y.test', 'z.test'].map((name) => bundleOf([shareOf(name, [ca])]));
    const messages = (...bundles: readonly (TrustBundle | undefined)[]) =>
      join(bundles.filter((bundle) => bundle !== undefined)).findings.map(({ message }) => message);
    for (const _ of [1, 2]) {
      const [ofZ = '', ...none] = messages(y, z);
      assert.match(ofZ, /^CA CN=Shared is also a CA of trust domain y\.test;/);
      assert.deepEqual(none, []);
      const both = messages(x, y, z);
      assert.equal(both.length, 2);
      for (const message of both) assert.match(message, /is also a CA of trust domain x\.test;/);
    }
  });

  test('one CA in two trust domains of one MeshIdentity → no warning, but of two MeshIdentities', () => {
    const ca = makeCa({ commonName: 'Shared' });
    const codesFor = (first: string, second: string): readonly string[] => {
      const share = (trustDomain: string, identity: string): Share => ({
        ...shareOf(trustDomain, [ca]),
        identity: identity as Share['identity'],
      });
      const mesh = join([bundleOf([share('x.test', first)]), bundleOf([share('y.test', second)])]);
      return mesh.findings.map(({ code }) => code);
    };
    assert.deepEqual(codesFor('meshidentity:default//a@x', 'meshidentity:default//a@y'), []);
    assert.deepEqual(codesFor('meshidentity:default//a', 'superseded:default//a@y.test@2026'), []);
    assert.deepEqual(codesFor('meshidentity:default//a', 'meshidentity:default//b'), ['MT026']);
    assert.deepEqual(codesFor('meshidentity:default//a', 'default//a'), ['MT026']);
  });
});
