import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { load } from 'js-yaml';

const root = new URL('../../', import.meta.url);

interface Updates {
  readonly updates: readonly {
    readonly 'package-ecosystem': string;
    readonly directories?: readonly string[];
  }[];
}

suite('dependabot', () => {
  test('Go modules: each one in the repository is listed, and no other', async () => {
    const modules = globSync('{bench,deploy,scripts,test}/**/go.mod', {
      cwd: fileURLToPath(root),
      exclude: ['**/node_modules/**'],
    });
    const { updates } = load(await readFile(new URL('.github/dependabot.yml', root), 'utf8')) as Updates;
    const listed = updates.find((update) => update['package-ecosystem'] === 'gomod')?.directories ?? [];
    assert.deepEqual([...listed].sort(), modules.map((file) => `/${dirname(file)}`).sort());
  });
});
