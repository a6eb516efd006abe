import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { errorStatuses } from '../../src/admin/reply.ts';

const page = await readFile(new URL('../../docs/admin-api.md', import.meta.url), 'utf8');
const section = page.split('\n## Errors\n')[1]?.split('\n## ')[0] ?? '';

suite('docs/admin-api.md', () => {
  for (const [code, status] of Object.entries(errorStatuses))
    test(`error ${code}: is listed once, with status ${status}`, () => {
      const parts = section.split(`\`${code}\``);
      const [list = ''] = section.trim().split('\n');
      assert.ok(parts.length > 1);
      assert.ok(list.split(`\`${code}\``).length <= 2);
      assert.equal(/\((\d{3})/.exec(parts[1] ?? '')?.[1], String(status));
    });
});
