import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { LocalTrustDomains } from '../../../src/trust/identity/local-trust-domains.ts';
import { importIdentities } from '../../../src/trust/imports/import-stage.ts';
import type { VoucherRecord } from '../../../src/trust/imports/vouchers.ts';
import { importSourceOf } from '../../../src/trust/ledger/import-sources.ts';
import type { LedgerEvent } from '../../../src/trust/ledger/ledger.ts';
import { readinessOf } from '../../../src/trust/ledger/readiness.ts';
import { makeCaPems } from '../../kit/certificates.ts';
import { globalIdentity, importedTrust, makeImportRig } from '../../kit/imports.ts';
import type { ImportRig } from '../../kit/imports.ts';
import { hour, parseAll } from '../../kit/mesh-identities.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';

const [a, b, c] = makeCaPems('A', 'B', 'C');
const template = '{{ .Mesh }}.{{ .Zone }}.mesh.local';
const td = (zone: string): string => `default.${zone}.mesh.local`;
const of = (zone: string) => ({ origin: 'zone', zone });

/** The trust domains that MeshIdentities of this zone give in the default mesh. */
const ownOf = (...names: readonly string[]): LocalTrustDomains => ({
  names: new Set(names.map((name) => `default/${name}`)),
  unread: 'none',
});
const nothingRead: LocalTrustDomains = { names: new Set(), unread: 'all' };
const oneUnreadable: LocalTrustDomains = { names: new Set(), unread: 'some' };

/** A rig whose Global control plane was read completely; its MeshIdentity renders a trust domain for each zone. */
function readRig(options?: Parameters<typeof makeImportRig>[0]): ImportRig {
  const rig = makeImportRig(options);
  rig.identities({ identity: globalIdentity(template) });
  rig.synced();
  return rig;
}

interface Row {
  readonly row: string;
  readonly name: string;
  readonly run: (rig: ImportRig) => void;
  readonly rig?: () => ImportRig;
  readonly inForce: readonly string[];
  /** The findings, as `code severity`. */
  readonly codes?: readonly string[];
}

