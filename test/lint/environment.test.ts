import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const cwd = fileURLToPath(new URL('../../src/', import.meta.url));

/** The files that may read the environment: it is configuration, which the documentation must name. */
const readers = [
  'inputs/kubernetes/connect.ts',
  'kubernetes/client/kube-config.ts',
  'main.ts',
  'observe/tracing/start-tracing.ts',
];

test('environment variables of the process: are read in the files for configuration only', () => {
  const found = globSync('**/*.ts', { cwd }).filter((file) =>
    /\bprocess\.env\b|\benv\b[^;]* from 'node:process'/.test(readFileSync(`${cwd}${file}`, 'utf8')),
  );
  assert.deepEqual(found.sort(), readers);
});
