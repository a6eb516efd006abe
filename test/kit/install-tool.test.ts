import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { verify } from '../../scripts/tools/install-tool.ts';
import { tools } from '../../scripts/tools/table.ts';
import type { Tool } from '../../scripts/tools/table.ts';
import { makeTempDir } from './temp-dir.ts';

const folder = new URL('../../scripts/tools/', import.meta.url);

suite('tools', () => {
  for (const [name, tool] of Object.entries<Tool>(tools))
    test(`${name}: its downloads have hashes in the repository`, async () => {
      const { source } = tool;
      if (source.kind === 'wheel')
        return assert.match(source.sha256.join(' '), /^[0-9a-f]{64}( [0-9a-f]{64})*$/);
      if (source.kind === 'debian') {
        const known = await readFile(new URL('debian.sha256', folder), 'utf8');
        for (const one of source.packages) assert.match(known, new RegExp(`^[0-9a-f]{64} {2}${one}_`, 'm'));
        return;
      }
      const [mod, sum] = await Promise.all(
        ['go.mod', 'go.sum'].map((file) => readFile(new URL(`go/${source.module}/${file}`, folder), 'utf8')),
      );
      const [, module = '', version = ''] =
        [...(mod ?? '').matchAll(/^(?:require)?\s+(\S+) (v\S+)(?: \/\/ indirect)?$/gm)].find(([, path]) =>
          `${source.library ?? source.package}/`.startsWith(`${path}/`),
        ) ?? [];
      assert.ok((sum ?? '').includes(`${module} ${version} h1:`), `${module} ${version}`);
      assert.ok(
        tool.folder.endsWith(version.replace('+incompatible', '')),
        `${tool.folder} is for ${version}`,
      );
    });

  test('download: its hash must match the list; an unlisted file is reported', async () => {
    await using dir = await makeTempDir();
    const path = dir.join('a_1_all.deb');
    await writeFile(path, 'content');
    const hash = createHash('sha256').update('content').digest('hex');
    await verify(path, new Map([['a_1_all.deb', hash]]));
    await assert.rejects(
      verify(path, new Map([['a_1_all.deb', '0'.repeat(64)]])),
      /^Error: a_1_all\.deb has the SHA-256/,
    );
    const steps: string[] = [];
    await verify(path, new Map([['a_2_all.deb', hash]]), (step) => steps.push(step));
    assert.match(steps.join(), /^a_1_all\.deb is not in debian\.sha256: /);
  });
});
