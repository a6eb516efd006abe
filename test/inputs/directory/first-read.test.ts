import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join, relative as relativePath } from 'node:path';
import { test } from 'node:test';

import { systemIo } from '../../../src/inputs/directory/io.ts';
import type { DirectoryIo, WatchListener } from '../../../src/inputs/directory/io.ts';
import { makeFolder, observe, observeSynced, writeFiles } from './observe.ts';

test('first read: reports every file of the tree, and then `synced` once', async (t) => {
  const root = makeFolder(t);
  writeFiles(root, {
    'a.yaml': 'a',
    'sub/b.yml': 'b',
    'sub/deep/c.json': '{}',
    'notes.txt': 'no',
    '.git/d.yaml': 'no',
  });
  const { events } = await observeSynced(t, { roots: [root] });
  const reported = events().map((event) => ('path' in event ? event.path : event.kind));
  assert.equal(reported.at(-1), 'synced');
  assert.deepEqual(
    reported.slice(0, -1).sort(),
    ['a.yaml', 'sub/b.yml', 'sub/deep/c.json'].map((name) => join(root, name)),
  );
});

test('empty directory: is synced', async (t) => {
  const { events } = await observeSynced(t, { roots: [makeFolder(t)] });
  assert.deepEqual(events(), [{ kind: 'synced' }]);
});

test('paths: begin with the root as the user wrote it', async (t) => {
  const root = makeFolder(t);
  writeFiles(root, { 'sub/a.yaml': 'a' });
  const relative = relativePath(process.cwd(), join(root, 'sub'));
  const { contents } = await observeSynced(t, { roots: [`${relative}/`] });
  assert.equal(contents(join(relative, 'a.yaml')).length, 1);
});

test('new file: is unsettled first; old file: is settled at once', async (t) => {
  const root = makeFolder(t);
  writeFiles(root, { 'a.yaml': 'young' });
  const first = await observeSynced(t, { roots: [root] });
  assert.deepEqual(first.events()[0], {
    kind: 'content',
    path: join(root, 'a.yaml'),
    text: 'young',
    settled: false,
  });
  await first.untilSettled(join(root, 'a.yaml'), 'young');
  // Now the times of the file are old enough.
  const second = await observeSynced(t, { roots: [root], settleMs: 50 });
  assert.deepEqual(
    second.contents(join(root, 'a.yaml')).map(({ settled }) => settled),
    [true],
  );
});

test('root that is a single file: other files are ignored', async (t) => {
  const root = makeFolder(t);
  writeFiles(root, { 'a.yaml': 'a', 'b.yaml': 'b' });
  const path = join(root, 'a.yaml');
  const { events, untilSettled, until } = await observeSynced(t, { roots: [path] });
  fs.writeFileSync(join(root, 'b.yaml'), 'b2');
  fs.writeFileSync(path, 'a2');
  await untilSettled(path, 'a2');
  fs.rmSync(path);
  await until('failed', (event) => event.kind === 'failed' && event.path === path);
  fs.writeFileSync(path, 'a3');
  await until('recovered', (event) => event.kind === 'recovered' && event.path === path);
  await untilSettled(path, 'a3');
  assert.deepEqual(
    events().filter((event) => event.kind === 'gone' || ('path' in event && event.path !== path)),
    [],
  );
});

test('roots that overlap: each file is reported once', async (t) => {
  const root = makeFolder(t);
  writeFiles(root, { 'a.yaml': 'a', 'sub/b.yaml': 'b', 'sub/deep/c.yaml': 'c' });
  fs.symlinkSync(root, join(root, 'again'));
  const roots = [join(root, 'sub'), root, `${root}/`, join(root, 'again'), join(root, 'a.yaml')];
  const { events, untilSettled } = await observeSynced(t, { roots });
  fs.writeFileSync(join(root, 'sub/b.yaml'), 'b2');
  await untilSettled(join(root, 'sub/b.yaml'), 'b2');
  const texts = events().flatMap((event) => (event.kind === 'content' && event.settled ? [event.text] : []));
  assert.deepEqual(texts.filter((text) => text === 'b2').length, 1);
  const paths = new Set(events().flatMap((event) => (event.kind === 'content' ? [event.path] : [])));
  assert.deepEqual(
    [...paths].sort(),
    ['a.yaml', 'sub/b.yaml', 'sub/deep/c.yaml'].map((name) => join(root, name)),
  );
});

test('links to files and directories: are followed, and loops end', async (t) => {
  const root = makeFolder(t);
  const elsewhere = makeFolder(t);
  writeFiles(elsewhere, { 'a.yaml': 'a', 'dir/b.yaml': 'b' });
  fs.symlinkSync(join(elsewhere, 'a.yaml'), join(root, 'a.yaml'));
  fs.symlinkSync(join(elsewhere, 'dir'), join(root, 'dir'));
  fs.symlinkSync('.', join(root, 'self'));
  fs.symlinkSync(root, join(elsewhere, 'dir', 'back'));
  const { events, untilSettled } = await observeSynced(t, { roots: [root] });
  fs.writeFileSync(join(elsewhere, 'dir/b.yaml'), 'b2');
  await untilSettled(join(root, 'dir/b.yaml'), 'b2');
  const paths = new Set(events().flatMap((event) => ('path' in event ? [event.path] : [])));
  assert.deepEqual([...paths].sort(), [join(root, 'a.yaml'), join(root, 'dir/b.yaml')]);
});

