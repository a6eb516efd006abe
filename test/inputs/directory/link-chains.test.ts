import assert from 'node:assert/strict';
import fs from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';

import { systemIo } from '../../../src/inputs/directory/io.ts';
import type { DirectoryIo } from '../../../src/inputs/directory/io.ts';
import { resolveLinks } from '../../../src/inputs/directory/links.ts';
import { makeFolder, observeSynced, replaceFile, writeFiles } from './observe.ts';

/** No listing of everything happens within a test: only a notice can find a change. */
const rescanMs = 3_600_000;

/** Replaces a link by a rename, as deployments do. */
function swap(path: string, target: string): void {
  fs.symlinkSync(target, `${path}.tmp`);
  fs.renameSync(`${path}.tmp`, path);
}

/** Creates a release with two versions, `current` of which is a link to the first one, and an empty root beside it. */
function makeReleases(t: TestContext): { parent: string; root: string; current: string } {
  const parent = makeFolder(t);
  writeFiles(parent, {
    'trust/other.yaml': 'other',
    'b/v1/a.yaml': 'a1',
    'b/v1/sub/s.yaml': 's1',
    'b/v2/a.yaml': 'a2',
    'b/v2/sub/s.yaml': 's2',
    'b/v4/a.yaml': 'a4',
    'b/v4/sub/s.yaml': 's4',
  });
  const current = join(parent, 'b/current');
  fs.symlinkSync('v1', current);
  return { parent, root: join(parent, 'trust'), current };
}

for (const [kind, targetOf] of [
  ['relative', () => '../b/current/a.yaml'],
  ['absolute', (parent: string) => join(parent, 'b/current/a.yaml')],
  ['with a way back', () => '../b/current/sub/../../current/a.yaml'],
] as const)
  test(`link to a file behind another link (${kind}): a swap of the other link is found at once`, async (t) => {
    const { parent, root, current } = makeReleases(t);
    const path = join(root, 'a.yaml');
    fs.symlinkSync(targetOf(parent), path);
    const observed = await observeSynced(t, { roots: [root], rescanMs });
    await observed.untilSettled(path, 'a1');
    swap(current, 'v2');
    await observed.untilSettled(path, 'a2');
    replaceFile(join(parent, 'b/v2/a.yaml'), 'a3');
    await observed.untilSettled(path, 'a3');
    swap(current, 'v4');
    await observed.untilSettled(path, 'a4');
  });

test('link to a directory behind another link: a swap of the other link is found at once', async (t) => {
  const { parent, root, current } = makeReleases(t);
  const link = join(root, 'share');
  fs.symlinkSync(join(parent, 'b/current'), link);
  const observed = await observeSynced(t, { roots: [root], rescanMs });
  await observed.untilSettled(join(link, 'sub/s.yaml'), 's1');
  swap(current, 'v2');
  await observed.untilSettled(join(link, 'a.yaml'), 'a2');
  await observed.untilSettled(join(link, 'sub/s.yaml'), 's2');
  swap(current, 'v4');
  await observed.untilSettled(join(link, 'sub/s.yaml'), 's4');
});

for (const [kind, name] of [
  ['directory', 'b/current'],
  ['file', 'b/current/a.yaml'],
] as const)
  test(`root that is a link to a ${kind} behind another link: a swap of the other link is found at once`, async (t) => {
    const { parent, current } = makeReleases(t);
    const root = join(parent, kind === 'file' ? 'root.yaml' : 'root');
    const path = kind === 'file' ? root : join(root, 'a.yaml');
    fs.symlinkSync(name, root);
    const observed = await observeSynced(t, { roots: [root], rescanMs });
    await observed.untilSettled(path, 'a1');
    swap(current, 'v2');
    await observed.untilSettled(path, 'a2');
    swap(current, 'v4');
    await observed.untilSettled(path, 'a4');
  });

test('directory with the links that another one replaces: later writes below the new one are found at once', async (t) => {
  const { parent, root } = makeReleases(t);
  const path = join(root, 'a.yaml');
  fs.symlinkSync('../b/current/a.yaml', path);
  const observed = await observeSynced(t, { roots: [root], rescanMs });
  await observed.untilSettled(path, 'a1');
  writeFiles(parent, { 'next/v1/a.yaml': 'a5' });
  fs.symlinkSync('v1', join(parent, 'next/current'));
  fs.renameSync(join(parent, 'b'), join(parent, 'before'));
  fs.renameSync(join(parent, 'next'), join(parent, 'b'));
  await observed.untilSettled(path, 'a5');
  replaceFile(join(parent, 'b/v1/a.yaml'), 'a6');
  await observed.untilSettled(path, 'a6');
});

