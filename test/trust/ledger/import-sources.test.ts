import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failureFinding, unappliedPath } from '../../../src/trust/ledger/import-sources.ts';

for (const [source, path, expected] of [
  [
    'files',
    '/etc/trust',
    'MT001 the path cannot be read: a reason; it is tried again, and nothing below it changes until then',
  ],
  [
    'import',
    'import:meshtrusts',
    'MT091 the Global control plane cannot be read: a reason; what it gave before stays in force',
  ],
  [
    'files',
    unappliedPath('files'),
    'MT001 changes were read and cannot be applied: a reason; they are tried again, and the earlier trust stays in force',
  ],
  [
    'import',
    unappliedPath('import identities'),
    'MT091 changes were read and cannot be applied: a reason; they are tried again, and the earlier trust stays in force',
  ],
] as const)
  test(`failure of ${path} of the source ${source}: ${expected.slice(0, 5)}`, () => {
    const { code, message, file } = failureFinding(source, path, 'a reason');
    assert.deepEqual([`${code} ${message}`, file], [expected, path]);
  });
