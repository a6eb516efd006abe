import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

import { makeFolder, observeSynced, replaceFile, writeFiles } from './observe.ts';
import type { Observed } from './observe.ts';

/** Starts a source with one settled file. */
async function oneFile(t: TestContext): Promise<{ root: string; path: string; observed: Observed }> {
  const root = makeFolder(t);
  const path = join(root, 'a.yaml');
  writeFiles(root, { 'a.yaml': 'one' });
  const observed = await observeSynced(t, { roots: [root] });
  await observed.untilSettled(path, 'one');
  return { root, path, observed };
}

test('write in place: is reported unsettled at once, and settled later', async (t) => {
  const { path, observed } = await oneFile(t);
  const from = observed.events().length;
  fs.writeFileSync(path, 'two');
  await observed.untilSettled(path, 'two');
  const reported = observed.events().slice(from);
  assert.deepEqual(reported.at(-2), { kind: 'content', path, text: 'two', settled: false });
  assert.deepEqual(reported.at(-1), { kind: 'content', path, text: 'two', settled: true });
});

test('file renamed into place: is reported once, settled', async (t) => {
  const { root, path, observed } = await oneFile(t);
  for (const text of ['two', 'three', 'x'.repeat(100_000)]) {
    const from = observed.events().length;
    replaceFile(path, text);
    await observed.untilSettled(path, text);
    assert.deepEqual(observed.events().slice(from), [{ kind: 'content', path, text, settled: true }]);
  }
  // A rename from another directory to a new name.
  const elsewhere = makeFolder(t);
  writeFiles(elsewhere, { 'b.yaml': 'b' });
  fs.chmodSync(join(elsewhere, 'b.yaml'), 0o640);
  fs.renameSync(join(elsewhere, 'b.yaml'), join(root, 'b.yaml'));
  await observed.untilSettled(join(root, 'b.yaml'), 'b');
});

test('file that is written after its rename: is not settled by the rename', async (t) => {
  const { path, observed } = await oneFile(t);
  const from = observed.events().length;
  const fd = fs.openSync(`${path}.tmp`, 'w');
  fs.writeSync(fd, 'begin');
  fs.renameSync(`${path}.tmp`, path);
  fs.writeSync(fd, ' end');
  fs.closeSync(fd);
  await observed.untilSettled(path, 'begin end');
  const reported = observed.events().slice(from);
  assert.deepEqual(reported, [
    { kind: 'content', path, text: 'begin end', settled: false },
    { kind: 'content', path, text: 'begin end', settled: true },
  ]);
});

test('slow writer: no incomplete text is settled', async (t) => {
  const { path, observed } = await oneFile(t);
  const chunks = Array.from({ length: 8 }, (_, index) => `chunk ${index}\n`);
  const whole = chunks.join('');
  const writes: { text: string; at: number }[] = [];
  const fd = fs.openSync(path, 'w');
  for (const [index, chunk] of chunks.entries()) {
    fs.writeSync(fd, chunk);
    writes.push({ text: chunks.slice(0, index + 1).join(''), at: performance.now() });
    // The test is about these gaps.
    await pause(10 + ((index * 37) % 50));
  }
  fs.closeSync(fd);
  await observed.untilSettled(path, whole);
  const gaps = writes.slice(1).map(({ at }, index) => at - (writes[index]?.at ?? 0));
  const settled = observed.contents(path).filter((event) => event.settled);
  // If the machine stalls for 100 ms between two chunks, the file has a complete version by then.
  const stalls = gaps.filter((gap) => gap >= 90).length;
  assert.ok(settled.length <= 2 + stalls, `settled ${settled.length} times with ${stalls} stalls`);
});

test('truncated texts one after another: none is settled before it has existed for 100 ms', async (t) => {
  const root = makeFolder(t);
  const path = join(root, 'a.yaml');
  const text = Array.from({ length: 60 }, (_, index) => `line ${index}\n`).join('');
  const writtenAt = new Map<string, number>();
  const ages: number[] = [];
  const observed = await observeSynced(t, { roots: [root] });
  const { batches } = observed;
  let seen = batches.length;
  /** Records the age of each text that was reported as settled since the last call. */
  function noteAges(): void {
    const now = performance.now();
    for (const event of batches.slice(seen).flat()) {
      if (event.kind === 'content' && event.settled) ages.push(now - (writtenAt.get(event.text) ?? now));
    }
    seen = batches.length;
  }
  for (let length = 0; length <= text.length; length += 3) {
    const part = text.slice(0, length);
    // From now on, the previous text can be settled, because it existed until now.
    noteAges();
    fs.writeFileSync(path, part);
    writtenAt.set(part, performance.now());
    // Some texts are read while they exist, and some only after the next write.
    if (length % 2 === 0) await nextTurn();
    else await pause(1);
  }
  const last = text.slice(0, text.length - (text.length % 3));
  await observed.untilSettled(path, last);
  noteAges();
  assert.ok(ages.length > 0);
  assert.deepEqual(
    ages.filter((age) => age < 99),
    [],
  );
  assert.ok(observed.contents(path).length > 5, 'truncated texts were read');
});

