import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { startFederation } from '../../src/app/federation.ts';
import type { FederationInput } from '../../src/app/federation.ts';
import { files } from '../../src/app/sources.ts';
import type { FederationOptions } from '../../src/runtime/serve-options.ts';
import type { LedgerEvent } from '../../src/trust/ledger/ledger.ts';
import { parseFile } from '../../src/trust/model/parse-file.ts';
import { createAnchorReader } from '../../src/trust/x509/anchor-reader.ts';
import { federatedText } from '../kit/bundle-endpoint.ts';
import { createFakeClock } from '../kit/fake-clock.ts';

const settings: FederationOptions = {
  className: undefined,
  classless: true,
  webCa: undefined,
  denyPrivate: true,
  minIntervalMs: 30_000,
  maxIntervalMs: 900_000,
  maxAgeMs: 0,
};
const [meshTrustFile, peerFile] = ['listed.yaml', 'peer.yaml'];
const reader = createAnchorReader();

function versionOf(path: string, text: string): LedgerEvent {
  const parsed = parseFile(path, text, { defaultMesh: 'default', reader, federation: true });
  return { kind: 'version', path, settled: true, parsed };
}

/** Starts the relationships of a server that publishes the trust domains of its files itself. */
async function start() {
  const clock = createFakeClock();
  const observers: Parameters<FederationInput['pipeline']['observeInput']>[0][] = [];
  const delivered: string[] = [];
  const deliver: FederationInput['deliver'] = (_source, events) =>
    void delivered.push(...events.map(({ kind }) => kind));
  const own: FederationInput['own'] = {
    source: 'federation',
    yields: (_mesh, _trustDomain, isListed) => isListed(),
    derived: () => new Set(),
    publishesAll: () => true,
  };
  const federation = await startFederation(settings, {
    options: { maxDocumentBytes: 65_536, version: 'test' },
    pipeline: {
      observeInput: (observer: (typeof observers)[number]) => void observers.push(observer),
      subscribe: () => undefined,
      setFindings: () => undefined,
      view: () => ({ ledger: { holdings: new Map() }, meshes: new Map() }),
    },
    deliver,
    own,
    sources: [files],
    policy: () => ({}),
    clock,
    log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
    metrics: { federation: { follow: () => undefined, fetched: () => undefined } },
    report: { set: () => undefined },
  } as unknown as FederationInput);
  return {
    federation,
    clock,
    delivered,
    observe: (...events: readonly LedgerEvent[]): void => {
      for (const observer of observers) observer(files, events);
    },
    [Symbol.asyncDispose]: () => federation[Symbol.asyncDispose](),
  };
}

const peer = versionOf(peerFile, federatedText({ trustDomain: 'spire.test', url: 'https://127.0.0.1/' }));
const restored = (isPartial: boolean): LedgerEvent => ({
  kind: 'restored',
  path: meshTrustFile,
  grants: [],
  isPartial,
});

suite('federation of a server that publishes its own trust domains', () => {
  test('a part of the state of an earlier run: relationships still wait for the files', async () => {
    await using server = await start();
    server.observe(restored(true));
    server.observe(peer);
    assert.deepEqual(server.federation.statuses(), []);
    server.clock.advance(60_000);
    assert.deepEqual(server.delivered, [], 'nor does the wait for bundles begin');
    server.observe({ kind: 'synced' });
    assert.equal(server.federation.statuses().length, 1);
  });

  test('the whole state of an earlier run: relationships are fetched, and the wait for bundles begins', async () => {
    await using server = await start();
    server.observe(restored(false));
    server.observe(peer);
    assert.equal(server.federation.statuses().length, 1);
    server.clock.advance(10_000);
    assert.deepEqual(server.delivered, ['failed']);
  });
});
