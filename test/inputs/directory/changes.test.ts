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

/** A settled file in a running source. */
async function oneFile(t: TestContext): Promise<{ root: string; path: string; observed: Observed }> {
  const root = makeFolder(t);
  const path = join(root, 'a.yaml');
  writeFiles(root, { 'a.yaml': 'one' });
  const observed = await observeSynced(t, { roots: [root] });
  await observed.untilSettled(path, 'one');
  return { root, path, observed };
}

test('a write in place is told unsettled, and settled when it has lasted', async (t) => {
  const { path, observed } = await oneFile(t);
  const from = observed.events().length;
  fs.writeFileSync(path, 'two');
  await observed.untilSettled(path, 'two');
  const told = observed.events().slice(from);
  assert.deepEqual(told.at(-2), { kind: 'content', path, text: 'two', settled: false });
  assert.deepEqual(told.at(-1), { kind: 'content', path, text: 'two', settled: true });
});

test('a file renamed into place is told once, settled', async (t) => {
  const { root, path, observed } = await oneFile(t);
  for (const text of ['two', 'three', 'x'.repeat(100_000)]) {
    const from = observed.events().length;
    replaceFile(path, text);
    await observed.untilSettled(path, text);
    assert.deepEqual(observed.events().slice(from), [{ kind: 'content', path, text, settled: true }]);
  }
  // From outside the directory, to a new name.
  const elsewhere = makeFolder(t);
  writeFiles(elsewhere, { 'b.yaml': 'b' });
  fs.chmodSync(join(elsewhere, 'b.yaml'), 0o640);
  fs.renameSync(join(elsewhere, 'b.yaml'), join(root, 'b.yaml'));
  await observed.untilSettled(join(root, 'b.yaml'), 'b');
});

test('a file that is written on after its rename is not settled by it', async (t) => {
  const { path, observed } = await oneFile(t);
  const from = observed.events().length;
  const fd = fs.openSync(`${path}.tmp`, 'w');
  fs.writeSync(fd, 'begin');
  fs.renameSync(`${path}.tmp`, path);
  fs.writeSync(fd, ' end');
  fs.closeSync(fd);
  await observed.untilSettled(path, 'begin end');
  const told = observed.events().slice(from);
  assert.deepEqual(told, [
    { kind: 'content', path, text: 'begin end', settled: false },
    { kind: 'content', path, text: 'begin end', settled: true },
  ]);
});

test('a slow writer is never settled before it is done', async (t) => {
  const { path, observed } = await oneFile(t);
  const chunks = Array.from({ length: 8 }, (_, index) => `chunk ${index}\n`);
  const whole = chunks.join('');
  const writes: { text: string; at: number }[] = [];
  const fd = fs.openSync(path, 'w');
  for (const [index, chunk] of chunks.entries()) {
    fs.writeSync(fd, chunk);
    writes.push({ text: chunks.slice(0, index + 1).join(''), at: performance.now() });
    // The gaps are the point of the test.
    await pause(10 + ((index * 37) % 50));
  }
  fs.closeSync(fd);
  await observed.untilSettled(path, whole);
  const gaps = writes.slice(1).map(({ at }, index) => at - (writes[index]?.at ?? 0));
  const settled = observed.contents(path).filter((event) => event.settled);
  // A machine that stalls for 100 ms between two chunks makes what is there by then a complete version.
  const stalls = gaps.filter((gap) => gap >= 90).length;
  assert.ok(settled.length <= 2 + stalls, `settled ${settled.length} times with ${stalls} stalls`);
});

test('of all truncations written in turn, none is settled before it was there for 100 ms', async (t) => {
  const root = makeFolder(t);
  const path = join(root, 'a.yaml');
  const text = Array.from({ length: 60 }, (_, index) => `line ${index}\n`).join('');
  const writtenAt = new Map<string, number>();
  const ages: number[] = [];
  const observed = await observeSynced(t, { roots: [root] });
  const { batches } = observed;
  let seen = batches.length;
  /** Notes the age of each text that has been told as settled since the last call. */
  function noteAges(): void {
    const now = performance.now();
    for (const event of batches.slice(seen).flat()) {
      if (event.kind === 'content' && event.settled) ages.push(now - (writtenAt.get(event.text) ?? now));
    }
    seen = batches.length;
  }
  for (let length = 0; length <= text.length; length += 3) {
    const part = text.slice(0, length);
    // From here on the one before can have been settled, since its time is up to now.
    noteAges();
    fs.writeFileSync(path, part);
    writtenAt.set(part, performance.now());
    // Some are seen while they are there, some only when the next is.
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
  assert.ok(observed.contents(path).length > 5, 'truncations were seen while they were there');
});

test('a deletion is told when it has lasted for 100 ms', async (t) => {
  const { path, observed } = await oneFile(t);
  const from = observed.events().length;
  const deletedAt = performance.now();
  fs.rmSync(path);
  await observed.until('gone', ({ kind }) => kind === 'gone');
  assert.ok(performance.now() - deletedAt >= 99);
  assert.deepEqual(observed.events().slice(from), [{ kind: 'gone', path, evidence: 'deletion' }]);
});

test('a file that is deleted and created again at once is a change, not a deletion', async (t) => {
  const { root, path, observed } = await oneFile(t);
  const from = observed.events().length;
  fs.rmSync(path);
  await nextTurn();
  fs.writeFileSync(path, 'two');
  await observed.untilSettled(path, 'two');
  // The same text again is no news at all; another file shows when it would have been told.
  fs.rmSync(path);
  await nextTurn();
  fs.writeFileSync(path, 'two');
  writeFiles(root, { 'b.yaml': 'b' });
  await observed.untilSettled(join(root, 'b.yaml'), 'b');
  const told = observed.events().slice(from);
  assert.deepEqual(
    told.filter(({ kind }) => kind !== 'content'),
    [],
  );
  assert.equal(observed.contents(path).filter(({ text }) => text === 'two').length, 2);
});

test('a checkout of another branch is told in few batches, and nothing that both have is gone', async (t) => {
  const root = makeFolder(t);
  const git = async (...args: string[]): Promise<void> => {
    const env = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' };
    const identity = [
      '-c',
      'user.name=test',
      '-c',
      'user.email=test@example.org',
      '-c',
      'commit.gpgsign=false',
    ];
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
  await Promise.all(
    Object.entries(texts('one')).map(([name, text]) => observed.untilSettled(join(root, name), text)),
  );
  const from = observed.events().length;
  const batchesBefore = observed.batches.length;
  await git('checkout', 'two');
  await Promise.all(
    Object.entries(texts('two')).map(([name, text]) => observed.untilSettled(join(root, name), text)),
  );
  await observed.untilSettled(join(root, 'only-two/b.yaml'), 'b');
  await observed.until('gone', ({ kind }) => kind === 'gone', from);
  assert.deepEqual(
    observed
      .events()
      .slice(from)
      .filter(({ kind }) => kind !== 'content'),
    [{ kind: 'gone', path: join(root, 'only-one/a.yaml'), evidence: 'absence' }],
  );
  assert.ok(observed.batches.length - batchesBefore < 300, 'fewer batches than files');
});

test('a linked file is read anew when what it leads to is written, and when the link is set anew', async (t) => {
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
  const told = observed.events().slice(from);
  assert.ok(told.every((event) => 'path' in event && event.path === path));
});
