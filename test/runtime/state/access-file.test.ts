import assert from 'node:assert/strict';
import { rm, utimes, writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
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

  test('file in the middle of a write, read several times: applies once it is the same for 100 ms', async () => {
    await using dir = await makeTempDir();
    const path = dir.join('access.yaml');
    await writeFile(path, rule('one'));
    const loaded: number[] = [];
    let [reads, clock] = [0, () => 0];
    const file = await followAccessFile(
      path,
      { loaded: (rules) => loaded.push(rules.length), problem: () => undefined },
      () => {
        reads += 1;
        return clock();
      },
    );
    using _closing = { [Symbol.dispose]: () => file.close() };
    const { overwrite } = watchedDir(dir.path);
    await overwrite('access.yaml', rule('one') + rule('two'));
    // Each notification is a reading, for example of another time or mode of the file.
    await poll('several readings of the same content', async () => {
      await utimes(path, new Date(), new Date());
      return reads > 3 || undefined;
    });
    assert.deepEqual(loaded, []);
    clock = () => performance.now();
    await overwrite('access.yaml', rule('one') + rule('two') + rule('three'));
    await poll('the rules', () => loaded.length > 0 || undefined);
    assert.deepEqual(loaded, [3]);
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
