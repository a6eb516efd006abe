import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { systemIo } from '../../../src/inputs/directory/io.ts';
import type { DirectoryIo, WatchListener } from '../../../src/inputs/directory/io.ts';
import { watchDirectory } from '../../../src/inputs/directory/watch-directory.ts';
import { makeFolder, observe, observeSynced, replaceFile, writeFiles } from './observe.ts';

/** Replaces the watches by silent ones. Returns their listeners. */
function silentWatches(): { io: DirectoryIo; listeners: Map<string, WatchListener> } {
  const listeners = new Map<string, WatchListener>();
  const io: DirectoryIo = {
    ...systemIo,
    watch: (path, listener) => {
      listeners.set(path, listener);
      return { close: () => {} };
    },
  };
  return { io, listeners };
}

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: refused, scandir 'somewhere'`), { code });
}

test('lost notices: a scan finds the changes', async (t) => {
  const root = makeFolder(t);
  writeFiles(root, { 'a.yaml': 'a', 'b.yaml': 'b', 'sub/c.yaml': 'c' });
  const { io } = silentWatches();
  const observed = await observeSynced(t, { roots: [root], io, rescanMs: 150 });
  await observed.untilSettled(join(root, 'a.yaml'), 'a');
  const from = observed.events().length;
  fs.writeFileSync(join(root, 'a.yaml'), 'a2');
  fs.rmSync(join(root, 'sub'), { recursive: true });
  writeFiles(root, { 'new/d.yaml': 'd' });
  await observed.untilSettled(join(root, 'a.yaml'), 'a2');
  await observed.untilSettled(join(root, 'new/d.yaml'), 'd');
  await observed.until('c gone', (event) => event.kind === 'gone' && event.path === join(root, 'sub/c.yaml'));
  const reported = observed.events().slice(from);
  assert.deepEqual(
    reported.filter(
      (event) => event.kind === 'content' && event.path === join(root, 'b.yaml') && event.text !== 'b',
    ),
    [],
  );
});

test('round that fails: is a failure, and the next one reads everything', async (t) => {
  const root = makeFolder(t);
  writeFiles(root, { 'a.yaml': 'a' });
  let rounds = 0;
  const io: DirectoryIo = {
    ...systemIo,
    async noticesDelivered() {
      rounds += 1;
      // The first one is before the round, and the second one is after the files were read.
      if (rounds === 2) throw new Error('a defect');
      return systemIo.noticesDelivered();
    },
  };
  const observed = observe(t, { roots: [root], io });
  await observed.until('synced', ({ kind }) => kind === 'synced');
  assert.deepEqual(observed.events()[0], { kind: 'failed', path: root, reason: 'a defect' });
  assert.deepEqual(
    observed.events().map(({ kind }) => kind),
    ['failed', 'recovered', 'content', 'synced'],
  );
});

test('round that fails after a directory could be listed again: the recovery is not lost', async (t) => {
  const root = makeFolder(t);
  writeFiles(root, { 'sub/a.yaml': 'a' });
  const sub = join(root, 'sub');
  let isRefused = true;
  let isBroken = false;
  let isDone = false;
  const io: DirectoryIo = {
    ...systemIo,
    list(path) {
      if (path !== sub) return systemIo.list(path);
      if (isRefused) return Promise.reject(systemError('EACCES'));
      isBroken = true;
      return systemIo.list(path);
    },
    async noticesDelivered() {
      await systemIo.noticesDelivered();
      if (!isBroken || isDone) return;
      isDone = true;
      throw new Error('a defect');
    },
  };
  const observed = observe(t, { roots: [root], io });
  await observed.until('failed', ({ kind }) => kind === 'failed');
  isRefused = false;
  await observed.until('the defect', (event) => event.kind === 'failed' && event.reason === 'a defect');
  await observed.until('synced', ({ kind }) => kind === 'synced');
  const recoveries = observed.events().filter((event) => event.kind === 'recovered');
  assert.deepEqual(
    recoveries.map(({ path }) => path),
    [sub, root],
  );
});

test('scan without changes: reads no file, and reports nothing', async (t) => {
  const root = makeFolder(t);
  writeFiles(root, { 'a.yaml': 'a', 'b.yaml': 'b' });
  const opened: string[] = [];
  let scans = 0;
  const secondScan = Promise.withResolvers<void>();
  const io: DirectoryIo = {
    ...systemIo,
    open: (path) => {
      opened.push(path);
      return systemIo.open(path);
    },
    list: (path) => {
      scans += 1;
      if (scans === 6) secondScan.resolve();
      return systemIo.list(path);
    },
  };
  const observed = await observeSynced(t, { roots: [root], io, settleMs: 20, rescanMs: 100 });
  await observed.untilSettled(join(root, 'a.yaml'), 'a');
  await observed.untilSettled(join(root, 'b.yaml'), 'b');
  const before = { opened: opened.length, events: observed.events().length };
  await secondScan.promise;
  assert.deepEqual({ opened: opened.length, events: observed.events().length }, before);
});

test("burst of notices that may exceed the system's queue: everything is listed", async (t) => {
  const root = makeFolder(t);
  writeFiles(root, { 'a.yaml': 'a' });
  const { io, listeners } = silentWatches();
  const observed = await observeSynced(t, { roots: [root], io });
  await observed.untilSettled(join(root, 'a.yaml'), 'a');
  fs.writeFileSync(join(root, 'a.yaml'), 'a2');
  const listener = listeners.get(root);
  assert.ok(listener !== undefined);
  for (let notice = 0; notice < 8_192; notice += 1) listener('change', 'noise.txt');
  await observed.untilSettled(join(root, 'a.yaml'), 'a2');
});

test("burst of notices about the targets of links that may exceed the system's queue: everything is listed", async (t) => {
  const parent = makeFolder(t);
  writeFiles(parent, { 'share/a.yaml': 'a', 'trust/b.yaml': 'b' });
  const root = join(parent, 'trust');
  const share = join(parent, 'share');
  fs.symlinkSync(join(share, 'a.yaml'), join(root, 'a.yaml'));
  const { io, listeners } = silentWatches();
  const observed = await observeSynced(t, { roots: [root], io });
  await observed.untilSettled(join(root, 'a.yaml'), 'a');
  fs.writeFileSync(join(share, 'a.yaml'), 'a2');
  const listener = listeners.get(share);
  assert.ok(listener !== undefined);
  for (let notice = 0; notice < 8_192; notice += 1) listener('change', 'noise.txt');
  await observed.untilSettled(join(root, 'a.yaml'), 'a2');
});

test('directory that cannot be listed: nothing is gone, and it is tried again', async (t) => {
  const root = makeFolder(t);
  writeFiles(root, { 'a.yaml': 'a', 'sub/b.yaml': 'b' });
  let refused: string | undefined;
  const io: DirectoryIo = {
    ...systemIo,
    list: (path) => (path === refused ? Promise.reject(systemError('EACCES')) : systemIo.list(path)),
  };
  const observed = await observeSynced(t, { roots: [root], io, rescanMs: 50 });
  await observed.untilSettled(join(root, 'sub/b.yaml'), 'b');
  const from = observed.events().length;
  refused = join(root, 'sub');
  await observed.until('failed', ({ kind }) => kind === 'failed');
  refused = undefined;
  await observed.until('recovered', ({ kind }) => kind === 'recovered');
  assert.deepEqual(observed.events().slice(from), [
    { kind: 'failed', path: join(root, 'sub'), reason: 'refused' },
    { kind: 'recovered', path: join(root, 'sub') },
  ]);
  replaceFile(join(root, 'sub/b.yaml'), 'b2');
  await observed.untilSettled(join(root, 'sub/b.yaml'), 'b2');
});

test('directory that cannot be listed at the start: `synced` waits', async (t) => {
  const root = makeFolder(t);
  writeFiles(root, { 'a.yaml': 'a', 'sub/b.yaml': 'b' });
  let isRefused = true;
  const io: DirectoryIo = {
    ...systemIo,
    list: (path) =>
      isRefused && path.endsWith('sub') ? Promise.reject(systemError('EIO')) : systemIo.list(path),
  };
  const observed = observe(t, { roots: [root], io });
  await observed.until('failed', ({ kind }) => kind === 'failed');
  await observed.untilSettled(join(root, 'a.yaml'), 'a');
  assert.ok(observed.events().every(({ kind }) => kind !== 'synced'));
  isRefused = false;
  await observed.until('synced', ({ kind }) => kind === 'synced');
  assert.equal(observed.contents(join(root, 'sub/b.yaml')).length, 1);
});

test('file that cannot be opened: is unreadable, not gone, and is tried again', async (t) => {
  const root = makeFolder(t);
  const path = join(root, 'a.yaml');
  writeFiles(root, { 'a.yaml': 'a' });
  let isRefused = false;
  const io: DirectoryIo = {
    ...systemIo,
    open: (name) => (isRefused ? Promise.reject(systemError('EMFILE')) : systemIo.open(name)),
  };
  const observed = await observeSynced(t, { roots: [root], io, settleMs: 20 });
  await observed.untilSettled(path, 'a');
  const from = observed.events().length;
  isRefused = true;
  fs.writeFileSync(path, 'a2');
  await observed.until('unreadable', ({ kind }) => kind === 'unreadable');
  isRefused = false;
  await observed.untilSettled(path, 'a2');
  assert.deepEqual(observed.events().slice(from), [
    { kind: 'unreadable', path, reason: 'refused' },
    { kind: 'content', path, text: 'a2', settled: false },
    { kind: 'content', path, text: 'a2', settled: true },
  ]);
});

test('file that changes during each read: is reported unsettled', async (t) => {
  const root = makeFolder(t);
  const path = join(root, 'a.yaml');
  writeFiles(root, { 'a.yaml': 'a' });
  let isBusy = true;
  let count = 0n;
  const io: DirectoryIo = {
    ...systemIo,
    wallNs: () => systemIo.wallNs() + 1_000_000_000_000n,
    open: async (name) => {
      const file = await systemIo.open(name);
      return {
        ...file,
        stat: () => {
          const stat = file.stat();
          count += 1n;
          if (isBusy) stat.mtimeNs += count;
          return stat;
        },
      };
    },
  };
  const observed = await observeSynced(t, { roots: [root], io });
  assert.deepEqual(
    observed.contents(path).map(({ settled }) => settled),
    [false],
  );
  isBusy = false;
  await observed.untilSettled(path, 'a');
});

test('no watch available: the directory is polled, which is reported once', async (t) => {
  const root = makeFolder(t);
  writeFiles(root, { 'a.yaml': 'a' });
  const polling: string[] = [];
  let attempts = 0;
  const io: DirectoryIo = {
    ...systemIo,
    watch: () => {
      attempts += 1;
      throw systemError('ENOSPC');
    },
  };
  const onPolling = (path: string, reason: string): void => void polling.push(`${path} ${reason}`);
  const observed = await observeSynced(t, { roots: [root], io, onPolling });
  await observed.untilSettled(join(root, 'a.yaml'), 'a');
  fs.writeFileSync(join(root, 'a.yaml'), 'a2');
  await observed.untilSettled(join(root, 'a.yaml'), 'a2');
  assert.deepEqual(polling, [`${root} refused`]);
  assert.ok(attempts > 1, 'another watch is attempted');
});

test('watch that ends: is replaced, and changes meanwhile are found', async (t) => {
  const root = makeFolder(t);
  writeFiles(root, { 'a.yaml': 'a' });
  const errors: ((error: unknown) => void)[] = [];
  let isDeaf = true;
  const io: DirectoryIo = {
    ...systemIo,
    watch: (path, listener, onError) => {
      if (path === root) errors.push(onError);
      return systemIo.watch(path, (...event) => (isDeaf ? undefined : listener(...event)), onError);
    },
  };
  const observed = await observeSynced(t, { roots: [root], io });
  fs.writeFileSync(join(root, 'a.yaml'), 'a2');
  isDeaf = false;
  errors[0]?.(new Error('the watch has ended'));
  await observed.untilSettled(join(root, 'a.yaml'), 'a2');
  assert.equal(errors.length, 2);
  replaceFile(join(root, 'a.yaml'), 'a3');
  await observed.untilSettled(join(root, 'a.yaml'), 'a3');
});

test('closed source: no watch, no timer and no more events', async (t) => {
  const root = makeFolder(t);
  writeFiles(root, { 'a.yaml': 'a', 'sub/deep/b.yaml': 'b' });
  let timers = 0;
  let watches = 0;
  const io: DirectoryIo = {
    ...systemIo,
    after: (ms, callback) => {
      timers += 1;
      let isOver = false;
      const over = (): void => {
        if (!isOver) timers -= 1;
        isOver = true;
      };
      const cancel = systemIo.after(ms, () => {
        over();
        callback();
      });
      return () => {
        over();
        cancel();
      };
    },
    watch: (...args) => {
      const watch = systemIo.watch(...args);
      watches += 1;
      return {
        close: () => {
          watches -= 1;
          watch.close();
        },
      };
    },
  };
  const controller = new AbortController();
  const observed = await observeSynced(t, { roots: [root], io, signal: controller.signal });
  // Those of three directories, and of the directories with the names of the root and of its directory.
  assert.deepEqual({ timers, watches }, { timers: 1, watches: 5 });
  // During a change.
  fs.writeFileSync(join(root, 'a.yaml'), 'a2');
  controller.abort();
  await observed.source.close();
  const reported = observed.events().length;
  replaceFile(join(root, 'a.yaml'), 'a3');
  await systemIo.noticesDelivered();
  assert.deepEqual(
    { timers, watches, events: observed.events().length },
    { timers: 0, watches: 0, events: reported },
  );
  assert.ok(!process.getActiveResourcesInfo().includes('FSEventWrap'));
});

test('signal aborted at the start: the source does nothing', async (t) => {
  const root = makeFolder(t);
  writeFiles(root, { 'a.yaml': 'a' });
  const source = watchDirectory({ roots: [root], name: 'never', signal: AbortSignal.abort() }, () => {
    assert.fail('an event was reported');
  });
  await source.close();
  assert.equal(source.name, 'never');
});

test('source closed during its first read: no more events', async (t) => {
  const root = makeFolder(t);
  writeFiles(root, { 'a.yaml': 'a' });
  const observed = observe(t, { roots: [root] });
  await observed.source.close();
  assert.deepEqual(observed.events(), []);
  assert.ok(!process.getActiveResourcesInfo().includes('FSEventWrap'));
});
