import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { conditionTypes, reasons } from '../../../../src/kubernetes/status/core/status.ts';

const page = await readFile(new URL('../../../../docs/kubernetes.md', import.meta.url), 'utf8');
const [, section = ''] = page.split(/^## The status of a change$/m);
const rows = section
  .split('\n')
  .filter((line) => line.startsWith('|'))
  .map((line) => line.split('|').map((cell) => cell.trim()));

test('conditions of a MeshTrust: the page has each type and each reason, in their order', () => {
  const named = (cell = ''): readonly string[] => [...cell.matchAll(/`(\w+)`/g)].map(([, name = '']) => name);
  const types = rows.flatMap(([, type]) => named(type)).filter((name) => /^[A-Z]/.test(name));
  assert.deepEqual(types.slice(0, conditionTypes.length), conditionTypes);
  const documented = new Set(rows.flatMap(([, , , reason]) => named(reason)));
  assert.deepEqual(
    reasons.filter((reason) => !documented.has(reason)),
    [],
  );
});
