import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';

import type { SourceEvent } from '../../../src/trust/source.ts';
import { makeFolder, observeSynced, replaceFile, writeFiles } from './observe.ts';

test('new directories with files: are read at any depth', async (t) => {
  const root = makeFolder(t);
  const observed = await observeSynced(t, { roots: [root] });
  for (let round = 0; round < 20; round += 1) {
    const name = `${round}/x/y/z/a.yaml`;
    writeFiles(root, { [name]: `a${round}`, [`${round}/b.yaml`]: `b${round}` });
    if (round % 3 === 0) await nextTurn();
  }
  for (let round = 0; round < 20; round += 1) {
    await observed.untilSettled(join(root, `${round}/x/y/z/a.yaml`), `a${round}`);
    await observed.untilSettled(join(root, `${round}/b.yaml`), `b${round}`);
  }
  // The new directories are watched, too.
  replaceFile(join(root, '7/x/y/z/a.yaml'), 'again');
  await observed.untilSettled(join(root, '7/x/y/z/a.yaml'), 'again');
});

test('removed directory: its files are gone; renamed directory: its files have new paths', async (t) => {
  const root = makeFolder(t);
  writeFiles(root, { 'one/a.yaml': 'a', 'one/deep/b.yaml': 'b', 'two/c.yaml': 'c' });
  const observed = await observeSynced(t, { roots: [root] });
  const gone = (name: string): Promise<unknown> =>
    observed.until(`${name} gone`, (event) => event.kind === 'gone' && event.path === join(root, name));
  fs.renameSync(join(root, 'one'), join(root, 'three'));
  await observed.untilSettled(join(root, 'three/a.yaml'), 'a');
  await observed.untilSettled(join(root, 'three/deep/b.yaml'), 'b');
  await Promise.all([gone('one/a.yaml'), gone('one/deep/b.yaml')]);
  fs.rmSync(join(root, 'two'), { recursive: true });
  await gone('two/c.yaml');
  assert.deepEqual(
    observed.events().filter(({ kind }) => kind === 'failed' || kind === 'unreadable'),
    [],
  );
  // A new directory with an old name is not mistaken for the old one.
  writeFiles(root, { 'one/a.yaml': 'new', 'two/c.yaml': 'new' });
  await observed.untilSettled(join(root, 'one/a.yaml'), 'new');
  await observed.untilSettled(join(root, 'two/c.yaml'), 'new');
  replaceFile(join(root, 'two/c.yaml'), 'newer');
  await observed.untilSettled(join(root, 'two/c.yaml'), 'newer');
});

test('replaced directory: files of both directories are not gone', async (t) => {
  const root = makeFolder(t);
  writeFiles(root, { 'dir/a.yaml': 'a', 'dir/b.yaml': 'b', '.next/a.yaml': 'a2' });
  const observed = await observeSynced(t, { roots: [root] });
  fs.rmSync(join(root, 'dir'), { recursive: true });
  fs.renameSync(join(root, '.next'), join(root, 'dir'));
  await observed.untilSettled(join(root, 'dir/a.yaml'), 'a2');
  await observed.until('b gone', (event) => event.kind === 'gone');
  replaceFile(join(root, 'dir/a.yaml'), 'a3');
  await observed.untilSettled(join(root, 'dir/a.yaml'), 'a3');
  assert.deepEqual(
    observed.events().filter(({ kind }) => kind === 'gone'),
    [{ kind: 'gone', path: join(root, 'dir/b.yaml'), evidence: 'absence' }],
  );
});

test('removed root: nothing is gone, and it is read when it exists again', async (t) => {
  const parent = makeFolder(t);
  const root = join(parent, 'trust');
  writeFiles(root, { 'a.yaml': 'a', 'sub/b.yaml': 'b' });
  const observed = await observeSynced(t, { roots: [root] });
  await observed.untilSettled(join(root, 'sub/b.yaml'), 'b');
  const from = observed.events().length;
  fs.rmSync(root, { recursive: true });
  await observed.until('failed', ({ kind }) => kind === 'failed');
  writeFiles(root, { 'a.yaml': 'a2' });
  await observed.until('recovered', ({ kind }) => kind === 'recovered');
  await observed.untilSettled(join(root, 'a.yaml'), 'a2');
  await observed.until('gone', (event) => event.kind === 'gone' && event.path === join(root, 'sub/b.yaml'));
  replaceFile(join(root, 'a.yaml'), 'a3');
  await observed.untilSettled(join(root, 'a.yaml'), 'a3');
  const reported = observed.events().slice(from);
  assert.deepEqual(reported[0], { kind: 'failed', path: root, reason: 'no such file or directory' });
  assert.equal(reported.filter(({ kind }) => kind === 'failed' || kind === 'recovered').length, 2);
});

