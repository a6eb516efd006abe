#!/usr/bin/env node
// Plain JavaScript that any Node can read, so that one too old says so in a line of its own.
import { existsSync } from 'node:fs';

const oldest = 24;
if (Number(process.versions.node.split('.')[0]) < oldest) {
  process.stderr.write(
    `meshtrust needs Node.js ${oldest} or newer; this is ${process.version}. In a checkout, "npm ci" installs one that "npm start" uses.\n`,
  );
  process.exit(2);
}
// The page's modules are served without their types by a function of Node.js that is still experimental. The warning of
// it says nothing to users; all other warnings stay.
const emitWarning = process.emitWarning.bind(process);
Object.assign(process, {
  emitWarning(/** @type {unknown[]} */ ...warning) {
    if (!String(warning[0]).startsWith('stripTypeScriptTypes')) Reflect.apply(emitWarning, process, warning);
  },
});
// A checkout runs its sources as they are; the published package has only what was built from them.
const source = new URL('../src/main.ts', import.meta.url);
await import(existsSync(source) ? source.href : new URL('../dist/main.js', import.meta.url).href);
