import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';

const run = promisify(execFile);
const tuneHeap = new URL('../../src/frontend/tune-heap.ts', import.meta.url).href;

/** Returns the major collections of a process that receives 400 MB of buffers, as requests would be. */
async function majorCollections(tuned: boolean): Promise<number> {
  const script = `
    import { GCProfiler } from 'node:v8';
    const { tuneHeap } = await import(${JSON.stringify(tuneHeap)});
    if (${tuned}) tuneHeap();
    const kept = Array.from({ length: 200_000 }, (_, index) => ({ index }));
    const profiler = new GCProfiler();
    profiler.start();
    for (let request = 0; request < 6_400; request += 1) {
      new Uint8Array(new ArrayBuffer(65_536)).fill(request, 0, 64);
      for (let object = 0; object < 50; object += 1) kept[(request * object) % kept.length] = { index: object };
      if (request % 100 === 0) await new Promise(setImmediate);
    }
    const majors = profiler.stop().statistics.filter(({ gcType }) => !/Scavenge|Minor/.test(gcType));
    console.log(majors.length);`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script]);
  return Number(stdout);
}

test('400 MB of short-lived buffers: V8 does not mark the heap repeatedly', async () => {
  const [plain, tuned] = [await majorCollections(false), await majorCollections(true)];
  assert.ok(plain >= 4, `the flag is worth something: ${plain} without it`);
  assert.ok(tuned <= plain / 2, `${tuned} with it, ${plain} without`);
});
