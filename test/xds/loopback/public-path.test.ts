import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { suite } from 'node:test';
import { takePublicPath } from './serving.ts';

// Runs every test of this folder without the fast path.
takePublicPath();
const own = basename(import.meta.filename);
// Tests of the fast path itself, and of another transport.
const fastOnly = new Set(['grpc-internals.test.ts', 'own-transport.test.ts']);
const files = readdirSync(import.meta.dirname).filter(
  (file) => file.endsWith('.test.ts') && file !== own && !fastOnly.has(file),
);
assert.ok(files.length >= 5);
for (const file of files) {
  suite(`public API of grpc-js: ${file}`, async () => {
    await import(`./${file}`);
  });
}
