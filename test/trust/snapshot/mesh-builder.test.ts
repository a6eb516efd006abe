import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Holdings, Share } from '../../../src/trust/ledger/share.ts';
import { diffMeshes } from '../../../src/trust/snapshot/diff.ts';
import { createMeshBuilder } from '../../../src/trust/snapshot/mesh-builder.ts';
import type { MeshBuilder } from '../../../src/trust/snapshot/mesh-builder.ts';
import { noPolicy, shareOf } from '../../kit/bundles.ts';
import { longName, makeCa, makeIntermediate, makeKey } from '../../kit/certificates.ts';
import type { Certificate } from '../../kit/certificates.ts';

const [rootA, rootB] = [makeCa({ commonName: 'A' }), makeCa({ commonName: 'B' })];
const a = shareOf('a.test', [rootA]);
const b = shareOf('b.test', [rootB]);
const holdings = (...shares: readonly Share[]): Holdings =>
  new Map([['default', Map.groupBy(shares, ({ trustDomain }) => trustDomain)]]);
const now = Date.now();

suite('mesh builder', () => {
  test('unchanged mesh → the same object', () => {
    const builder = createMeshBuilder(noPolicy);
    const first = builder.build(holdings(a, b), now).get('default');
    assert.equal(builder.build(holdings(b, a), now).get('default'), first);
  });

  test('one trust domain changed → only that one is rebuilt', () => {
    const builder = createMeshBuilder(noPolicy);
    const first = builder.build(holdings(a, b), now).get('default');
    const second = builder.build(holdings(a, shareOf('b.test', [rootB, rootA])), now).get('default');
    assert.equal(second?.bundle.bundles[0], first?.bundle.bundles[0]);
    assert.notEqual(second?.bundle.bundles[1], first?.bundle.bundles[1]);
    assert.equal(
      second?.secrets.secrets.get('spiffe://a.test'),
      first?.secrets.secrets.get('spiffe://a.test'),
    );
  });

  test('build at the time of the next change → rebuilt, and a later next change', () => {
    const builder = createMeshBuilder(noPolicy);
    const key = makeKey();
    const second = 1_000 * Math.floor(now / 1_000);
    const at = (from: number, to: number) =>
      makeCa({
        commonName: 'T',
        key,
        notBefore: new Date(second + from * 3_600_000),
        notAfter: new Date(second + to * 3_600_000),
      });
    const [ending, next] = [at(-1, 1), at(-1, 2)];
    const listed = holdings(shareOf('a.test', [ending, next]));
    const servedAt = (time: number) =>
      builder
        .build(listed, time)
        .get('default')
        ?.bundle.bundles[0]?.anchors.map(({ der }) => Buffer.from(der));
    assert.deepEqual(servedAt(second), [next.der]);
    const change = builder.nextChange();
    assert.equal(change, second + 3_600_000);
    assert.deepEqual(servedAt(change ?? 0), [next.der]);
    assert.equal(builder.nextChange(), second + 2 * 3_600_000);
  });

  suite('clock was ahead and is set back → the choice by dates is that of a new server', () => {
    const second = 1_000 * Math.floor(now / 1_000);
    const dates = (from: number, to: number) => ({
      notBefore: new Date(second + from * 3_600_000),
      notAfter: new Date(second + to * 3_600_000),
    });
    const key = makeKey();
    const root = makeCa({ commonName: 'R', ...dates(-1, 100) });
    const cases: Readonly<Record<string, readonly Certificate[]>> = {
      'certificates of one key': [
        makeCa({ commonName: 'T', key, ...dates(-1, 100) }),
        makeCa({ commonName: 'T', key, ...dates(50, 5_000) }),
      ],
      'intermediate of an issuer that expires': [
        root,
        makeIntermediate(root, { commonName: 'I', ...dates(-1, 5_000) }),
      ],
    };
    for (const [what, listed] of Object.entries(cases))
      test(what, () => {
        const shares = holdings(shareOf('a.test', listed));
        const stateAt = (builder: MeshBuilder, hours: number) => {
          const state = builder.build(shares, second + hours * 3_600_000).get('default');
          return {
            anchors: state?.bundle.bundles[0]?.anchors,
            findings: state?.bundle.bundles[0]?.findings,
            version: state?.secrets.version,
          };
        };
        const builder = createMeshBuilder(noPolicy);
        const first = stateAt(builder, 0);
        assert.notEqual(stateAt(builder, 200).version, first.version);
        // Between the dates: one of them has passed, the other has not.
        for (const hours of [75, 0])
          assert.deepEqual(stateAt(builder, hours), stateAt(createMeshBuilder(noPolicy), hours));
        assert.deepEqual(stateAt(builder, 0), first);
      });
  });

  test('date on which only the merged secret depends, since it has fewer CAs → its CAs are rebuilt', () => {
    const second = 1_000 * Math.floor(now / 1_000);
    const end = second + 3_600_000;
    const key = makeKey();
    const root = makeCa({ commonName: 'R', notAfter: new Date(end) });
    const cross = makeIntermediate(root, { commonName: 't', key });
    // To Envoy, its name is that of the cross-signed one. It takes other bytes in a handshake.
    const self = makeCa({ commonName: 'T', key });
    const crowd = Array.from({ length: 40 }, (_, index) =>
      makeCa({ subject: longName(2000, `c${index}`), key }),
    );
    const builder = createMeshBuilder(noPolicy);
    const mergedAt = (time: number, ...shares: readonly Share[]) =>
      builder
        .build(holdings(...shares), time)
        .get('default')
        ?.bundle.merged.flatMap(({ anchors }) =>
          anchors.map(({ certificate, rooting }) => `${certificate.subject} ${rooting}`).sort(),
        );
    mergedAt(second, shareOf('a.test', [root, cross]));
    const over = [shareOf('a.test', [root, cross, self]), shareOf('z.test', crowd)];
    assert.deepEqual(mergedAt(second, ...over), ['CN=R as-listed', 'CN=t as-listed']);
    assert.equal(builder.nextChange(), end);
    assert.deepEqual(mergedAt(end, ...over), ['CN=R as-listed', 'CN=t re-rooted']);
  });

  suite('CA names of the mesh do not fit, and a served certificate expires', () => {
    const second = 1_000 * Math.floor(now / 1_000);
    const hours = (count: number) => new Date(second + count * 3_600_000);
    const [key, rootKey] = [makeKey(), makeKey()];
    const old = makeCa({ commonName: 'T', key, notBefore: hours(-1), notAfter: hours(10) });
    const renewed = makeCa({ commonName: 'T', key, notBefore: hours(5), notAfter: hours(5_000) });
    const root = makeCa({ commonName: 'R', key: rootKey, notBefore: hours(-1), notAfter: hours(10) });
    const renewedRoot = makeCa({ commonName: 'R', key: rootKey, notBefore: hours(5), notAfter: hours(50) });
    const child = makeIntermediate(root, { commonName: 'I', notBefore: hours(-1), notAfter: hours(5_000) });
    const otherKey = makeCa({ commonName: 'T', notBefore: hours(-1), notAfter: hours(5_000) });
    const crowd = Array.from({ length: 40 }, (_, index) =>
      makeCa({ subject: longName(2000, `c${index}`), key }),
    );
    interface Case {
      readonly before: readonly Certificate[];
      readonly over: readonly Certificate[];
      readonly merged: readonly (readonly [certificate: Certificate, rooting: string])[];
    }
    const cases: Readonly<Record<string, Case>> = {
      'renewed certificate of its key, listed before the mesh is over the limit → served instead': {
        before: [old, renewed],
        over: [old, renewed],
        merged: [[renewed, 'as-listed']],
      },
      'renewed certificate of its key, listed after that → served instead': {
        before: [old],
        over: [old, renewed],
        merged: [[renewed, 'as-listed']],
      },
      'renewed issuer of an intermediate → the intermediate stays as listed': {
        before: [root, child],
        over: [root, child, renewedRoot],
        merged: [
          [renewedRoot, 'as-listed'],
          [child, 'as-listed'],
        ],
      },
      'certificate of its name with another key → not served': {
        before: [old],
        over: [old, otherKey],
        merged: [[old, 'as-listed']],
      },
    };
    for (const [title, { before, over, merged }] of Object.entries(cases))
      test(title, () => {
        const builder = createMeshBuilder(noPolicy);
        builder.build(holdings(shareOf('a.test', before)), second);
        const listed = holdings(shareOf('a.test', over), shareOf('z.test', crowd));
        for (const hour of [1, 6, 11]) builder.build(listed, hours(hour).getTime());
        const state = builder.build(listed, hours(11).getTime()).get('default');
        const pem = (der: Uint8Array) => Buffer.from(der).toString('base64');
        assert.deepEqual(
          state?.bundle.merged.flatMap(({ anchors }) =>
            anchors.map(({ certificate, rooting }) => `${pem(certificate.der)} ${rooting}`).sort(),
          ),
          merged.map(([{ der }, rooting]) => `${pem(der)} ${rooting}`).sort(),
        );
      });
  });

  test('mesh lost all CAs → it stays and denies all', () => {
    const builder = createMeshBuilder(noPolicy);
    builder.build(holdings(a), now);
    const states = builder.build(new Map(), now);
    assert.equal(states.get('default')?.secrets.denyAll, true);
    assert.deepEqual(states.get('default')?.bundle.bundles, []);
  });

  test('intermediate lost its issuer → promoted', () => {
    const builder = createMeshBuilder(noPolicy);
    const intermediate = makeIntermediate(rootA, { commonName: 'I' });
    builder.build(holdings(shareOf('a.test', [rootA, intermediate])), now);
    const state = builder.build(holdings(shareOf('a.test', [intermediate])), now).get('default');
    assert.equal(state?.bundle.bundles[0]?.anchors[0]?.rooting, 'promoted');
  });

  test('issuer dropped because the CA names do not fit → the intermediate is re-rooted in the merged secret', () => {
    const builder = createMeshBuilder(noPolicy);
    const key = makeKey();
    const root = makeCa({ commonName: 'R' });
    const child = makeIntermediate(root, { commonName: 'child' });
    builder.build(holdings(shareOf('a.test', [child])), now);
    const crowd = Array.from({ length: 40 }, (_, index) =>
      makeCa({ subject: longName(2000, `c${index}`), key }),
    );
    const state = builder
      .build(holdings(shareOf('a.test', [child, root]), shareOf('z.test', crowd)), now)
      .get('default');
    assert.deepEqual(
      state?.bundle.merged.map(({ trustDomain, anchors }) => [
        trustDomain,
        anchors.map(({ rooting }) => rooting),
      ]),
      [['a.test', ['re-rooted']]],
    );
  });

  test('new policy → applied at the next build, also to unchanged trust domains', () => {
    const builder = createMeshBuilder(noPolicy);
    const first = builder.build(holdings(a), now).get('default');
    const fingerprint = first?.bundle.bundles[0]?.anchors[0]?.certificate.fingerprint ?? '';
    builder.setPolicy({ ...noPolicy, distrusted: new Set([fingerprint]) });
    assert.equal(builder.build(holdings(a), now).get('default')?.secrets.denyAll, true);
  });
});

