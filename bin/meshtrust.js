#!/usr/bin/env node
// Plain JavaScript that every Node.js version can parse, so that a version that is too old gets a clear message.
import { existsSync } from 'node:fs';

const oldest = 24;
if (Number(process.versions.node.split('.')[0]) < oldest) {
  process.stderr.write(
    `meshtrust needs Node.js ${oldest} or newer; this is ${process.version}. In a checkout, "npm ci" installs one that "npm start" uses.\n`,
  );
  process.exit(2);
}
// The server strips types from the page's modules with an experimental function of Node.js. Its warning is useless
// to users; all other warnings are kept.
const emitWarning = process.emitWarning.bind(process);
Object.assign(process, {
  emitWarning(/** @type {unknown[]} */ ...warning) {
    if (!String(warning[0]).startsWith('stripTypeScriptTypes')) Reflect.apply(emitWarning, process, warning);
  },
});
// A checkout runs the TypeScript sources; the published package contains only the built JavaScript.
const source = new URL('../src/main.ts', import.meta.url);
await import(existsSync(source) ? source.href : new URL('../dist/main.js', import.meta.url).href);