const rows: readonly Row[] = [
  {
    row: 'm1',
    name: 'a zone lists a CA for its own trust domain: served',
    run: (rig) => rig.trusts({ t: importedTrust(td('zone-2'), [a, b], of('zone-2')) }),
    inForce: [`${td('zone-2')}: A B`],
  },
  {
    row: 'm1',
    name: 'a trust domain that the operator granted to the zone: served',
    rig: () => readRig({ granted: new Map([['zone-2', new Set(['granted.test'])]]) }),
    run: (rig) => rig.trusts({ t: importedTrust('granted.test', [a], of('zone-2')) }),
    inForce: ['granted.test: A'],
  },
  {
    row: 'm1',
    name: 'a trust domain that is granted to another zone: not served',
    rig: () => readRig({ granted: new Map([['zone-3', new Set(['granted.test'])]]) }),
    run: (rig) => rig.trusts({ t: importedTrust('granted.test', [a], of('zone-2')) }),
    inForce: [],
    codes: ['MT090 error'],
  },
  {
    row: 'm2',
    name: 'a zone lists a CA for the trust domain of another zone: not served',
    run: (rig) => rig.trusts({ t: importedTrust(td('zone-3'), [a], of('zone-2')) }),
    inForce: [],
    codes: ['MT090 error'],
  },
  {
    row: 'm2',
    name: 'a zone lists a CA for the trust domain of this zone: not served',
    run(rig) {
      rig.local({ own: meshTrustYaml({ name: 'own', trustDomain: td('zone-1'), pems: [a] }) });
      rig.trusts({ t: importedTrust(td('zone-1'), [b], of('zone-2')) });
    },
    inForce: [`${td('zone-1')}: A`],
    codes: ['MT090 error'],
  },
  {
    row: 'm2',
    name: 'a copy by hand of a CA that is served for its owner: a note',
    run: (rig) =>
      rig.trusts({
        own: importedTrust(td('zone-3'), [a, b], of('zone-3')),
        copy: importedTrust(td('zone-3'), [a], of('zone-2'), 'copy'),
      }),
    inForce: [`${td('zone-3')}: A B`],
    codes: ['MT090 info'],
  },
  {
    row: 'm2',
    name: 'a copy by hand with one CA more than its owner has: an error',
    run: (rig) =>
      rig.trusts({
        own: importedTrust(td('zone-3'), [a], of('zone-3')),
        copy: importedTrust(td('zone-3'), [a, b], of('zone-2'), 'copy'),
      }),
    inForce: [`${td('zone-3')}: A`],
    codes: ['MT090 error'],
  },
  {
    row: 'm2',
    name: 'a MeshIdentity that the zone made itself: vouches for nothing',
    run(rig) {
      rig.identities({ zone: globalIdentity('mine.test', of('zone-2')) });
      rig.trusts({ t: importedTrust('mine.test', [a], of('zone-2')) });
    },
    inForce: [],
    codes: ['MT090 error'],
  },
  {
    row: 'm2',
    name: 'a MeshIdentity of another mesh: vouches for nothing in this one',
    run: (rig) => rig.trusts({ t: importedTrust(td('zone-2'), [a], { ...of('zone-2'), mesh: 'payments' }) }),
    inForce: [],
    codes: ['MT090 error'],
  },
  {
    row: 'm2',
    name: 'a MeshIdentity of the Global control plane with the label of a zone: vouches for that zone alone',
    rig() {
      const rig = makeImportRig();
      rig.identities({ identity: globalIdentity(template, { origin: 'global', zone: 'zone-2' }) });
      rig.synced();
      return rig;
    },
    run: (rig) =>
      rig.trusts({
        two: importedTrust(td('zone-2'), [a], of('zone-2')),
        three: importedTrust(td('zone-3'), [b], of('zone-3')),
      }),
    inForce: [`${td('zone-2')}: A`],
    codes: ['MT090 error'],
  },
  {
    row: 'm3',
    name: 'what this zone published itself: ignored',
    run: (rig) => rig.trusts({ t: importedTrust(td('zone-1'), [a], of('zone-1')) }),
    inForce: [],
  },
  {
    row: 'm3',
    name: 'a trust domain that MeshIdentities of this zone give, and that is granted to another zone: ignored',
    rig: () => readRig({ granted: new Map([['zone-2', new Set(['own.test'])]]) }),
    run(rig) {
      rig.apply(rig.stage.setOwn(ownOf('own.test')));
      rig.trusts({ t: importedTrust('own.test', [a], of('zone-2')) });
    },
    inForce: [],
  },
  {
    row: 'm3',
    name: 'a trust domain that this zone gets later by a MeshIdentity: no longer taken from another zone',
    rig: () => readRig({ granted: new Map([['zone-2', new Set(['own.test'])]]) }),
    run(rig) {
      rig.trusts({ t: importedTrust('own.test', [a], of('zone-2')) });
      assert.deepEqual(rig.inForce(), ['own.test: A']);
      rig.apply(rig.stage.setOwn(ownOf('own.test')));
      rig.tick(30_000);
    },
    inForce: [],
  },
  {
    row: 'm3',
    name: 'a MeshTrust of the Global control plane for a trust domain that this zone has by itself: not served, a warning',
    run(rig) {
      rig.apply(rig.stage.setOwn(ownOf(td('zone-1'))));
      rig.trusts({
        t: importedTrust(td('zone-1'), [a], { origin: 'global' }),
        u: importedTrust(td('zone-1'), [b], {}, 'u'),
      });
    },
    inForce: [],
    codes: ['MT090 warning', 'MT090 warning'],
  },
  {
    row: 'm3',
    name: 'a MeshTrust of the Global control plane that Kuma has copied to this zone: served from here, no finding',
    run(rig) {
      rig.apply(rig.stage.setOwn(ownOf(td('zone-1'))));
      rig.local({ copy: meshTrustYaml({ name: 'copy', trustDomain: td('zone-1'), pems: [a] }) });
      rig.trusts({ t: importedTrust(td('zone-1'), [a], { origin: 'global' }) });
    },
    inForce: [`${td('zone-1')}: A`],
  },
  {
    row: 'm3',
    name: 'a MeshTrust of the Global control plane for a trust domain that this zone gets later: no longer served',
    run(rig) {
      rig.trusts({ t: importedTrust('own.test', [a], { origin: 'global' }) });
      assert.deepEqual(rig.inForce(), ['own.test: A']);
      rig.apply(rig.stage.setOwn(ownOf('own.test')));
      rig.tick(30_000);
    },
    inForce: [],
    codes: ['MT090 warning'],
  },
  {
    row: 'm4',
    name: 'a trust domain of this zone that the operator allows to it by a grant: served',
    rig: () => readRig({ granted: new Map([['zone-1', new Set(['own.test'])]]) }),
    run(rig) {
      rig.apply(rig.stage.setOwn(ownOf('own.test')));
      rig.trusts({ t: importedTrust('own.test', [a], { origin: 'global' }) });
    },
    inForce: ['own.test: A'],
  },
  {
    row: 'm4',
    name: 'a MeshTrust of the Global control plane for a trust domain of all zones: served beside those of the zones',
    run(rig) {
      rig.identities({ identity: globalIdentity('corp.test') });
      rig.apply(rig.stage.setOwn(ownOf('corp.test')));
      rig.trusts({
        global: importedTrust('corp.test', [a], { origin: 'global' }, 'global'),
        two: importedTrust('corp.test', [b], of('zone-2'), 'two'),
      });
    },
    inForce: ['corp.test: A B'],
  },
  {
    row: 'm4',
    name: 'MeshIdentities of this zone were not read: a new MeshTrust of the Global control plane waits',
    run(rig) {
      rig.apply(rig.stage.setOwn(nothingRead));
      rig.trusts({ t: importedTrust('partner.test', [a], { origin: 'global' }) });
    },
    inForce: [],
    codes: ['MT090 warning'],
  },
  {
    row: 'm4',
    name: 'a MeshIdentity of this zone cannot be read: MeshTrusts of the Global control plane are served',
    run(rig) {
      rig.apply(rig.stage.setOwn(oneUnreadable));
      rig.trusts({ t: importedTrust('partner.test', [a], { origin: 'global' }) });
    },
    inForce: ['partner.test: A'],
  },
  {
    row: 'm4',
    name: 'a MeshTrust of the Global control plane: served for any trust domain',
    run: (rig) => rig.trusts({ t: importedTrust('partner.test', [a], { origin: 'global' }) }),
    inForce: ['partner.test: A'],
  },
  {
    row: 'm4',
    name: 'a MeshTrust without labels of a zone: served for any trust domain',
    run: (rig) => rig.trusts({ t: importedTrust('partner.test', [a]) }),
    inForce: ['partner.test: A'],
  },
  {
    row: 'm4',
    name: 'a MeshTrust with a zone and without an origin: counts as one of that zone',
    run: (rig) => rig.trusts({ t: importedTrust('partner.test', [a], { zone: 'zone-2' }) }),
    inForce: [],
    codes: ['MT090 error'],
  },
  {
    row: 'm5',
    name: 'of a zone, but without the name of the zone: not served',
    run: (rig) => rig.trusts({ t: importedTrust(td('zone-2'), [a], { origin: 'zone' }) }),
    inForce: [],
    codes: ['MT090 error'],
  },
  {
    row: 'm5',
    name: 'of an unknown origin: not served',
    run: (rig) => rig.trusts({ t: importedTrust(td('zone-2'), [a], { origin: 'Global', zone: 'zone-2' }) }),
    inForce: [],
    codes: ['MT090 error'],
  },
  {
    row: 'm6',
    name: 'one trust domain of all zones: their CAs are joined, also if this zone has it by itself',
    run(rig) {
      rig.identities({ identity: globalIdentity('corp.test') });
      rig.apply(rig.stage.setOwn(ownOf('corp.test')));
      rig.local({ own: meshTrustYaml({ name: 'own', trustDomain: 'corp.test', pems: [a] }) });
      rig.trusts({
        two: importedTrust('corp.test', [b], of('zone-2'), 'two'),
        three: importedTrust('corp.test', [c], of('zone-3'), 'three'),
      });
    },
    inForce: ['corp.test: A B C'],
  },
  {
    row: 'm7',
    name: 'the Global control plane is unreachable: everything stays, with a warning',
    run(rig) {
      rig.trusts({ t: importedTrust(td('zone-2'), [a], of('zone-2')) });
      rig.deliver('import', [{ kind: 'failed', path: 'import:kuma-system', reason: 'refused' }], 1000);
      rig.deliver(importIdentities, [{ kind: 'failed', path: 'import:identities', reason: 'refused' }], 1000);
      rig.tick(1000 * hour);
    },
    inForce: [`${td('zone-2')}: A`],
    codes: ['MT091 warning', 'MT091 warning'],
  },
  {
    row: 'm7',
    name: 'the time of the first failure is in the warning, and stays there',
    run(rig) {
      for (const [now, reason] of [
        [1000, 'refused'],
        [5000, 'timed out'],
      ] as const)
        rig.deliver('import', [{ kind: 'failed', path: 'import:kuma-system', reason }], now);
      assert.match(rig.findings()[0]?.message ?? '', /timed out \(since 1970-01-01T00:00:01Z\)/);
    },
    inForce: [],
    codes: ['MT091 warning'],
  },
  {
    row: 'm8',
    name: 'all objects of a zone are gone: held back by the guard, and those of other zones stay',
    run(rig) {
      rig.identities({ second: globalIdentity('{{ .Zone }}.second.test') });
      rig.trusts({
        first: importedTrust(td('zone-2'), [a], of('zone-2')),
        second: importedTrust('zone-2.second.test', [b], of('zone-2')),
        other: importedTrust(td('zone-3'), [c], of('zone-3')),
      });
      rig.trusts({ first: undefined, second: undefined }, 1000);
    },
    inForce: [`${td('zone-2')}: A`, `${td('zone-3')}: C`, 'zone-2.second.test: B'],
    codes: ['MT042 error', 'MT042 error'],
  },
  {
    row: 'm8',
    name: 'the list is empty: held back by the guard',
    run(rig) {
      rig.trusts({ t: importedTrust(td('zone-2'), [a], of('zone-2')) });
      rig.deliver('import', [{ kind: 'gone', path: 't', evidence: 'absence' }], 1000);
    },
    inForce: [`${td('zone-2')}: A`],
    codes: ['MT042 error'],
  },
  {
    row: 'm8',
    name: 'after the hold: gone',
    run(rig) {
      rig.trusts({ t: importedTrust(td('zone-2'), [a], of('zone-2')) });
      rig.deliver('import', [{ kind: 'gone', path: 't', evidence: 'absence' }], 1000);
      rig.tick(31_001);
    },
    inForce: [],
  },
  {
    row: 'm9',
    name: 'this zone and the import list the same CA: once',
    run(rig) {
      rig.local({ copy: meshTrustYaml({ name: 'copy', trustDomain: td('zone-2'), pems: [a] }) });
      rig.trusts({ t: importedTrust(td('zone-2'), [a], of('zone-2')) });
    },
    inForce: [`${td('zone-2')}: A`],
  },
];

