import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Vouchers } from '../../../src/trust/imports/vouchers.ts';
import type { ParsedIdentity } from '../../../src/trust/model/mesh-identity.ts';
import { globalIdentity } from '../../kit/imports.ts';
import { parseAll } from '../../kit/mesh-identities.ts';

/**
 * Reads as many MeshIdentities as an earlier run had, and then deletes them. Returns how often their labels are read,
 * which is what a comparison of two of them begins with.
 */
function readsOfLabels(count: number): { readonly confirm: number; readonly remove: number } {
  let reads = 0;
  const identities = Array.from({ length: count }, (_, index): readonly ParsedIdentity[] => {
    const parsed = parseAll(`i${index}`, globalIdentity('{{ .Zone }}.test'));
    assert.equal(parsed.kind, 'documents');
    return parsed.identities.map((item) => {
      assert.equal(item.kind, 'mesh-identity');
      const labels = { ...item.resource.labels, index: String(index) };
      const resource = { ...item.resource };
      Object.defineProperty(resource, 'labels', {
        enumerable: true,
        get() {
          reads += 1;
          return labels;
        },
      });
      return { ...item, resource };
    });
  });
  const options = { granted: new Map<string, never>(), linger: { kind: 'leaves' } } as const;
  const before = new Vouchers(options);
  for (const [index, parsed] of identities.entries()) before.put(`i${index}`, parsed, 0);
  const vouchers = new Vouchers({ ...options, records: before.records() });
  for (const [index, parsed] of identities.entries()) vouchers.put(`i${index}`, parsed, 0);
  reads = 0;
  vouchers.confirm(1000);
  const confirm = reads;
  assert.equal(vouchers.nextEnd(), undefined);
  for (const index of identities.keys()) vouchers.remove(`i${index}`, 2000);
  assert.equal(vouchers.records().length, count);
  return { confirm, remove: reads - confirm };
}

test('many MeshIdentities of the Global control plane: a restart and their deletion take work in proportion to their number', () => {
  const [few, many] = [readsOfLabels(20), readsOfLabels(200)];
  assert.ok(few.confirm > 0 && few.remove > 0);
  assert.ok(many.confirm <= 11 * few.confirm, `confirm: ${few.confirm} reads of 20, ${many.confirm} of 200`);
  assert.ok(many.remove <= 11 * few.remove, `remove: ${few.remove} reads of 20, ${many.remove} of 200`);
});
