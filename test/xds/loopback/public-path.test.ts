import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { suite } from 'node:test';
import { takePublicPath } from './serving.ts';

// Every test of this folder once more, without what is fast: the same must hold.
takePublicPath();
const own = basename(import.meta.filename);
// What is about the fast path itself.
const fastOnly = new Set(['below-grpc.test.ts', 'own-transport.test.ts']);
const files = readdirSync(import.meta.dirname).filter(
  (file) => file.endsWith('.test.ts') && file !== own && !fastOnly.has(file),
);
assert.ok(files.length >= 5);
for (const file of files) {
  suite(`by the public path: ${file}`, async () => {
    await import(`./${file}`);
  });
}
