import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';

import { systemIo } from '../../../src/inputs/directory/io.ts';
import type { DirectoryIo } from '../../../src/inputs/directory/io.ts';
import type { SourceEvent } from '../../../src/trust/source.ts';
import { makeFolder, observe, observeSynced, replaceFile, writeFiles } from './observe.ts';
import type { Observed } from './observe.ts';

const dangling = 'is a dangling symbolic link';

/** Creates a root with a file, and with a link to a directory that has a file as well. */
function makeLinked(t: TestContext): { root: string; link: string; target: string; away: string } {
  const parent = makeFolder(t);
  writeFiles(parent, { 'trust/other.yaml': 'other', 'share/a.yaml': 'a', 'share/sub/b.yaml': 'b' });
  const root = join(parent, 'trust');
  const [link, target] = [join(root, 'share'), join(parent, 'share')];
  fs.symlinkSync(target, link);
  return { root, link, target, away: join(parent, 'away') };
}

/** Refuses all calls at and below a path while `code` is set. Resolves `refused` after the given number of calls. */
function refusing(
  path: string,
  calls: number,
): { io: DirectoryIo; refusal: { code?: string }; refused: Promise<void> } {
  const { promise: refused, resolve } = Promise.withResolvers<void>();
  const refusal: { code?: string } = {};
  let count = 0;
  const guarded =
    <T>(call: (path: string) => Promise<T>) =>
    (name: string): Promise<T> => {
      const { code } = refusal;
      if (code === undefined || (name !== path && !name.startsWith(`${path}/`))) return call(name);
      if (name === path) count += 1;
      if (count === calls) resolve();
      return Promise.reject(Object.assign(new Error(`${code}: refused, stat '${name}'`), { code }));
    };
  const io: DirectoryIo = {
    ...systemIo,
    stat: guarded((name) => systemIo.stat(name)),
    realpath: guarded((name) => systemIo.realpath(name)),
    list: guarded((name) => systemIo.list(name)),
    open: guarded((name) => systemIo.open(name)),
  };
  return { io, refusal, refused };
}

const is =
  (kind: SourceEvent['kind'], path: string) =>
  (event: SourceEvent): boolean =>
    event.kind === kind && 'path' in event && event.path === path;

async function untilAllSettled({ untilSettled }: Observed, root: string, link: string): Promise<void> {
  await untilSettled(join(root, 'other.yaml'), 'other');
  await untilSettled(join(link, 'a.yaml'), 'a');
  await untilSettled(join(link, 'sub/b.yaml'), 'b');
}

for (const code of ['EIO', 'EACCES', 'ESTALE', 'ENOMEM', 'ELOOP'])
  test(`link to a directory that cannot be reached (${code}): fails, and nothing below it changes`, async (t) => {
    const { root, link } = makeLinked(t);
    // The retries are after 100, 200, 400, … ms, so a file that counted as absent would be gone by then.
    const { io, refusal, refused } = refusing(link, 8);
    const observed = await observeSynced(t, { roots: [root], io, rescanMs: 50 });
    await untilAllSettled(observed, root, link);
    const from = observed.events().length;
    refusal.code = code;
    await refused;
    delete refusal.code;
    await observed.until('recovered', is('recovered', link));
    await observed.until('recovered', is('recovered', join(link, 'sub')));
    assert.deepEqual(
      observed.events().slice(from),
      ['failed', 'recovered'].flatMap((kind) =>
        [link, join(link, 'sub')].map((path) => ({
          kind,
          path,
          ...(kind === 'failed' && { reason: 'refused' }),
        })),
      ),
    );
    fs.rmSync(join(link, 'a.yaml'));
    await observed.until('gone', is('gone', join(link, 'a.yaml')));
  });

