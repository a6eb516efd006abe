import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createTrustStages } from '../../src/runtime/trust-stages.ts';
import { createIdentityStage } from '../../src/trust/identity/identity-stage.ts';
import type { EventsBySource } from '../../src/trust/identity/identity-stage.ts';
import { createImportStage, importIdentities } from '../../src/trust/imports/import-stage.ts';
import { createLedger } from '../../src/trust/ledger/ledger.ts';
import type { LedgerEvent } from '../../src/trust/ledger/ledger.ts';
import { defaultLimits } from '../../src/trust/model/limits.ts';
import { createMeshBuilder } from '../../src/trust/snapshot/mesh-builder.ts';
import { noPolicy, servedCas } from '../kit/bundles.ts';
import { makeCaPems } from '../kit/certificates.ts';
import { globalIdentity, importedTrust } from '../kit/imports.ts';
import { bundled, identityText, inline, parseAll } from '../kit/mesh-identities.ts';

const [a, b] = makeCaPems('A', 'B');
const files = 'files';
const cluster = 'kubernetes identities';
const path = 'kubernetes:meshidentity:kuma-system/identity';
const own = identityText({ spec: bundled(inline(a), { trustDomain: 'own.test' }) });

const version = (at: string, text: string): LedgerEvent => ({
  kind: 'version',
  path: at,
  settled: true,
  parsed: parseAll(at, text),
});
const synced: LedgerEvent = { kind: 'synced' };

/**
 * The stages of a server of zone 1 that reads MeshIdentities from files and the cluster, whose operator has granted
 * own.test to zone 2. Its import is read: zone 2 lists a CA for own.test.
 */
function makeStages() {
  const identities = createIdentityStage({
    zone: 'zone-1',
    zones: [],
    linger: { kind: 'leaves' },
    limits: defaultLimits,
    sources: [files, cluster],
  });
  const imports = createImportStage({
    zone: 'zone-1',
    granted: new Map([['zone-2', new Set(['own.test'])]]),
    linger: { kind: 'leaves' },
  });
  const stages = createTrustStages(identities, imports);
  const ledger = createLedger([files, cluster, 'superseded', 'import'], { holdMs: 0 });
  const builder = createMeshBuilder(noPolicy);
  const apply = (all: EventsBySource): void => {
    for (const [to, events] of all) ledger.apply(to, events, 0);
  };
  const deliver = (source: string, ...events: readonly LedgerEvent[]): void =>
    apply(stages.apply(source, events, 0));
  return {
    deliver,
    readImport: (): void => {
      deliver(importIdentities, version('i', globalIdentity('{{ .Zone }}.test')), synced);
      const granted = importedTrust('own.test', [b], { origin: 'zone', zone: 'zone-2' });
      deliver('import', version('import:granted', granted), synced);
    },
    /** Returns the CAs in force, and the findings of imports. */
    state: (): readonly [inForce: readonly string[], findings: readonly string[]] => {
      const meshes = builder.build(ledger.view().holdings, 0);
      return [servedCas(meshes), imports.findings(meshes).map(({ code, severity }) => `${code} ${severity}`)];
    },
  };
}

const waits = [[], ['MT090 warning']] as const;
const ofZone = [['own.test: B'], []] as const;
const ofThisServer = [['own.test: A'], []] as const;

suite('a trust domain of this server that is granted to another zone', () => {
  test('the import is read first: the CA of the zone waits for each source of MeshIdentities', () => {
    const { deliver, readImport, state } = makeStages();
    readImport();
    assert.deepEqual(state(), waits);
    deliver(files, synced);
    assert.deepEqual(state(), waits);
    deliver(cluster, version(path, own), synced);
    assert.deepEqual(state(), ofThisServer);
  });

  test('no MeshIdentity gives it: the CA of the zone, once all were read', () => {
    const { deliver, readImport, state } = makeStages();
    readImport();
    deliver(files, synced);
    deliver(cluster, synced);
    assert.deepEqual(state(), ofZone);
  });

  test('MeshIdentities of the cluster cannot be listed: the CA of the zone waits', () => {
    const { deliver, readImport, state } = makeStages();
    deliver(files, synced);
    deliver(cluster, { kind: 'failed', path: 'kubernetes:meshidentities', reason: 'forbidden' });
    readImport();
    assert.deepEqual(state(), waits);
  });

  for (const [what, unusable] of [
    ['cannot be read', { kind: 'unreadable', path, reason: 'permission denied' }],
    ['cannot be parsed', version(path, '{')],
    ['is invalid', version(path, own.replace('"type":"Bundled"', '"type":7'))],
    ['has no legible name', version(path, own.replace('"name":"identity"', '"name":7'))],
  ] as const) {
    test(`a MeshIdentity ${what}, and no earlier version is known: the CA of the zone waits, until it is legible`, () => {
      const { deliver, readImport, state } = makeStages();
      deliver(files, synced);
      deliver(cluster, unusable, synced);
      readImport();
      assert.deepEqual(state(), waits);
      deliver(cluster, version(path, own));
      assert.deepEqual(state(), ofThisServer);
    });

    test(`the newest version of a MeshIdentity ${what}: the trust domain stays its own`, () => {
      const { deliver, readImport, state } = makeStages();
      deliver(files, synced);
      deliver(cluster, version(path, own), synced);
      deliver(cluster, unusable);
      readImport();
      assert.deepEqual(state(), ofThisServer);
    });
  }

  test('a MeshIdentity that is not legible is deleted: the CA of the zone waits no longer', () => {
    const { deliver, readImport, state } = makeStages();
    deliver(files, synced);
    deliver(cluster, version(path, '{'), synced);
    readImport();
    deliver(cluster, { kind: 'gone', path, evidence: 'deletion' });
    assert.deepEqual(state(), ofZone);
  });

  test('the template of a MeshIdentity is not understood: a grant is the way to say what other zones have', () => {
    const { deliver, readImport, state } = makeStages();
    const spec = bundled(inline(a), { trustDomain: '{{ upper .Mesh }}' });
    deliver(files, synced);
    deliver(cluster, version(path, identityText({ spec })), synced);
    readImport();
    assert.deepEqual(state(), ofZone);
  });

  test('an earlier run derived it, and MeshIdentities are not read yet: the trust domain is its own', () => {
    const earlier = createIdentityStage({
      zone: 'zone-1',
      zones: [],
      linger: { kind: 'leaves' },
      limits: defaultLimits,
    });
    const ledger = createLedger([cluster, 'superseded'], { holdMs: 0 });
    for (const [to, events] of earlier.apply(cluster, [version(path, own)], 0)) ledger.apply(to, events, 0);
    const { deliver, readImport, state } = makeStages();
    deliver(cluster, { kind: 'restored', path, grants: ledger.grantsOf(cluster, path) });
    deliver(files, synced);
    readImport();
    assert.deepEqual(state(), ofThisServer);
  });
});