test('link to a file of a mounted ConfigMap elsewhere: a swap of its links is found at once', async (t) => {
  const parent = makeFolder(t);
  writeFiles(parent, { 'trust/other.yaml': 'other', 'map/..1/a.yaml': 'a1', 'map/..2/a.yaml': 'a2' });
  fs.symlinkSync('..1', join(parent, 'map/..data'));
  fs.symlinkSync('..data/a.yaml', join(parent, 'map/a.yaml'));
  const path = join(parent, 'trust/a.yaml');
  fs.symlinkSync('../map/a.yaml', path);
  const observed = await observeSynced(t, { roots: [join(parent, 'trust')], rescanMs });
  await observed.untilSettled(path, 'a1');
  swap(join(parent, 'map/..data'), '..2');
  await observed.untilSettled(path, 'a2');
});

test('other link that leads to a version that does not exist yet: is read once the version exists', async (t) => {
  const { parent, root, current } = makeReleases(t);
  const path = join(root, 'a.yaml');
  fs.symlinkSync('../b/current/a.yaml', path);
  const observed = await observeSynced(t, { roots: [root], rescanMs });
  await observed.untilSettled(path, 'a1');
  swap(current, 'v3');
  await observed.until('dangling', (event) => event.kind === 'unreadable' && event.path === path);
  // As an upload creates it: the directory first, and its file later.
  fs.mkdirSync(join(parent, 'b/v3'));
  replaceFile(join(parent, 'b/v3/a.yaml'), 'a3');
  await observed.untilSettled(path, 'a3');
});

test('many links behind one link: one watch for each directory', async (t) => {
  const { parent, root } = makeReleases(t);
  const names = Array.from({ length: 50 }, (_, at) => `${at}.yaml`);
  for (const name of names) {
    writeFiles(parent, { [`b/v1/${name}`]: name });
    fs.symlinkSync(`../b/current/${name}`, join(root, name));
  }
  const watched: string[] = [];
  const io: DirectoryIo = {
    ...systemIo,
    watch: (path, ...listeners) => {
      watched.push(path);
      return systemIo.watch(path, ...listeners);
    },
  };
  const observed = await observeSynced(t, { roots: [root], rescanMs, io });
  for (const name of names) await observed.untilSettled(join(root, name), name);
  // The two directories above the root are watched for its name, and for that of its directory.
  const directories = [dirname(parent), parent, root, join(parent, 'b'), join(parent, 'b/v1')];
  assert.deepEqual(watched.toSorted(), directories.toSorted());
});

test('links of a path: those that lead to it, and its end', async (t) => {
  const parent = makeFolder(t);
  writeFiles(parent, { 'b/v1/a.yaml': 'a1' });
  const link = (name: string, target: string): void => fs.symlinkSync(target, join(parent, name));
  link('b/current', 'v1');
  link('direct', 'b/v1/a.yaml');
  link('chain', 'b/current/a.yaml');
  link('chains', './/chain');
  link('twice', 'b/current/../current/a.yaml');
  link('dangling', 'b/v2/a.yaml');
  link('through-a-file', 'b/v1/a.yaml/x');
  link('loop', 'loop');
  const cases: Readonly<Record<string, { links: readonly string[]; end?: string }>> = {
    'b/v1/a.yaml': { links: [], end: 'b/v1/a.yaml' },
    '../x': { links: [], end: '../x' },
    direct: { links: ['direct'], end: 'b/v1/a.yaml' },
    chain: { links: ['chain', 'b/current'], end: 'b/v1/a.yaml' },
    chains: { links: ['chains', 'chain', 'b/current'], end: 'b/v1/a.yaml' },
    twice: { links: ['twice', 'b/current'], end: 'b/v1/a.yaml' },
    dangling: { links: ['dangling'], end: 'b/v2' },
    'through-a-file': { links: ['through-a-file'], end: 'b/v1/a.yaml/x' },
    loop: { links: ['loop'] },
  };
  for (const [name, { links, end }] of Object.entries(cases))
    assert.deepEqual(
      await resolveLinks(systemIo, parent, name),
      {
        links: links.map((one) => join(parent, one)),
        end: end === undefined ? undefined : join(parent, end),
      },
      name,
    );
});

for (const [length, isResolved] of [
  [40, true],
  [41, false],
] as const)
  test(`chain of ${length} links: ${isResolved ? 'is followed' : 'is longer than the system follows'}`, async (t) => {
    const parent = makeFolder(t);
    writeFiles(parent, { '0': '' });
    for (let at = 1; at <= length; at += 1) fs.symlinkSync(String(at - 1), join(parent, String(at)));
    const { links, end } = await resolveLinks(systemIo, parent, String(length));
    assert.equal(links.length, 40);
    assert.equal(end, isResolved ? join(parent, '0') : undefined);
    const opened = await systemIo.realpath(join(parent, String(length))).then(
      () => true,
      () => false,
    );
    assert.equal(opened, isResolved);
  });