test('root that is a link: follows the link when it is replaced', async (t) => {
  const parent = makeFolder(t);
  writeFiles(parent, { 'one/a.yaml': 'a1', 'one/b.yaml': 'b', 'two/a.yaml': 'a2' });
  const root = join(parent, 'current');
  fs.symlinkSync('one', root);
  const observed = await observeSynced(t, { roots: [root] });
  fs.symlinkSync('two', join(parent, 'next'));
  fs.renameSync(join(parent, 'next'), root);
  await observed.untilSettled(join(root, 'a.yaml'), 'a2');
  await observed.until('gone', (event) => event.kind === 'gone' && event.path === join(root, 'b.yaml'));
  replaceFile(join(parent, 'two/a.yaml'), 'a3');
  await observed.untilSettled(join(root, 'a.yaml'), 'a3');
});

const replacements: Readonly<Record<string, (current: string, next: string) => void>> = {
  'link to another directory': (current, next) => {
    fs.symlinkSync(next, `${current}.new`);
    fs.renameSync(`${current}.new`, current);
  },
  'other directory': (current, next) => {
    fs.renameSync(current, `${current}.before`);
    fs.renameSync(next, current);
  },
};

for (const [what, replace] of Object.entries(replacements))
  for (const place of ['trust', 'trust/inside'])
    test(`${what} in place of ${place}: the directories below it are read again and watched`, async (t) => {
      const parent = makeFolder(t);
      const next = join(parent, 'next');
      writeFiles(parent, { 'before/sub/deep/a.yaml': 'a', 'before/sub/deep/b.yaml': 'b' });
      writeFiles(next, { 'sub/deep/a.yaml': 'a2' });
      const root = join(parent, 'trust');
      const current = join(parent, place);
      if (current !== root) fs.mkdirSync(root);
      if (what.startsWith('link')) fs.symlinkSync(join(parent, 'before'), current);
      else fs.renameSync(join(parent, 'before'), current);
      const path = join(current, 'sub/deep/a.yaml');
      // The listing after this time would find the changes without notices of the new directories.
      const observed = await observeSynced(t, { roots: [root], rescanMs: 3_600_000 });
      await observed.untilSettled(path, 'a');
      replace(current, next);
      await observed.untilSettled(path, 'a2');
      await observed.until('b gone', (event) => event.kind === 'gone' && event.path.endsWith('deep/b.yaml'));
      replaceFile(path, 'a3');
      await observed.untilSettled(path, 'a3');
    });

const ways: Readonly<Record<string, (parent: string) => void>> = {
  'link on the way to the root': (parent) => {
    fs.symlinkSync('two', join(parent, 'next'));
    fs.renameSync(join(parent, 'next'), join(parent, 'current'));
  },
  'directory of the root': (parent) => {
    fs.renameSync(join(parent, 'one'), join(parent, 'before'));
    fs.renameSync(join(parent, 'two'), join(parent, 'one'));
  },
  'directory of the root, which is absent for a moment': (parent) => {
    fs.renameSync(join(parent, 'one'), join(parent, 'before'));
    setTimeout(() => fs.renameSync(join(parent, 'two'), join(parent, 'one')), 150);
  },
};

for (const [what, replace] of Object.entries(ways))
  for (const kind of ['directory', 'file'])
    test(`${what} is replaced, and the root is a ${kind}: the new one is read and watched`, async (t) => {
      const parent = makeFolder(t);
      writeFiles(parent, { 'one/trust/a.yaml': 'a', 'two/trust/a.yaml': 'a2', 'three/trust/a.yaml': 'a4' });
      fs.symlinkSync('one', join(parent, 'current'));
      const trust = join(parent, what.startsWith('link') ? 'current' : 'one', 'trust');
      const path = join(trust, 'a.yaml');
      const root = kind === 'file' ? path : trust;
      const observed = await observeSynced(t, { roots: [root], rescanMs: 3_600_000 });
      await observed.untilSettled(path, 'a');
      replace(parent);
      await observed.untilSettled(path, 'a2');
      replaceFile(path, 'a3');
      await observed.untilSettled(path, 'a3');
      // The names are still watched.
      const place = what.startsWith('link') ? 'two' : 'one';
      fs.renameSync(join(parent, place), join(parent, 'after'));
      fs.renameSync(join(parent, 'three'), join(parent, place));
      await observed.untilSettled(path, 'a4');
    });

test('file absent from another directory at the same path: the evidence is absence, not deletion', async (t) => {
  const parent = makeFolder(t);
  const root = join(parent, 'trust');
  writeFiles(parent, { 'trust/a.yaml': 'a', 'trust/b.yaml': 'b', 'next/b.yaml': 'b' });
  const observed = await observeSynced(t, { roots: [root] });
  const gone = async (name: string): Promise<SourceEvent | undefined> => {
    const path = join(root, name);
    await observed.until(`${name} gone`, (event) => event.kind === 'gone' && event.path === path);
    return observed.events().findLast((event) => event.kind === 'gone');
  };
  fs.renameSync(root, join(parent, 'before'));
  fs.renameSync(join(parent, 'next'), root);
  assert.deepEqual(await gone('a.yaml'), { kind: 'gone', path: join(root, 'a.yaml'), evidence: 'absence' });
  // A file that exists in both directories belongs to the new one from now on.
  fs.rmSync(join(root, 'b.yaml'));
  assert.deepEqual(await gone('b.yaml'), { kind: 'gone', path: join(root, 'b.yaml'), evidence: 'deletion' });
});