suite('diffMeshes', () => {
  test('equal states → no change', () => {
    const builder = createMeshBuilder(noPolicy);
    const states = builder.build(holdings(a), now);
    assert.deepEqual(diffMeshes(states, builder.build(holdings(a), now)), []);
  });

  test('added and removed CAs → counted by trust domain', () => {
    const builder = createMeshBuilder(noPolicy);
    const before = builder.build(holdings(a), now);
    const after = builder.build(holdings(shareOf('a.test', [rootB]), b), now);
    const [change] = diffMeshes(before, after);
    assert.equal(change?.mesh, 'default');
    assert.equal(change.version, after.get('default')?.secrets.version);
    assert.deepEqual(
      change.trustDomains.map(({ trustDomain, added, removed }) => [
        trustDomain,
        added.length,
        removed.length,
      ]),
      [
        ['a.test', 1, 1],
        ['b.test', 1, 0],
      ],
    );
  });

  test('listed resources of one trust domain changed, CAs of another → only the other one is in the change', () => {
    const builder = createMeshBuilder(noPolicy);
    const before = builder.build(holdings(a, b), now);
    const again = shareOf('a.test', [rootA], 'again');
    const after = builder.build(holdings(again, shareOf('b.test', [rootB, rootA])), now);
    const [change] = diffMeshes(before, after);
    assert.deepEqual(
      change?.trustDomains.map(({ trustDomain, added }) => [trustDomain, added.length]),
      [['b.test', 1]],
    );
  });

  test('listed resources changed but served CAs did not → no change', () => {
    const builder = createMeshBuilder(noPolicy);
    const before = builder.build(holdings(a), now);
    const after = builder.build(holdings(a, shareOf('a.test', [rootA], 'again')), now);
    assert.deepEqual(diffMeshes(before, after), []);
  });
});
