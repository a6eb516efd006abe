import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { systemIo } from '../../../src/inputs/directory/io.ts';
import type { DirectoryIo } from '../../../src/inputs/directory/io.ts';
import { makeFolder, observe, observeSynced, writeFiles } from './observe.ts';

/** Returns a path whose last name is encoded in Latin-1, for example `müller`. */
const latin1 = (root: string, name: string): Buffer =>
  Buffer.concat([Buffer.from(`${root}/`), Buffer.from(name, 'latin1')]);
const shown = (root: string, name: string): string => join(root, name.replace('ü', '\ufffd'));

test('file whose name is not UTF-8, at the start: is unreadable before `synced`', async (t) => {
  const root = makeFolder(t);
  writeFiles(root, { 'a.yaml': 'a' });
  fs.writeFileSync(latin1(root, 'müller.yaml'), 'text');
  const observed = await observeSynced(t, { roots: [root] });
  const found = observed.events().findIndex(({ kind }) => kind === 'unreadable');
  const event = observed.events()[found];
  assert.deepEqual(event, {
    kind: 'unreadable',
    path: shown(root, 'müller.yaml'),
    reason: 'its name is not UTF-8',
  });
  assert.ok(found < observed.events().findIndex(({ kind }) => kind === 'synced'));
});

test('file whose name is not UTF-8, added and removed: is unreadable at once, then gone', async (t) => {
  const root = makeFolder(t);
  const observed = await observeSynced(t, { roots: [root] });
  fs.writeFileSync(latin1(root, 'müller.yaml'), 'text');
  await observed.until('unreadable', ({ kind }) => kind === 'unreadable');
  fs.rmSync(latin1(root, 'müller.yaml'));
  await observed.until('gone', (event) => event.kind === 'gone' && event.path === shown(root, 'müller.yaml'));
});

test('file whose UTF-8 name contains U+FFFD: is read', async (t) => {
  const root = makeFolder(t);
  writeFiles(root, { 'm\ufffdller.yaml': 'text' });
  const observed = await observeSynced(t, { roots: [root] });
  await observed.untilSettled(join(root, 'm\ufffdller.yaml'), 'text');
});

test('two files with the same decoded name: their folder fails until one is removed', async (t) => {
  const root = makeFolder(t);
  writeFiles(root, { 'sub/m\ufffdller.yaml': 'text' });
  const sub = join(root, 'sub');
  fs.writeFileSync(latin1(sub, 'müller.yaml'), 'other');
  const observed = observe(t, { roots: [root], rescanMs: 100 });
  const failed = await observed.until('failed', ({ kind }) => kind === 'failed');
  assert.deepEqual(failed, {
    kind: 'failed',
    path: sub,
    reason: 'two entries are called m\ufffdller.yaml: the name of one is not UTF-8',
  });
  fs.rmSync(latin1(sub, 'müller.yaml'));
  await observed.until('recovered', ({ kind }) => kind === 'recovered');
  await observed.untilSettled(join(sub, 'm\ufffdller.yaml'), 'text');
});

test('folder whose name is not UTF-8: fails, and `synced` waits until it is renamed', async (t) => {
  const root = makeFolder(t);
  writeFiles(root, { 'a.yaml': 'a' });
  fs.mkdirSync(latin1(root, 'müller'));
  fs.writeFileSync(latin1(root, 'müller/b.yaml'), 'b');
  const observed = observe(t, { roots: [root] });
  const failed = await observed.until('failed', ({ kind }) => kind === 'failed');
  assert.deepEqual(failed, { kind: 'failed', path: shown(root, 'müller'), reason: 'its name is not UTF-8' });
  assert.equal(
    observed.events().some(({ kind }) => kind === 'synced'),
    false,
  );
  fs.renameSync(latin1(root, 'müller'), join(root, 'mueller'));
  await observed.until(
    'recovered',
    (event) => event.kind === 'recovered' && event.path === shown(root, 'müller'),
  );
  await observed.until('synced', ({ kind }) => kind === 'synced');
  await observed.untilSettled(join(root, 'mueller/b.yaml'), 'b');
});

test('folder that cannot be listed: its failure ends when it is removed', async (t) => {
  const root = makeFolder(t);
  writeFiles(root, { 'a.yaml': 'a', 'sub/b.yaml': 'b' });
  const sub = join(root, 'sub');
  const io: DirectoryIo = {
    ...systemIo,
    list: (path) =>
      path === sub
        ? Promise.reject(Object.assign(new Error('EACCES: no'), { code: 'EACCES' }))
        : systemIo.list(path),
  };
  const observed = observe(t, { roots: [root], io, rescanMs: 100 });
  await observed.until('failed', (event) => event.kind === 'failed' && event.path === sub);
  fs.rmSync(sub, { recursive: true });
  await observed.until('recovered', (event) => event.kind === 'recovered' && event.path === sub);
});

test('file created again after it was not found: is read, and not reported as a dangling link', async (t) => {
  const root = makeFolder(t);
  const path = join(root, 'a.yaml');
  writeFiles(root, { 'a.yaml': 'first' });
  let misses = 0;
  const io: DirectoryIo = {
    ...systemIo,
    open: (name) => {
      if (name !== path || misses === 0) return systemIo.open(name);
      // The file is absent when it is opened, and present at the check after it.
      misses -= 1;
      return Promise.reject(Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT' }));
    },
  };
  const observed = await observeSynced(t, { roots: [root], io });
  await observed.untilSettled(path, 'first');
  misses = 2;
  fs.rmSync(path);
  fs.writeFileSync(path, 'second');
  await observed.untilSettled(path, 'second');
  assert.deepEqual(
    observed.events().filter(({ kind }) => kind === 'unreadable'),
    [],
  );
});

test('symbolic link without a target: is reported as dangling', async (t) => {
  const root = makeFolder(t);
  fs.symlinkSync('nowhere', join(root, 'a.yaml'));
  const observed = await observeSynced(t, { roots: [root] });
  await observed.until(
    'dangling',
    (event) => event.kind === 'unreadable' && event.reason.includes('dangling'),
  );
});