test('link to a directory that cannot be reached at the start: `synced` waits', async (t) => {
  const { root, link } = makeLinked(t);
  const { io, refusal } = refusing(link, 1);
  refusal.code = 'EIO';
  const observed = observe(t, { roots: [root], io });
  await observed.until('failed', is('failed', link));
  await observed.untilSettled(join(root, 'other.yaml'), 'other');
  assert.ok(observed.events().every(({ kind }) => kind !== 'synced'));
  delete refusal.code;
  await observed.until('synced', ({ kind }) => kind === 'synced');
  assert.ok(observed.contents(join(link, 'a.yaml')).length > 0);
});

test('link whose directory is away: dangles, nothing below it changes, and it is read when it is back', async (t) => {
  const { root, link, target, away } = makeLinked(t);
  const observed = await observeSynced(t, { roots: [root], rescanMs: 50 });
  await untilAllSettled(observed, root, link);
  const from = observed.events().length;
  fs.renameSync(target, away);
  await observed.until('failed', is('failed', link));
  writeFiles(root, { 'later.yaml': 'later' });
  await observed.untilSettled(join(root, 'later.yaml'), 'later');
  fs.renameSync(away, target);
  await observed.until('recovered', is('recovered', link));
  const reported = observed.events().slice(from);
  assert.deepEqual(
    reported.filter(({ kind }) => kind !== 'content'),
    [
      { kind: 'failed', path: link, reason: dangling },
      { kind: 'recovered', path: link },
    ],
  );
  fs.rmSync(join(target, 'sub'), { recursive: true });
  await observed.until('gone', is('gone', join(link, 'sub/b.yaml')));
});

test('dangling link at the start: fails, and `synced` waits until its target exists', async (t) => {
  const { root, link, target, away } = makeLinked(t);
  fs.renameSync(target, away);
  const observed = observe(t, { roots: [root] });
  assert.deepEqual(await observed.until('failed', ({ kind }) => kind === 'failed'), {
    kind: 'failed',
    path: link,
    reason: dangling,
  });
  await observed.untilSettled(join(root, 'other.yaml'), 'other');
  assert.ok(observed.events().every(({ kind }) => kind !== 'synced'));
  fs.renameSync(away, target);
  await observed.until('synced', ({ kind }) => kind === 'synced');
  await untilAllSettled(observed, root, link);
});

test('dangling link that is removed: its failure ends, and the files below it are gone', async (t) => {
  const { root, link, target, away } = makeLinked(t);
  const observed = await observeSynced(t, { roots: [root] });
  await untilAllSettled(observed, root, link);
  fs.renameSync(target, away);
  await observed.until('failed', is('failed', link));
  assert.equal(
    observed.events().some(({ kind }) => kind === 'gone'),
    false,
  );
  fs.rmSync(link);
  await observed.until('recovered', is('recovered', link));
  await observed.until('gone', is('gone', join(link, 'a.yaml')));
  await observed.until('gone', is('gone', join(link, 'sub/b.yaml')));
});

test('link to a directory that is replaced by a file: the files below it are gone', async (t) => {
  const { root, link, target, away } = makeLinked(t);
  const observed = await observeSynced(t, { roots: [root] });
  await untilAllSettled(observed, root, link);
  fs.renameSync(target, away);
  await observed.until('failed', is('failed', link));
  fs.writeFileSync(target, 'a file');
  await observed.until('recovered', is('recovered', link));
  await observed.until('gone', is('gone', join(link, 'a.yaml')));
  await observed.until('gone', is('gone', join(link, 'sub/b.yaml')));
});

test('new dangling link: fails, and its directory is read once it exists', async (t) => {
  const root = makeFolder(t);
  writeFiles(root, { 'a.yaml': 'a' });
  const observed = await observeSynced(t, { roots: [root] });
  const link = join(root, 'later');
  fs.symlinkSync('.hidden', link);
  await observed.until('failed', is('failed', link));
  writeFiles(root, { '.hidden/b.yaml': 'b' });
  await observed.until('recovered', is('recovered', link));
  await observed.untilSettled(join(link, 'b.yaml'), 'b');
});