test('deletion: is reported after 100 ms', async (t) => {
  const { path, observed } = await oneFile(t);
  const from = observed.events().length;
  const deletedAt = performance.now();
  fs.rmSync(path);
  await observed.until('gone', ({ kind }) => kind === 'gone');
  assert.ok(performance.now() - deletedAt >= 99);
  assert.deepEqual(observed.events().slice(from), [{ kind: 'gone', path, evidence: 'deletion' }]);
});

test('file deleted and created again at once: is a change, not a deletion', async (t) => {
  const { root, path, observed } = await oneFile(t);
  const from = observed.events().length;
  fs.rmSync(path);
  await nextTurn();
  fs.writeFileSync(path, 'two');
  await observed.untilSettled(path, 'two');
  // The same text is not reported again. Another file shows that enough time has passed.
  fs.rmSync(path);
  await nextTurn();
  fs.writeFileSync(path, 'two');
  writeFiles(root, { 'b.yaml': 'b' });
  await observed.untilSettled(join(root, 'b.yaml'), 'b');
  const reported = observed.events().slice(from);
  assert.deepEqual(
    reported.filter(({ kind }) => kind !== 'content'),
    [],
  );
  assert.equal(observed.contents(path).filter(({ text }) => text === 'two').length, 2);
});

test('checkout of another branch: no file of both branches is gone, and changes at once are few batches', async (t) => {
  const root = makeFolder(t);
  const env = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' };
  const identity = [
    '-c',
    'user.name=test',
    '-c',
    'user.email=test@example.org',
    '-c',
    'commit.gpgsign=false',
  ];
  const git = async (...args: string[]): Promise<void> => {
    await promisify(execFile)('git', [...identity, ...args], { cwd: root, env });
  };
  const texts = (branch: string): Record<string, string> =>
    Object.fromEntries(
      Array.from({ length: 300 }, (_, index) => [`${index % 7}/${index}.yaml`, `${branch} ${index}`]),
    );
  await git('init', '--initial-branch=one');
  writeFiles(root, { ...texts('one'), 'only-one/a.yaml': 'a' });
  await git('add', '.');
  await git('commit', '--message=one');
  await git('checkout', '-b', 'two');
  fs.rmSync(join(root, 'only-one'), { recursive: true });
  writeFiles(root, { ...texts('two'), 'only-two/b.yaml': 'b' });
  await git('add', '.');
  await git('commit', '--message=two');
  await git('checkout', 'one');

  const observed = await observeSynced(t, { roots: [root] });
  const untilAllSettled = async (branch: string): Promise<void> => {
    const files = Object.entries(texts(branch));
    await Promise.all(files.map(([name, text]) => observed.untilSettled(join(root, name), text)));
  };
  await untilAllSettled('one');
  const from = observed.events().length;
  await git('checkout', 'two');
  await untilAllSettled('two');
  await observed.untilSettled(join(root, 'only-two/b.yaml'), 'b');
  await observed.until('gone', ({ kind }) => kind === 'gone', from);
  assert.deepEqual(
    observed
      .events()
      .slice(from)
      .filter(({ kind }) => kind !== 'content'),
    [{ kind: 'gone', path: join(root, 'only-one/a.yaml'), evidence: 'absence' }],
  );

  // Nothing is noticed between these writes, so all changes are there at once, at any speed of the machine.
  const batchesBefore = observed.batches.length;
  writeFiles(root, texts('three'));
  await untilAllSettled('three');
  const batches = observed.batches.length - batchesBefore;
  assert.ok(batches < 30, `${batches} batches of 600 reports`);
});

test('linked file: is read again when its target is written, and when the link is replaced', async (t) => {
  const root = makeFolder(t);
  const elsewhere = makeFolder(t);
  const path = join(root, 'a.yaml');
  writeFiles(elsewhere, { 'one.txt': 'one', 'two.txt': 'two' });
  fs.symlinkSync(join(elsewhere, 'one.txt'), path);
  const observed = await observeSynced(t, { roots: [root] });
  await observed.untilSettled(path, 'one');
  const from = observed.events().length;
  replaceFile(join(elsewhere, 'one.txt'), 'one more');
  await observed.untilSettled(path, 'one more');
  fs.writeFileSync(join(elsewhere, 'one.txt'), 'one in place');
  await observed.untilSettled(path, 'one in place');
  fs.symlinkSync(join(elsewhere, 'two.txt'), join(root, 'next'));
  fs.renameSync(join(root, 'next'), path);
  await observed.untilSettled(path, 'two');
  fs.writeFileSync(join(elsewhere, 'two.txt'), 'two in place');
  await observed.untilSettled(path, 'two in place');
  fs.rmSync(join(elsewhere, 'two.txt'));
  await observed.until('unreadable', ({ kind }) => kind === 'unreadable');
  fs.rmSync(path);
  await observed.until('gone', ({ kind }) => kind === 'gone');
  const reported = observed.events().slice(from);
  assert.ok(reported.every((event) => 'path' in event && event.path === path));
});
