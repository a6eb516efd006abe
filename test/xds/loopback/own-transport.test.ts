import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { suite } from 'node:test';
import { takeOwnTransport } from './serving.ts';

// Runs every test of this folder with the own transport.
takeOwnTransport();
// Tests of grpc-js itself.
const others = new Set(['own-transport.test.ts', 'public-path.test.ts', 'grpc-internals.test.ts']);
const files = readdirSync(import.meta.dirname).filter(
  (file) => file.endsWith('.test.ts') && !others.has(file),
);
assert.ok(files.length >= 10);
for (const file of files) {
  suite(`own transport: ${file}`, async () => {
    await import(`./${file}`);
  });
}