test('links that lead to themselves: fail', async (t) => {
  const root = makeFolder(t);
  fs.symlinkSync('loop', join(root, 'loop'));
  const observed = observe(t, { roots: [root] });
  await observed.until('failed', is('failed', join(root, 'loop')));
  fs.rmSync(join(root, 'loop'));
  await observed.until('synced', ({ kind }) => kind === 'synced');
});

test('file that is not found, and whose directory cannot be asked: is unreadable, not gone', async (t) => {
  const root = makeFolder(t);
  const path = join(root, 'a.yaml');
  writeFiles(root, { 'a.yaml': 'a' });
  let isRefused = false;
  const refuse = (code: string): Promise<never> =>
    Promise.reject(Object.assign(new Error(`${code}: refused, open`), { code }));
  const io: DirectoryIo = {
    ...systemIo,
    stat: (name) => (isRefused && name === path ? refuse('ENOENT') : systemIo.stat(name)),
    open: (name) => (isRefused && name === path ? refuse('ENOENT') : systemIo.open(name)),
    lstat: (name) => (isRefused && name === path ? refuse('EIO') : systemIo.lstat(name)),
  };
  const observed = await observeSynced(t, { roots: [root], io, rescanMs: 50 });
  await observed.untilSettled(path, 'a');
  const from = observed.events().length;
  isRefused = true;
  await observed.until('unreadable or gone', ({ kind }) => kind === 'unreadable' || kind === 'gone', from);
  assert.deepEqual(observed.events().slice(from), [{ kind: 'unreadable', path, reason: 'refused' }]);
});

test('target of a link changes just after it was read: the change is found without a listing', async (t) => {
  const parent = makeFolder(t);
  writeFiles(parent, { 'share/a.yaml': 'a', 'trust/other.yaml': 'other' });
  const target = join(parent, 'share/a.yaml');
  const root = join(parent, 'trust');
  const path = join(root, 'a.yaml');
  fs.symlinkSync(target, path);
  let isChanged = false;
  const io: DirectoryIo = {
    ...systemIo,
    // The file is so old that it is not read again to see whether it has settled.
    wallNs: () => systemIo.wallNs() + 3_600_000_000_000n,
    open: async (name) => {
      const file = await systemIo.open(name);
      return {
        ...file,
        close: () => {
          file.close();
          if (name !== path || isChanged) return;
          isChanged = true;
          fs.writeFileSync(target, 'a2');
        },
      };
    },
  };
  const observed = await observeSynced(t, { roots: [root], io, rescanMs: 3_600_000 });
  await observed.untilSettled(path, 'a2');
});

test('directory of the target of a link is replaced: the new target is read and watched', async (t) => {
  const parent = makeFolder(t);
  writeFiles(parent, {
    'share/a.yaml': 'a',
    'share/b.yaml': 'b',
    'next/a.yaml': 'a2',
    'trust/other.yaml': 'other',
  });
  const root = join(parent, 'trust');
  const share = join(parent, 'share');
  for (const name of ['a.yaml', 'b.yaml']) fs.symlinkSync(join(share, name), join(root, name));
  const observed = await observeSynced(t, { roots: [root], rescanMs: 3_600_000 });
  await observed.untilSettled(join(root, 'a.yaml'), 'a');
  await observed.untilSettled(join(root, 'b.yaml'), 'b');
  fs.renameSync(share, join(parent, 'before'));
  fs.renameSync(join(parent, 'next'), share);
  await observed.untilSettled(join(root, 'a.yaml'), 'a2');
  // As with other dangling links, the last text stays valid.
  await observed.until('b', is('unreadable', join(root, 'b.yaml')));
  replaceFile(join(share, 'a.yaml'), 'a3');
  await observed.untilSettled(join(root, 'a.yaml'), 'a3');
});
