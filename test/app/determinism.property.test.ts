import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from '../kit/fast-check.ts';
import { decodeLastGood, encodeLastGood } from '../../src/runtime/state/last-good-document.ts';
import { stateKeyOf } from '../../src/runtime/state/state-key.ts';
import { createLedger } from '../../src/trust/ledger/ledger.ts';
import type { Ledger, LedgerEvent } from '../../src/trust/ledger/ledger.ts';
import { createMeshBuilder } from '../../src/trust/snapshot/mesh-builder.ts';
import { noPolicy } from '../kit/bundles.ts';
import { makeCa, makeIntermediate } from '../kit/certificates.ts';
import { gone, version } from '../kit/ledger.ts';
import { meshTrustYaml } from '../kit/mesh-trust-text.ts';
import { reader } from '../kit/resources.ts';

const now = Date.now();
const root = makeCa({ commonName: 'root' });
const pems = [root, makeIntermediate(root, { commonName: 'sub' }), makeCa({ commonName: 'B' })].map(
  ({ certPem }) => certPem,
);

interface File {
  readonly path: string;
  readonly mesh: string;
  readonly trustDomain: string;
  readonly pems: readonly string[];
}

const file: fc.Arbitrary<File> = fc.record({
  path: fc.constantFrom('1.yaml', '2.yaml', '3.yaml', '4.yaml', '5.yaml'),
  mesh: fc.constantFrom('default', 'other'),
  trustDomain: fc.constantFrom('a.test', 'b.test', 'c.test'),
  pems: fc.shuffledSubarray(pems, { minLength: 1 }),
});
const state = fc.uniqueArray(file, { minLength: 1, maxLength: 5, selector: ({ path }) => path });

/** Names of resources are those of their files, so that no two files define one. */
function eventOf({ path, ...resource }: File): LedgerEvent {
  return version(path, meshTrustYaml({ name: `in-${path.replace('.yaml', '')}`, ...resource }));
}

const makeLedger = (): Ledger => createLedger(['files'], { holdMs: 30_000 });

/** Every secret of every mesh that lists something, with its version and its bytes. */
function secretsOf(ledger: Ledger, builder = createMeshBuilder(noPolicy)): readonly string[] {
  const lines = [...builder.build(ledger.view().holdings, now)]
    .filter(([, { secrets }]) => !secrets.denyAll)
    .flatMap(([mesh, { secrets }]) => [
      `${mesh} ${secrets.version}`,
      ...[...secrets.secrets.values()].map(
        (secret) => `${mesh} ${secret.name} ${secret.version} ${Buffer.from(secret.body).toString('base64')}`,
      ),
    ]);
  assert.ok(lines.length > 0, 'something is served');
  return lines;
}

function fresh(files: readonly File[]): Ledger {
  const ledger = makeLedger();
  ledger.apply('files', [...files.map(eventOf), { kind: 'synced' }], 0);
  return ledger;
}

const key = stateKeyOf(Buffer.alloc(32, 'k'));

suite('served state of the same resources', () => {
  test('any order and steps of reading: same bytes and versions', () => {
    const both = state.chain((files) =>
      fc.tuple(fc.constant(files), fc.shuffledSubarray(files, { minLength: files.length })),
    );
    fc.assert(
      fc.property(both, ([files, shuffled]) => {
        const slow = makeLedger();
        const builder = createMeshBuilder(noPolicy);
        for (const [at, one] of shuffled.entries()) {
          slow.apply('files', [eventOf(one)], at);
          builder.build(slow.view().holdings, now);
        }
        const expected = secretsOf(fresh(files));
        assert.deepEqual(secretsOf(slow, builder), expected);
      }),
    );
  });

  test('any order of certificates and any file names: same bytes and versions', () => {
    fc.assert(
      fc.property(state, (files) => {
        const otherwise = files.map((one, index) => ({
          ...one,
          path: `${9 - index}.yaml`,
          pems: one.pems.toReversed(),
        }));
        assert.deepEqual(secretsOf(fresh(otherwise)), secretsOf(fresh(files)));
      }),
    );
  });

  test('any state served before: same bytes and versions once all holds are over', () => {
    fc.assert(
      fc.property(fc.array(state, { minLength: 1, maxLength: 4 }), state, (before, last) => {
        const old = makeLedger();
        const builder = createMeshBuilder(noPolicy);
        const paths = new Set<string>();
        for (const [at, files] of [...before, last].entries()) {
          const left = [...paths].filter((path) => !files.some((one) => one.path === path));
          old.apply('files', [...left.map((path) => gone(path)), ...files.map(eventOf)], at * 100);
          builder.build(old.view().holdings, now);
          paths.clear();
          for (const { path } of files) paths.add(path);
        }
        old.tick(100_000);
        assert.deepEqual(secretsOf(old, builder), secretsOf(fresh(last)));
      }),
    );
  });

  test('restart from the state directory: same bytes and versions, before and after the first read', () => {
    fc.assert(
      fc.property(state, (files) => {
        const before = fresh(files);
        const expected = secretsOf(before);
        const restarted = makeLedger();
        const kept = files.map(({ path }): LedgerEvent => {
          const text = encodeLastGood({ source: 'files', path, grants: before.grantsOf('files', path) }, key);
          return { kind: 'restored', path, grants: decodeLastGood(text, reader, key).grants };
        });
        restarted.apply('files', kept, 0);
        assert.deepEqual(secretsOf(restarted), expected);
        restarted.apply('files', [...files.map(eventOf), { kind: 'synced' }], 10);
        assert.deepEqual(secretsOf(restarted), expected);
      }),
    );
  });
});
