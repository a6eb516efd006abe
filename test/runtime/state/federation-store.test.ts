import assert from 'node:assert/strict';
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openFederationStore } from '../../../src/runtime/state/federation-store.ts';
import type { StoredBundle } from '../../../src/trust/federation/stored-bundle.ts';
import type { TrustDomain } from '../../../src/trust/model/mesh-trust.ts';
import { bundleDocument } from '../../kit/bundle-endpoint.ts';
import { makeCa } from '../../kit/certificates.ts';
import { recordSyncs, stateOf } from '../../kit/directory-syncs.ts';
import { createFakeClock } from '../../kit/fake-clock.ts';
import { readDocument } from '../../kit/federation.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';

const ca = makeCa();

function bundleOf(mesh: string, trustDomain: string, sequence = 1): StoredBundle {
  return {
    mesh,
    trustDomain: trustDomain as TrustDomain,
    url: 'https://peer.test/',
    etag: '"1"',
    fetchedAt: 1,
    bootstrapDigest: undefined,
    document: readDocument(bundleDocument([ca], { sequence, refreshHint: 60 })),
  };
}

async function open(path: string) {
  const errors: string[] = [];
  const clock = createFakeClock();
  const store = await openFederationStore(path, (message) => errors.push(message), clock);
  return { store, errors, clock };
}

test('bundles: are read back after a restart, the newest of each relationship', async () => {
  await using dir = await makeTempDir();
  const { store } = await open(dir.path);
  store.save(bundleOf('default', 'a.test'));
  store.save(bundleOf('default', 'b.test'));
  await store.flush();
  store.save(bundleOf('default', 'a.test', 2));
  store.save(bundleOf('default', 'a.test', 3));
  store.remove('default/b.test');
  await store.flush();
  assert.deepEqual(await readdir(dir.join('federation')), ['default--a.test.json']);
  const { store: again, errors } = await open(dir.path);
  assert.deepEqual([...again.stored], [['default/a.test', bundleOf('default', 'a.test', 3)]]);
  assert.deepEqual(errors, []);
});

test('directory of the bundles that is created: its name is on disk as well', async () => {
  await using dir = await makeTempDir();
  using syncs = await recordSyncs(dir.path);
  const { store } = await open(dir.path);
  const atStart = syncs.states.length;
  await rm(dir.join('federation'), { recursive: true });
  store.save(bundleOf('default', 'a.test'));
  await store.flush();
  assert.deepEqual([atStart > 0, syncs.states.length], [true, atStart + 1]);
});

test('changes that are written together: one sync of their directory', async () => {
  await using dir = await makeTempDir();
  const { store } = await open(dir.path);
  const names = Array.from({ length: 20 }, (_, at) => `${at}.test`);
  for (const name of names) store.save(bundleOf('default', name));
  await store.flush();
  using syncs = await recordSyncs(dir.join('federation'));
  for (const name of names) store.remove(`default/${name}`);
  store.save(bundleOf('default', 'new.test'));
  await store.flush();
  const after = stateOf(dir.join('federation'));
  assert.deepEqual([...after.keys()], ['default--new.test.json']);
  // The first change is written before the others are saved.
  assert.ok(syncs.states.length <= 2);
  assert.deepEqual(syncs.states.at(-1), after);
});

test('directory that cannot be synced: the removal is reported, and tried again after a minute', async () => {
  await using dir = await makeTempDir();
  const { store, errors, clock } = await open(dir.path);
  store.save(bundleOf('default', 'a.test'));
  await store.flush();
  using syncs = await recordSyncs(dir.join('federation'));
  syncs.fail('EIO');
  store.remove('default/a.test');
  await store.flush();
  assert.equal(errors.length, 1);
  syncs.fail(undefined);
  await store.flush();
  assert.deepEqual(syncs.states, [new Map()]);
  assert.equal(clock.pending(), 0);
});

test('callback for errors that throws an error: the other bundles are written, and so are later ones', async () => {
  await using dir = await makeTempDir();
  const throws = (): never => {
    throw new Error('a defect');
  };
  const store = await openFederationStore(dir.path, throws, createFakeClock());
  // A directory in place of the file.
  const path = dir.join('federation/default--a.test.json');
  await mkdir(join(path, 'x'), { recursive: true });
  for (const name of ['a', 'b', 'c']) store.save(bundleOf('default', `${name}.test`));
  await store.flush();
  const files = (await readdir(dir.join('federation'))).filter((name) => !name.endsWith('.new'));
  assert.deepEqual(files, ['default--a.test.json', 'default--b.test.json', 'default--c.test.json']);
  await rm(path, { recursive: true });
  store.save(bundleOf('default', 'a.test'));
  await store.flush();
  assert.deepEqual(
    [...(await open(dir.path)).store.stored.keys()],
    ['default/a.test', 'default/b.test', 'default/c.test'],
  );
});

test('the directory is missing for a moment: bundles and removals are written once it is back', async () => {
  await using dir = await makeTempDir();
  const path = dir.join('state');
  const { store, errors, clock } = await open(path);
  for (const name of ['a', 'b']) store.save(bundleOf('default', `${name}.test`));
  await store.flush();
  await rename(path, `${path}.away`);
  store.save(bundleOf('default', 'a.test', 2));
  store.remove('default/b.test');
  while (errors.length < 2 || clock.pending() === 0) await new Promise((resolve) => setImmediate(resolve));
  await rename(`${path}.away`, path);
  clock.advance(60_000);
  await store.flush();
  assert.equal(errors.length, 2);
  assert.equal(clock.pending(), 0);
  const { store: again } = await open(path);
  assert.deepEqual([...again.stored], [['default/a.test', bundleOf('default', 'a.test', 2)]]);
});

test('the folder of bundles is removed while the server runs: later bundles are kept', async () => {
  await using dir = await makeTempDir();
  const { store, errors } = await open(dir.path);
  store.save(bundleOf('default', 'a.test'));
  await store.flush();
  await rm(dir.join('federation'), { recursive: true });
  store.save(bundleOf('default', 'a.test', 2));
  await store.flush();
  const { store: again } = await open(dir.path);
  assert.deepEqual([...again.stored], [['default/a.test', bundleOf('default', 'a.test', 2)]]);
  assert.deepEqual(errors, []);
});

test('names that would be one file name: are kept apart', async () => {
  await using dir = await makeTempDir();
  const { store } = await open(dir.path);
  const names = [
    ['a--b', 'c'],
    ['a', 'b--c'],
    ['m', 'x'.repeat(253)],
  ] as const;
  for (const [mesh, trustDomain] of names) store.save(bundleOf(mesh, trustDomain));
  await store.flush();
  const { store: again } = await open(dir.path);
  assert.deepEqual([...again.stored.keys()].sort(), names.map((parts) => parts.join('/')).sort());
});

test('a file that was changed by others: is not used', async () => {
  await using dir = await makeTempDir();
  const { store } = await open(dir.path);
  store.save(bundleOf('default', 'a.test'));
  await store.flush();
  const path = join(dir.join('federation'), 'default--a.test.json');
  await writeFile(path, (await readFile(path, 'utf8')).replace('peer.test', 'evil.test'));
  const { store: again, errors } = await open(dir.path);
  assert.equal(again.stored.size, 0);
  assert.match(errors[0] ?? '', /default--a\.test\.json cannot be read back$/);
});
