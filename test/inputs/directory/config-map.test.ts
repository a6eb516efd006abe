import assert from 'node:assert/strict';
import fs from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { makeFolder, observeSynced } from './observe.ts';

/**
 * Publishes files like the kubelet publishes a ConfigMap: all of them by the rename of one link. Yields after each
 * step, so that the source can read the directory in between.
 */
async function publish(
  root: string,
  version: string,
  files: Readonly<Record<string, string>>,
): Promise<void> {
  const stamp = `..2026_11_23_06_00_00.${version}`;
  const before = fs.readdirSync(root).filter((name) => name.startsWith('..2026'));
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(dirname(join(root, stamp, name)), { recursive: true });
    fs.writeFileSync(join(root, stamp, name), text);
  }
  await nextTurn();
  fs.symlinkSync(stamp, join(root, '..data_tmp'));
  await nextTurn();
  fs.renameSync(join(root, '..data_tmp'), join(root, '..data'));
  await nextTurn();
  const visible = new Set(Object.keys(files).map((name) => name.split('/', 1)[0] ?? name));
  const links = new Set(fs.readdirSync(root).filter((name) => !name.startsWith('..')));
  for (const name of visible.difference(links)) {
    fs.symlinkSync(join('..data', name), join(root, name));
    await nextTurn();
  }
  for (const name of links.difference(visible)) {
    fs.rmSync(join(root, name));
    await nextTurn();
  }
  for (const name of before) fs.rmSync(join(root, name), { recursive: true });
}

test('mounted ConfigMap: is read by its visible links only', async (t) => {
  const root = makeFolder(t);
  await publish(root, '1', { 'a.yaml': 'a1', 'sub/b.yaml': 'b1' });
  const { events } = await observeSynced(t, { roots: [root] });
  const paths = events().flatMap((event) => ('path' in event ? [event.path] : []));
  assert.deepEqual(paths.sort(), [join(root, 'a.yaml'), join(root, 'sub/b.yaml')]);
});

test('swap of a ConfigMap: is one batch, settled at once', async (t) => {
  const root = makeFolder(t);
  const texts = (version: number): Record<string, string> => ({
    ...Object.fromEntries(
      Array.from({ length: 50 }, (_, index) => [`${index}.yaml`, `${index} of ${version}`]),
    ),
    'sub/deep/b.yaml': `b of ${version}`,
  });
  await publish(root, '0', texts(0));
  const observed = await observeSynced(t, { roots: [root] });
  for (const [name, text] of Object.entries(texts(0))) await observed.untilSettled(join(root, name), text);
  for (let version = 1; version <= 5; version += 1) {
    const from = observed.batches.length;
    await publish(root, `${version}`, texts(version));
    for (const [name, text] of Object.entries(texts(version)))
      await observed.untilSettled(join(root, name), text);
    const published = observed.batches.slice(from);
    assert.equal(published.length, 1);
    assert.equal(published[0]?.length, 51);
  }
});

test('files that a swap adds or removes: are reported', async (t) => {
  const root = makeFolder(t);
  await publish(root, '1', { 'a.yaml': 'a1', 'old.yaml': 'old', 'olddir/b.yaml': 'b' });
  const observed = await observeSynced(t, { roots: [root] });
  await publish(root, '2', { 'a.yaml': 'a2', 'new.yaml': 'new', 'newdir/b.yaml': 'b' });
  await observed.untilSettled(join(root, 'a.yaml'), 'a2');
  await observed.untilSettled(join(root, 'new.yaml'), 'new');
  await observed.untilSettled(join(root, 'newdir/b.yaml'), 'b');
  const gone = (name: string): Promise<unknown> =>
    observed.until(`${name} gone`, (event) => event.kind === 'gone' && event.path === join(root, name));
  await Promise.all([gone('old.yaml'), gone('olddir/b.yaml')]);
  assert.deepEqual(
    observed.events().filter(({ kind }) => kind === 'unreadable' || kind === 'failed'),
    [],
  );
});

test('deleted directory with the links of a ConfigMap: its files are gone', async (t) => {
  const root = makeFolder(t);
  const team = join(root, 'team');
  fs.mkdirSync(team);
  await publish(team, '1', { 'a.yaml': 'a1', 'sub/b.yaml': 'b1' });
  const observed = await observeSynced(t, { roots: [root] });
  await observed.untilSettled(join(team, 'a.yaml'), 'a1');
  await observed.untilSettled(join(team, 'sub/b.yaml'), 'b1');
  fs.rmSync(team, { recursive: true });
  for (const name of ['a.yaml', 'sub/b.yaml'])
    await observed.until(`${name} gone`, (event) => event.kind === 'gone' && event.path === join(team, name));
});

test('root that is one file of a ConfigMap: follows the swap', async (t) => {
  const root = makeFolder(t);
  await publish(root, '1', { 'a.yaml': 'a1' });
  const observed = await observeSynced(t, { roots: [join(root, 'a.yaml')] });
  await publish(root, '2', { 'a.yaml': 'a2' });
  await observed.untilSettled(join(root, 'a.yaml'), 'a2');
});