test('directory with two names, one is removed: the other is read', async (t) => {
  const root = makeFolder(t);
  const elsewhere = makeFolder(t);
  writeFiles(elsewhere, { 'b.yaml': 'b' });
  fs.symlinkSync(elsewhere, join(root, 'one'));
  fs.symlinkSync(elsewhere, join(root, 'two'));
  const { contents, until, untilSettled } = await observeSynced(t, { roots: [root] });
  assert.equal(contents(join(root, 'two/b.yaml')).length, 0);
  fs.rmSync(join(root, 'one'));
  await untilSettled(join(root, 'two/b.yaml'), 'b');
  await until('gone', (event) => event.kind === 'gone' && event.path === join(root, 'one/b.yaml'));
});

test('unreadable files: are reported before `synced`', async (t) => {
  const root = makeFolder(t);
  fs.mkdirSync(join(root, 'directory.yaml'));
  fs.symlinkSync('nowhere', join(root, 'dangling.yaml'));
  fs.symlinkSync('loop.yaml', join(root, 'loop.yaml'));
  fs.writeFileSync(join(root, 'latin1.yaml'), Buffer.from([0x61, 0xe4, 0x62]));
  fs.writeFileSync(join(root, 'long.yaml'), 'x'.repeat(101));
  fs.writeFileSync(join(root, 'just-right.yaml'), 'x'.repeat(100));
  const { events, contents } = await observeSynced(t, { roots: [root], maxFileBytes: 100 });
  const reasons = events().flatMap((event) =>
    event.kind === 'unreadable' ? [[event.path.slice(root.length + 1), event.reason]] : [],
  );
  assert.deepEqual(Object.fromEntries(reasons), {
    'dangling.yaml': 'is a dangling symbolic link',
    'directory.yaml': 'is a directory',
    'latin1.yaml': 'is not UTF-8',
    'long.yaml': 'is 101 bytes long; the limit is 100',
    'loop.yaml': 'too many symbolic links encountered',
  });
  assert.equal(contents(join(root, 'just-right.yaml')).length, 1);
  assert.deepEqual(events().at(-1), { kind: 'synced' });
});

test('missing root: `synced` waits until it exists', async (t) => {
  const folder = makeFolder(t);
  const root = join(folder, 'later');
  const observed = observe(t, { roots: [folder, root] });
  const failed = await observed.until('failed', ({ kind }) => kind === 'failed');
  assert.deepEqual(failed, { kind: 'failed', path: root, reason: 'no such file or directory' });
  writeFiles(root, { 'a.yaml': 'a' });
  await observed.until('synced', ({ kind }) => kind === 'synced');
  const kinds = observed.events().map(({ kind }) => kind);
  assert.ok(kinds.indexOf('recovered') < kinds.indexOf('synced'));
  assert.equal(kinds.filter((kind) => kind === 'synced').length, 1);
  assert.equal(observed.contents(join(root, 'a.yaml'))[0]?.text, 'a');
});

test('file created again while the files of the first listing are read: is read before `synced`', async (t) => {
  const root = makeFolder(t);
  const path = join(root, 'a.yaml');
  writeFiles(root, { 'b.yaml': 'b' });
  const listeners: WatchListener[] = [];
  let rounds = 0;
  const io: DirectoryIo = {
    ...systemIo,
    watch: (name, listener) => {
      if (name === root) listeners.push(listener);
      return { close: () => {} };
    },
    async noticesDelivered() {
      rounds += 1;
      // The first one is before the round, and the second one is after the files were read.
      if (rounds !== 2) return;
      fs.writeFileSync(path, 'a');
      for (const listener of listeners) listener('rename', 'a.yaml');
    },
  };
  const { events } = await observeSynced(t, { roots: [root], io });
  const isRead = events().findIndex((event) => event.kind === 'content' && event.path === path);
  const isSynced = events().findIndex(({ kind }) => kind === 'synced');
  assert.ok(isRead >= 0 && isRead < isSynced);
});

test('file of an earlier run, absent at the first listing: `synced` waits until it could be created', async (t) => {
  const root = makeFolder(t);
  const path = join(root, 'a.yaml');
  writeFiles(root, { 'b.yaml': 'b' });
  let timers = 0;
  const io: DirectoryIo = {
    ...systemIo,
    // No notice says that it is created.
    watch: () => ({ close: () => {} }),
    after: (ms, callback) => {
      timers += 1;
      if (timers === 1) fs.writeFileSync(path, 'a');
      return systemIo.after(ms, callback);
    },
  };
  const { events } = await observeSynced(t, { roots: [root], io, confirmsAbsence: true });
  assert.ok(events().some((event) => event.kind === 'content' && event.path === path));
  assert.equal(events().filter(({ kind }) => kind === 'synced').length, 1);
});

test('thousand files: are one batch', async (t) => {
  const root = makeFolder(t);
  const names = Array.from({ length: 1_000 }, (_, index) => `${index % 10}/${index}.yaml`);
  writeFiles(root, Object.fromEntries(names.map((name) => [name, name])));
  const { events } = await observeSynced(t, { roots: [root] });
  const texts = new Set(events().flatMap((event) => (event.kind === 'content' ? [event.text] : [])));
  assert.equal(texts.size, 1_000);
});

test('file that is created again at each attempt to open it: `synced` waits until it was read', async (t) => {
  const root = makeFolder(t);
  const path = join(root, 'a.yaml');
  writeFiles(root, { 'a.yaml': 'a', 'b.yaml': 'b' });
  let attempts = 0;
  const io: DirectoryIo = {
    ...systemIo,
    open(name) {
      if (name !== path || attempts === 6) return systemIo.open(name);
      attempts += 1;
      return Promise.reject(Object.assign(new Error(`ENOENT: not now, open '${name}'`), { code: 'ENOENT' }));
    },
  };
  const observed = await observeSynced(t, { roots: [root], io, confirmsAbsence: true });
  const events = observed.events();
  const first = events.findIndex((event) => event.kind === 'content' && event.path === path);
  assert.ok(first !== -1 && first < events.findIndex(({ kind }) => kind === 'synced'));
});