suite('import stage', () => {
  for (const { row, name, run, rig: make = readRig, inForce, codes = [] } of rows)
    test(`${row} ${name}`, () => {
      const rig = make();
      run(rig);
      assert.deepEqual(rig.inForce(), inForce);
      assert.deepEqual(rig.codes(), codes);
    });

  for (const own of [nothingRead, oneUnreadable])
    suite(`MeshIdentities of this zone that are not readable: ${own.unread}`, () => {
      const granting = (options: Parameters<typeof readRig>[0] = {}): ImportRig => {
        const rig = makeImportRig({ granted: new Map([['zone-2', new Set(['granted.test'])]]), ...options });
        rig.apply(rig.stage.setOwn(own));
        return rig;
      };
      const read = (rig: ImportRig): void => {
        rig.identities({ identity: globalIdentity(template) });
        rig.synced();
      };
      const granted = importedTrust('granted.test', [a], of('zone-2'), 'granted');

      test('a trust domain that is granted to another zone: waits, and is served once it is known to be no own one', () => {
        const rig = granting();
        read(rig);
        rig.trusts({ granted, given: importedTrust(td('zone-2'), [b], of('zone-2'), 'given') });
        assert.deepEqual([rig.inForce(), rig.codes()], [[`${td('zone-2')}: B`], ['MT090 warning']]);
        rig.apply(rig.stage.setOwn(ownOf('other.test')));
        assert.deepEqual([rig.inForce(), rig.codes()], [[`${td('zone-2')}: B`, 'granted.test: A'], []]);
      });

      test('it is an own one: never served', () => {
        const rig = granting();
        read(rig);
        rig.trusts({ granted });
        rig.apply(rig.stage.setOwn(ownOf('granted.test')));
        assert.deepEqual([rig.inForce(), rig.codes()], [[], []]);
      });

      test('an earlier run had it in force: stays, and follows its changes', () => {
        const earlier = readRig({ granted: new Map([['zone-2', new Set(['granted.test'])]]) });
        earlier.trusts({ granted });
        const rig = granting();
        const source = importSourceOf('zone-2');
        rig.deliver(source, [
          { kind: 'restored', path: 'granted', grants: earlier.ledger.grantsOf(source, 'granted') },
        ]);
        rig.trusts({ granted: importedTrust('granted.test', [a, c], of('zone-2'), 'granted') });
        read(rig);
        assert.deepEqual([rig.inForce(), rig.codes()], [['granted.test: A C'], []]);
        // Another trust domain of the same object is new.
        rig.trusts({ granted: importedTrust(td('zone-3'), [b], of('zone-2'), 'granted') });
        assert.deepEqual(rig.inForce(), ['granted.test: A C']);
      });

      test('it was in force before: stays', () => {
        const rig = granting();
        rig.apply(rig.stage.setOwn(ownOf()));
        read(rig);
        rig.trusts({ granted });
        rig.apply(rig.stage.setOwn(own));
        rig.tick(30_000);
        assert.deepEqual([rig.inForce(), rig.codes()], [['granted.test: A'], []]);
      });
    });

  test('before the MeshIdentities are read: nothing is decided', () => {
    const rig = makeImportRig();
    rig.trusts({ t: importedTrust(td('zone-2'), [a], of('zone-2')) });
    rig.deliver('import', [{ kind: 'synced' }]);
    assert.deepEqual([rig.inForce(), rig.codes()], [[], []]);
    rig.identities({ identity: globalIdentity(template) });
    rig.deliver(importIdentities, [{ kind: 'synced' }]);
    assert.deepEqual(rig.inForce(), [`${td('zone-2')}: A`]);
  });

  test('the MeshIdentity comes after the MeshTrust: the MeshTrust is served then', () => {
    const rig = readRig();
    rig.trusts({ t: importedTrust('late.test', [a], of('zone-2')) });
    assert.deepEqual(rig.codes(), ['MT090 error']);
    rig.identities({ late: globalIdentity('late.test') });
    assert.deepEqual([rig.inForce(), rig.codes()], [['late.test: A'], []]);
  });

  test('a zone publishes for the first time after the complete read: its source of the ledger is synced', () => {
    const rig = readRig();
    const sources = (): readonly string[] =>
      rig.ledger
        .view()
        .sources.flatMap(({ name, synced }) => (synced && name.startsWith('import') ? [name] : []));
    const before = sources();
    rig.trusts({ t: importedTrust(td('zone-2'), [a], of('zone-2')) });
    assert.deepEqual(sources(), [...before, importSourceOf('zone-2')]);
  });

  test('everything is decided again with the same result: the ledger receives nothing', () => {
    const rig = readRig();
    rig.trusts({
      served: importedTrust(td('zone-2'), [a], of('zone-2')),
      refused: importedTrust('partner.test', [b], of('zone-2')),
      kept: importedTrust(td('zone-3'), [c], of('zone-3'), 'kept'),
    });
    rig.trusts({ kept: importedTrust('partner.test', [c], of('zone-3'), 'kept') }, 1000);
    assert.deepEqual(rig.inForce(), [`${td('zone-2')}: A`, `${td('zone-3')}: C`]);
    assert.deepEqual(rig.stage.setOwn(ownOf('unrelated.test')), new Map());
  });

  test('a MeshTrust changes to a foreign trust domain: what it gave before stays, with both findings', () => {
    const rig = readRig();
    rig.trusts({ t: importedTrust(td('zone-2'), [a], of('zone-2'), 't') });
    rig.trusts({ t: importedTrust(td('zone-3'), [b], of('zone-2'), 't') });
    assert.deepEqual(rig.inForce(), [`${td('zone-2')}: A`]);
    assert.deepEqual(rig.codes(), ['MT040 error', 'MT090 error']);
  });

  test('a MeshTrust of the operator is replaced by one of a zone: the earlier one is withdrawn', () => {
    const rig = readRig();
    rig.trusts({ t: importedTrust('partner.test', [a], { origin: 'global' }, 't') });
    rig.trusts({ t: importedTrust('partner.test', [b], of('zone-2'), 't') });
    rig.tick(30_000);
    assert.deepEqual([rig.inForce(), rig.codes()], [[], ['MT090 error']]);
  });

  test('a MeshIdentity is deleted: its zones stay trusted while leaves can be valid, and no longer', () => {
    const rig = readRig();
    rig.trusts({ t: importedTrust(td('zone-2'), [a], of('zone-2')) });
    rig.identities({ identity: undefined }, 1000);
    const end = 1000 + 24 * hour + 10_000;
    assert.equal(rig.stage.nextEnd(), end);
    rig.tick(end - 1);
    assert.deepEqual([rig.inForce(), rig.codes()], [[`${td('zone-2')}: A`], []]);
    rig.tick(end);
    rig.tick(end + 30_000);
    assert.deepEqual([rig.inForce(), rig.codes()], [[], ['MT090 error']]);
  });

  test('the lifetime of leaves was longer before: the longer one counts', () => {
    const rig = readRig();
    rig.identities({ identity: globalIdentity(template, undefined, '240h') });
    rig.identities({ identity: globalIdentity(template, undefined, '1h') });
    rig.identities({ identity: globalIdentity('other.test') }, 0);
    assert.equal(rig.stage.nextEnd(), 240 * hour + 10_000);
  });

  test('a MeshIdentity comes back with a shorter lifetime of leaves and is deleted again: the first end counts', () => {
    const rig = readRig();
    rig.identities({ identity: globalIdentity(template, undefined, '240h') });
    rig.identities({ identity: undefined }, 1000);
    rig.identities({ identity: globalIdentity(template, undefined, '1h') }, 2000);
    rig.identities({ identity: undefined }, 3000);
    assert.equal(rig.stage.nextEnd(), 1000 + 240 * hour + 10_000);
  });

  test('--identity-linger 0: a deleted MeshIdentity vouches no longer', () => {
    const rig = readRig({ linger: { kind: 'fixed', ms: 0 } });
    rig.trusts({ t: importedTrust(td('zone-2'), [a], of('zone-2')) });
    rig.identities({ identity: undefined }, 1000);
    rig.tick(31_001);
    assert.deepEqual(rig.inForce(), []);
  });

  test('a MeshIdentity that cannot be parsed: its last good version vouches', () => {
    // Without a linger: a version that was replaced would vouch for some days more.
    const rig = readRig({ linger: { kind: 'fixed', ms: 0 } });
    rig.trusts({ t: importedTrust(td('zone-2'), [a], of('zone-2')) });
    rig.identities({ identity: globalIdentity(template).replace('"enabled":true', '"enabled":"?"') });
    rig.trusts({ u: importedTrust(td('zone-3'), [b], of('zone-3')) });
    rig.tick(31_001);
    assert.deepEqual(rig.inForce(), [`${td('zone-2')}: A`, `${td('zone-3')}: B`]);
    assert.deepEqual([...new Set(rig.codes())], ['MT003 error']);
  });

  test('a template that is not understood: vouches for nothing, and is reported', () => {
    const rig = readRig();
    rig.identities({ identity: globalIdentity('{{ printf "a" }}.test') });
    assert.deepEqual(rig.codes(), ['MT072 error']);
  });

  test('a restart: what an earlier run had is in force until everything is read, and then decided again', () => {
    const before = readRig();
    const both = {
      two: importedTrust(td('zone-2'), [a], of('zone-2')),
      three: importedTrust(td('zone-3'), [b], of('zone-3')),
      global: importedTrust('partner.test', [c], { origin: 'global' }),
    };
    before.trusts(both);
    const rig = makeImportRig();
    for (const [source, path] of [
      ['import:zone-2', 'two'],
      ['import:zone-3', 'three'],
      ['import', 'global'],
    ] as const)
      rig.deliver(source, [{ kind: 'restored', path, grants: before.ledger.grantsOf(source, path) }]);
    rig.deliver('import', [{ kind: 'failed', path: 'import:kuma-system', reason: 'refused' }]);
    const all = before.inForce();
    assert.equal(all.length, 3);
    assert.deepEqual([rig.inForce(), rig.codes()], [all, ['MT091 warning']]);
    rig.deliver('import', [{ kind: 'recovered', path: 'import:kuma-system' }]);
    // The operator has taken zone 3 out of the mesh meanwhile, and the MeshTrust of the Global control plane is gone.
    rig.identities({ identity: globalIdentity('{{ .Mesh }}.zone-2.mesh.local') });
    rig.trusts({ two: both.two, three: both.three });
    rig.synced();
    rig.tick(30_000);
    assert.deepEqual([rig.inForce(), rig.codes()], [[`${td('zone-2')}: A`], ['MT090 error']]);
  });

  /** Returns the stage after a restart that kept what zone 2 gave, and the MeshIdentities that vouched for it. */
  const restarted = (before: ImportRig, options?: Parameters<typeof makeImportRig>[0]): ImportRig => {
    const records = JSON.parse(JSON.stringify(before.stage.vouchers())) as VoucherRecord[];
    const rig = makeImportRig({ records, ...options });
    const grants = before.ledger.grantsOf('import:zone-2', 't');
    rig.deliver('import:zone-2', [{ kind: 'restored', path: 't', grants }]);
    return rig;
  };
  const trust = importedTrust(td('zone-2'), [a], of('zone-2'));
  const readAgain = (rig: ImportRig, now: number): void => {
    rig.trusts({ t: trust }, now);
    rig.deliver(importIdentities, [{ kind: 'synced' }], now);
    rig.deliver('import', [{ kind: 'synced' }], now);
  };

  test('a MeshIdentity is deleted, then a restart: its zones stay trusted until the same end', () => {
    const before = readRig();
    before.trusts({ t: trust });
    before.identities({ identity: undefined }, 1000);
    const end = 1000 + 24 * hour + 10_000;
    // A second restart does not move the end.
    const rig = restarted(restarted(before));
    readAgain(rig, end - 2000);
    assert.equal(rig.stage.nextEnd(), end);
    rig.tick(end - 1);
    assert.deepEqual([rig.inForce(), rig.codes()], [[`${td('zone-2')}: A`], []]);
    rig.tick(end);
    rig.tick(end + 30_000);
    assert.deepEqual([rig.inForce(), rig.codes()], [[], ['MT090 error']]);
  });

  test('a restart after the end: the zones of the deleted MeshIdentity are not trusted', () => {
    const before = readRig();
    before.trusts({ t: trust });
    before.identities({ identity: undefined }, 1000);
    const rig = restarted(before);
    const now = 1000 + 24 * hour + 10_000;
    readAgain(rig, now);
    rig.tick(now + 30_000);
    assert.deepEqual([rig.inForce(), rig.codes()], [[], ['MT090 error']]);
  });

  test('--identity-linger forever: survives a restart', () => {
    const before = readRig({ linger: { kind: 'forever' } });
    before.trusts({ t: trust });
    before.identities({ identity: undefined }, 1000);
    const rig = restarted(before, { linger: { kind: 'forever' } });
    readAgain(rig, 1e15);
    rig.tick(1e15 + 30_000);
    assert.deepEqual([rig.inForce(), rig.codes()], [[`${td('zone-2')}: A`], []]);
  });

  for (const [name, first, second, end] of [
    ['the default after forever', { kind: 'forever' }, { kind: 'leaves' }, 24 * hour + 10_000],
    ['a fixed time after forever', { kind: 'forever' }, { kind: 'fixed', ms: hour }, hour],
    ['a shorter time', { kind: 'leaves' }, { kind: 'fixed', ms: hour }, hour],
    ['a longer time', { kind: 'leaves' }, { kind: 'fixed', ms: 48 * hour }, 1000 + 24 * hour + 10_000],
  ] as const)
    test(`--identity-linger at a restart, ${name}: a deleted MeshIdentity vouches until its end`, () => {
      const before = readRig({ linger: first });
      before.trusts({ t: trust });
      before.identities({ identity: undefined }, 1000);
      const rig = restarted(before, { linger: second });
      readAgain(rig, 2000);
      assert.equal(rig.stage.nextEnd(), end);
      assert.deepEqual([rig.inForce(), rig.codes()], [[`${td('zone-2')}: A`], []]);
      rig.tick(end);
      rig.tick(end + 30_000);
      assert.deepEqual([rig.inForce(), rig.codes()], [[], ['MT090 error']]);
    });

  test('--identity-linger 0 at a restart: what the deleted MeshIdentity gave ends', () => {
    const before = readRig();
    before.trusts({ t: trust });
    before.identities({ identity: undefined }, 1000);
    const rig = restarted(before, { linger: { kind: 'fixed', ms: 0 } });
    readAgain(rig, 2000);
    rig.tick(32_000);
    assert.deepEqual([rig.inForce(), rig.codes()], [[], ['MT090 error']]);
  });

  test('a MeshIdentity is deleted while the server is down: its leaves count from the start', () => {
    const before = readRig();
    before.trusts({ t: trust });
    const rig = restarted(before);
    readAgain(rig, 5000);
    assert.deepEqual([rig.inForce(), rig.codes()], [[`${td('zone-2')}: A`], []]);
    const end = 5000 + 24 * hour + 10_000;
    assert.equal(rig.stage.nextEnd(), end);
    rig.tick(end);
    rig.tick(end + 30_000);
    assert.deepEqual([rig.inForce(), rig.codes()], [[], ['MT090 error']]);
  });

  const version = (path: string, text: string): LedgerEvent => ({
    kind: 'version',
    path,
    settled: true,
    parsed: parseAll(path, text),
  });
  const broken: Readonly<Record<string, LedgerEvent>> = {
    'is not YAML': version('identity', '{'),
    'is not valid': version(
      'identity',
      '{"type":"MeshIdentity","name":"identity","mesh":"default","spec":{"spiffeID":1}}',
    ),
    'has no legible name': version('identity', '{"type":"MeshIdentity","name":1,"mesh":"default"}'),
    'cannot be read': { kind: 'unreadable', path: 'identity', reason: 'the parser failed' },
    'is not known yet': { kind: 'kept', path: 'identity' },
  };
  for (const [how, event] of Object.entries(broken))
    for (const [name, linger] of [
      ['', { kind: 'leaves' }],
      [' with --identity-linger 0', { kind: 'fixed', ms: 0 }],
    ] as const)
      test(`a restart${name}, and a MeshIdentity ${how}: vouches until it is deleted`, () => {
        const before = readRig();
        before.trusts({ t: trust });
        const rig = restarted(restarted(before, { linger }), { linger });
        rig.deliver(importIdentities, [event]);
        readAgain(rig, 0);
        rig.identities({ other: globalIdentity('{{ .Zone }}.other.test') });
        rig.tick(1000 * hour);
        assert.deepEqual([rig.inForce(), rig.stage.nextEnd()], [[`${td('zone-2')}: A`], undefined]);
        // It is kept for the next restart, too.
        assert.equal(rig.stage.vouchers().length, 2);
        rig.identities({ identity: undefined }, 0);
        rig.tick(24 * hour + 10_000);
        rig.tick(25 * hour);
        assert.deepEqual([rig.inForce(), rig.stage.vouchers().length], [[], 1]);
      });

  test('a restart, and a MeshIdentity that cannot be parsed is corrected: its zones stay trusted without an end', () => {
    const before = readRig();
    before.identities({ identity: globalIdentity(template, undefined, '240h') });
    before.trusts({ t: trust });
    const rig = restarted(before);
    rig.identities({ identity: '{' });
    readAgain(rig, 0);
    rig.identities({ identity: globalIdentity(template, undefined, '1h') });
    rig.tick(1000 * hour);
    assert.deepEqual([rig.inForce(), rig.stage.nextEnd()], [[`${td('zone-2')}: A`], undefined]);
    rig.identities({ identity: undefined }, 0);
    assert.equal(rig.stage.nextEnd(), 240 * hour + 10_000, 'the longer lifetime of its leaves counts');
  });

  test('a restart, and a MeshIdentity that cannot be parsed has another template then: the earlier one ends', () => {
    const before = readRig();
    before.trusts({ t: trust });
    const rig = restarted(before);
    rig.identities({ identity: '{' });
    readAgain(rig, 0);
    rig.identities({ identity: globalIdentity('{{ .Zone }}.other.test') }, 1000);
    assert.equal(rig.stage.nextEnd(), 1000 + 24 * hour + 10_000);
  });

  test('a restart, and one MeshIdentity is deleted while another cannot be parsed: the deleted one ends', () => {
    const before = readRig();
    before.identities({ other: globalIdentity('{{ .Zone }}.other.test') });
    before.trusts({ t: trust });
    const rig = restarted(before);
    rig.identities({ other: '{' });
    readAgain(rig, 0);
    assert.equal(rig.stage.nextEnd(), 24 * hour + 10_000);
    // Records of a version without paths: any of them may be the one that cannot be parsed.
    const records = before.stage.vouchers().map((record) => ({ ...record, path: undefined }));
    const later = restarted(before, { records });
    later.identities({ other: '{' });
    readAgain(later, 0);
    assert.equal(later.stage.nextEnd(), undefined);
  });

  test('a restart, and a MeshTrust cannot be read: what an earlier run had of it stays', () => {
    const before = readRig();
    before.trusts({ t: trust });
    const rig = restarted(before);
    rig.identities({ identity: globalIdentity(template) });
    rig.deliver('import', [{ kind: 'unreadable', path: 't', reason: 'the parser failed' }]);
    rig.synced();
    rig.tick(30_000);
    assert.deepEqual([rig.inForce(), rig.codes()], [[`${td('zone-2')}: A`], ['MT001 error', 'MT040 error']]);
  });

  test('a restart: the longest lifetime of leaves still counts, and an unchanged MeshIdentity has no end', () => {
    const before = readRig();
    before.identities({ identity: globalIdentity(template, undefined, '240h') });
    before.identities({ identity: globalIdentity(template, undefined, '1h') });
    before.trusts({ t: trust });
    const rig = restarted(before);
    rig.identities({ identity: globalIdentity(template, undefined, '1h') });
    readAgain(rig, 0);
    assert.equal(rig.stage.nextEnd(), undefined);
    rig.identities({ identity: undefined }, 0);
    assert.equal(rig.stage.nextEnd(), 240 * hour + 10_000);
  });

  test('the end of a voucher has come, and no MeshIdentity changes: the next import ends it', () => {
    const rig = readRig();
    rig.trusts({ t: trust });
    rig.identities({ identity: undefined }, 1000);
    const end = 1000 + 24 * hour + 10_000;
    rig.trusts({ other: importedTrust('partner.test', [b], { origin: 'global' }) }, end);
    rig.tick(end + 30_000);
    assert.deepEqual(rig.inForce(), ['partner.test: B']);
  });

  test('what is kept of MeshIdentities: nothing of those of zones, and no certificate', () => {
    const rig = readRig();
    rig.identities({ zone: globalIdentity('mine.test', of('zone-2')) });
    assert.deepEqual(rig.stage.vouchers(), [
      {
        mesh: 'default',
        labels: { 'kuma.io/mesh': 'default', 'kuma.io/origin': 'global' },
        trustDomainTemplate: template,
        leafLifetimeMs: 24 * hour,
        path: 'identity',
      },
    ]);
  });

  test('readiness: never waits for an import, and no import makes the first read good', () => {
    const rig = makeImportRig();
    const now = { syncedAt: 0, now: 0, holdMs: 30_000 };
    assert.deepEqual(readinessOf({ sources: rig.ledger.view().sources, ...now }), {
      kind: 'waiting',
      missing: ['files'],
    });
    rig.local({ own: meshTrustYaml({ name: 'own', trustDomain: 'own.test', pems: [a] }) });
    rig.ledger.apply('files', [{ kind: 'synced' }], 0);
    assert.deepEqual(readinessOf({ sources: rig.ledger.view().sources, ...now }), { kind: 'ready' });
    const empty = readRig();
    empty.trusts({ t: importedTrust(td('zone-2'), [a], of('zone-2')) });
    empty.ledger.apply('files', [{ kind: 'synced' }], 0);
    assert.equal(readinessOf({ sources: empty.ledger.view().sources, ...now }).kind, 'doubtful');
  });
});
