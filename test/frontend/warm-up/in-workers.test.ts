import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

test('warm-up of two workers at the same time: neither gets the connections of the other', async () => {
  const script = fileURLToPath(new URL('warm-up-in-workers.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script], { timeout: 60_000 });
  assert.deepEqual(JSON.parse(stdout), ['done', 'done']);
});
