import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';

import { makeFolder, observeSynced, replaceFile } from './observe.ts';

/** Returns true if a text of the writer is complete. */
function isWhole(text: string): boolean {
  const [length] = text.split(' ', 1);
  const body = text.slice(text.search(/x*$/u));
  return text !== '' && Number(length) === body.length;
}

test('busy writer: only complete files are settled by a rename', async (t) => {
  const root = makeFolder(t);
  const path = join(root, 'a.yaml');
  fs.writeFileSync(path, '0 first');
  // Long enough that no file settles by waiting, even on a slow machine.
  const observed = await observeSynced(t, { roots: [root], settleMs: 20_000 });
  const worker = new Worker(new URL('busy-writer.ts', import.meta.url), {
    workerData: { path, rounds: 250 },
  });
  t.after(() => worker.terminate());
  await observed.until('the last text', (event) => event.kind === 'content' && event.text === '0 last');

  // Without a busy writer, a rename settles at once.
  replaceFile(path, '0 last of all');
  await observed.untilSettled(path, '0 last of all');

  const reported = observed.contents(path);
  const settled = reported.filter((event) => event.settled).map(({ text }) => text);
  assert.deepEqual(
    settled.filter((text) => !isWhole(text)).map((text) => text.slice(0, 60)),
    [],
  );
  assert.deepEqual(
    settled.filter(
      (text) => !/^\d+ (?:first|last|last of all|\d+ (?:rename|moved away, renamed) )/u.test(text),
    ),
    [],
  );
});
