import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';

/**
 * Compares a value, as JSON, with a file in `test/golden`. `MESHTRUST_UPDATE_GOLDEN=1` writes the file
 * instead; what it changed is then reviewed as a diff.
 */
export async function assertGolden(name: string, value: object): Promise<void> {
  const url = new URL(`../golden/admin/${name}.json`, import.meta.url);
  const actual = `${JSON.stringify(value, null, 2)}\n`;
  if (process.env['MESHTRUST_UPDATE_GOLDEN'] === '1') await writeFile(url, actual);
  // As text: the order of the keys is part of what is promised.
  assert.equal(actual, await readFile(url, 'utf8'));
}
