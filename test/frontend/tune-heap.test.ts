import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { serverFlags } from '../../src/frontend/tune-heap.ts';

const run = promisify(execFile);
const tuneHeap = new URL('../../src/frontend/tune-heap.ts', import.meta.url).href;

/** Numbers of garbage collections. */
interface Collections {
  readonly young: number;
  readonly whole: number;
}

/** Counts the collections while a process with these flags of Node.js runs `work`, after `before`. */
async function collectionsDuring(
  work: string,
  { before = '', flags = [] }: { readonly before?: string; readonly flags?: readonly string[] },
): Promise<Collections> {
  const script = `
    import { GCProfiler } from 'node:v8';
    const { tuneHeap } = await import(${JSON.stringify(tuneHeap)});
    ${before}
    const profiler = new GCProfiler();
    profiler.start();
    ${work}
    const { statistics } = profiler.stop();
    const young = statistics.filter(({ gcType }) => /Scavenge|Minor/.test(gcType)).length;
    console.log(JSON.stringify({ young, whole: statistics.length - young }));`;
  const { stdout } = await run(process.execPath, [...flags, '--input-type=module', '-e', script]);
  return JSON.parse(stdout) as Collections;
}

/** Returns the major collections of a process that receives 400 MB of buffers, as requests would be. */
async function majorCollections(tuned: boolean): Promise<number> {
  const work = `
    for (let request = 0; request < 6_400; request += 1) {
      new Uint8Array(new ArrayBuffer(65_536)).fill(request, 0, 64);
      for (let object = 0; object < 50; object += 1) kept[(request * object) % kept.length] = { index: object };
      if (request % 100 === 0) await new Promise(setImmediate);
    }`;
  const before = `
    if (${tuned}) tuneHeap();
    const kept = Array.from({ length: 200_000 }, (_, index) => ({ index }));`;
  return (await collectionsDuring(work, { before })).whole;
}

test('400 MB of short-lived buffers: V8 does not mark the heap repeatedly', async () => {
  const [plain, tuned] = [await majorCollections(false), await majorCollections(true)];
  assert.ok(plain >= 4, `the flag is worth something: ${plain} without it`);
  assert.ok(tuned <= plain / 2, `${tuned} with it, ${plain} without`);
});

/** Creates 500,000 objects of 100 bytes in turns, and keeps all of them or none. */
const collections = (kept: boolean, flags: readonly string[]): Promise<Collections> =>
  collectionsDuring(
    `
    const objects = [];
    for (let turn = 0; turn < 100; turn += 1) {
      for (let object = 0; object < 5_000; object += 1) objects.push({ turn, object, a: 0, b: 0, c: 0, d: 0, e: 0, f: 0 });
      if (!${kept}) objects.length = 0;
      await new Promise(setImmediate);
    }`,
    { before: 'tuneHeap();', flags },
  );

test('flags of a server: 50 MB of new objects are kept without a collection of the whole heap', async () => {
  const [plain, flagged] = [await collections(true, []), await collections(true, serverFlags)];
  assert.ok(plain.whole > 0, 'the flag is worth something');
  assert.equal(flagged.whole, 0);
});

test('flags of a server: the young generation is collected a quarter as often or less', async () => {
  const [plain, flagged] = [await collections(false, []), await collections(false, serverFlags)];
  assert.ok(flagged.young <= plain.young / 4, `${flagged.young} with them, ${plain.young} without`);
});

test('flags of a server without the size of the old generation: V8 collects the whole heap for garbage', async () => {
  const others = serverFlags.filter((flag) => !flag.startsWith('--initial-old-space-size='));
  const [one, both] = [await collections(false, others), await collections(false, serverFlags)];
  assert.ok(one.whole > 0, 'the flag is worth something');
  assert.equal(both.whole, 0);
});

test('npm start: has the flags of a server', async () => {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  const { scripts } = JSON.parse(text) as { readonly scripts: Readonly<Record<string, string>> };
  assert.match(
    scripts['start'] ?? '',
    new RegExp(`^node ${serverFlags.join(' ')} bin/meshtrust\\.js serve `),
  );
});
