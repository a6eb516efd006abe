import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAllKnown, isLocalRead, originOfPath } from '../../../src/trust/ledger/path-origin.ts';

test('path: has its origin', () => {
  const origins = ['trust.yaml', 'kubernetes:a/b', 'import:default/a', 'federation:default/a.test'].map(
    originOfPath,
  );
  assert.deepEqual(origins, ['local', 'local', 'imported', 'federated']);
});

const read = { name: 'files', synced: true, rejected: 0, unreadable: 0 };
for (const [what, source, expected] of [
  ['that was read', {}, true],
  ['that was not read completely', { synced: false }, false],
  ['with a file that has an error', { rejected: 1 }, false],
  ['with a file that cannot be read', { unreadable: 1 }, false],
  ['of peers', { name: 'federation', synced: false }, true],
  ['of another zone', { name: 'import:zone-2', rejected: 1 }, true],
] as const)
  test(`source ${what}: all of this zone is ${expected ? '' : 'not '}known`, () =>
    assert.equal(isLocalRead([read, { ...read, ...source }]), expected));

const readAll = [
  read,
  { ...read, name: 'federation' },
  { ...read, name: 'import' },
  { ...read, name: 'import:zone-2', synced: false },
].map((source) => ({ ...source, restored: false }));
for (const [what, name, change, expected] of [
  ['all sources were read', 'files', {}, true],
  ['a file has an error', 'files', { rejected: 1 }, false],
  ['bundles of peers are not read', 'federation', { synced: false }, false],
  ['bundles of peers are from an earlier run', 'federation', { synced: false, restored: true }, true],
  ['the Global control plane was not read', 'import', { synced: false }, false],
  ['an object of the Global control plane is refused', 'import:zone-2', { rejected: 1 }, true],
] as const)
  test(`${what}: all trust is ${expected ? '' : 'not '}known`, () =>
    assert.equal(
      isAllKnown(readAll.map((source) => (source.name === name ? { ...source, ...change } : source))),
      expected,
    ));
