import assert from 'node:assert/strict';
import { utimesSync, writeFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { suite, test } from 'node:test';
import type { AccessRule } from '../../../src/access/rules.ts';
import { followAccessFile } from '../../../src/runtime/state/access-file.ts';
import { withoutWatches } from '../../kit/no-watches.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { watchedDir } from '../../kit/watched-dir.ts';

const rule = (mesh: string): string => `- { from: { namespace: a, serviceAccount: b }, mesh: ${mesh} }\n`;

suite('file of access rules', () => {
  test('changed file: applies, and a broken one leaves the rules in force with a reason', async () => {
    await using dir = await makeTempDir();
    const path = dir.join('access.yaml');
    await writeFile(path, rule('one'));
    const problems: (string | undefined)[] = [];
    const loaded: number[] = [];
    const file = await followAccessFile(path, {
      loaded: (rules) => loaded.push(rules.length),
      problem: (reason) => problems.push(reason),
    });
    using _closing = { [Symbol.dispose]: () => file.close() };
    assert.equal(file.rules().length, 1);

    const { put } = watchedDir(dir.path);
    await put('access.yaml', rule('one') + rule('two'));
    await poll('two rules', () => loaded.at(-1) === 2 || undefined);
    await put('access.yaml', `${rule('one')}- { nodes: x }\n`);
    await poll('a reason', () => problems.length > 0 || undefined);
    assert.equal(file.rules().length, 2);
    assert.match(problems[0] ?? '', /^\[1\] has an unknown field/);
    await rm(path);
    await poll('another reason', () => problems.length > 1 || undefined);
    assert.equal(file.rules().length, 2);
    await put('access.yaml', '[]\n');
    await poll('no rules', () => loaded.at(-1) === 0 || undefined);
    assert.equal(problems.at(-1), undefined);
  });

  test('several notices in the middle of a write: the incomplete file does not apply', async () => {
    await using dir = await makeTempDir();
    const path = dir.join('access.yaml');
    await writeFile(path, rule('one') + rule('two'));
    const loaded: number[] = [];
    const events = {
      loaded: (rules: { readonly length: number }) => loaded.push(rules.length),
      problem: assert.fail,
    };
    const file = await followAccessFile(path, events, { settleMs: 1_000 });
    using _closing = { [Symbol.dispose]: () => file.close() };
    writeFileSync(path, rule('one'));
    for (let notice = 1; notice <= 20; notice += 1) {
      utimesSync(path, notice, notice);
      for (let turn = 0; turn < 20; turn += 1) await nextTurn();
    }
    writeFileSync(path, rule('one') + rule('two') + rule('three'));
    await poll('new rules', () => loaded.length > 0 || undefined);
    assert.deepEqual(loaded, [3]);
  });

  test('file that changes again and again: half a rule does not apply, that is reported, and it applies at rest', async () => {
    await using dir = await makeTempDir();
    const path = dir.join('access.yaml');
    const half = '- from: { namespace: a, serviceAccount: "{name}" }\n  mesh: one\n';
    const whole = `${half}  node: "{name}"\n`;
    await writeFile(path, whole);
    const loaded: (readonly AccessRule[])[] = [];
    const problems: (string | undefined)[] = [];
    const file = await followAccessFile(
      path,
      { loaded: (rules) => loaded.push(rules), problem: (reason) => problems.push(reason) },
      { settleMs: 1_000, unrestMs: 300 },
    );
    using _closing = { [Symbol.dispose]: () => file.close() };
    // As a writer of several blocks, which is never still for long.
    for (let version = 1; problems.length + loaded.length === 0; version += 1) {
      writeFileSync(path, `# version ${version}\n${half}`);
      await sleep(5);
      writeFileSync(path, `# version ${version}\n${whole}`);
      await sleep(5);
    }
    assert.deepEqual([loaded.length, problems], [0, ['it changes again and again']]);
    await poll('the newest rules', () => loaded.length > 0 || undefined);
    assert.deepEqual(problems, ['it changes again and again', undefined]);
    assert.notEqual(loaded[0]?.[0]?.node, undefined);
  });

  test('text that comes back after a broken one: resolves the problem', async () => {
    await using dir = await makeTempDir();
    const path = dir.join('access.yaml');
    await writeFile(path, rule('one'));
    const problems: (string | undefined)[] = [];
    const file = await followAccessFile(path, {
      loaded: () => undefined,
      problem: (reason) => problems.push(reason),
    });
    using _closing = { [Symbol.dispose]: () => file.close() };
    const { put } = watchedDir(dir.path);
    await put('access.yaml', '{');
    await poll('a reason', () => problems.length === 1 || undefined);
    await put('access.yaml', rule('one'));
    await poll('the end of the problem', () => problems.length === 2 || undefined);
    assert.equal(problems[1], undefined);
  });

  test('no inotify watch is left at the start: the rules are in force, and it is reported', async () => {
    await using dir = await makeTempDir();
    const path = dir.join('access.yaml');
    await writeFile(path, rule('one'));
    const unwatched: unknown[] = [];
    using _without = withoutWatches();
    const file = await followAccessFile(path, {
      loaded: () => undefined,
      problem: () => undefined,
      unwatched: (error) => unwatched.push(error),
    });
    file.close();
    assert.equal(file.rules().length, 1);
    assert.match(String(unwatched), /ENOSPC/);
  });

  test('file that cannot be used at the start: an error that names all violations', async () => {
    await using dir = await makeTempDir();
    const path = dir.join('access.yaml');
    const events = { loaded: () => undefined, problem: () => undefined };
    await assert.rejects(followAccessFile(path, events), /cannot be read: no such file or directory/);
    await writeFile(path, '- 1\n- 2\n');
    await assert.rejects(followAccessFile(path, events), /\[0\] is not a mapping; \[1\] is not a mapping/);
  });
});
