import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmod,
  chown,
  copyFile,
  mkdir,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { openStateDirectory, othersMay } from '../../../src/runtime/state/state-key.ts';
import { decodeLastGood, encodeLastGood } from '../../../src/runtime/state/last-good-document.ts';
import { createLastGoodStore } from '../../../src/runtime/state/last-good-store.ts';
import type { LastGoodStore } from '../../../src/runtime/state/last-good-store.ts';
import { stateKeyOf } from '../../../src/runtime/state/state-key.ts';
import { createLedger } from '../../../src/trust/ledger/ledger.ts';
import type { Grant } from '../../../src/trust/ledger/entry.ts';
import { lossWindow } from '../../../src/trust/ledger/guard.ts';
import { expiryFindings } from '../../../src/trust/snapshot/expiry.ts';
import { createMeshBuilder } from '../../../src/trust/snapshot/mesh-builder.ts';
import { noPolicy } from '../../kit/bundles.ts';
import { makeCa, makeCaPems } from '../../kit/certificates.ts';
import { recordSyncs, stateOf } from '../../kit/directory-syncs.ts';
import { createFakeClock } from '../../kit/fake-clock.ts';
import type { FakeClock } from '../../kit/fake-clock.ts';
import { inForce, makeLedger, version } from '../../kit/ledger.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import type { AnchorReader } from '../../../src/trust/x509/anchor-reader.ts';
import { reader } from '../../kit/resources.ts';
import { randomBytes } from '../../kit/seed.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import type { TempDir } from '../../kit/temp-dir.ts';

const [a, b, c] = makeCaPems('A', 'B', 'C');
const text = (pems: readonly string[]) => meshTrustYaml({ name: 'x', trustDomain: 'a.test', pems });

function grantsOf(...texts: readonly string[]): readonly Grant[] {
  const ledger = makeLedger();
  for (const [index, one] of texts.entries()) ledger.apply('files', [version('x.yaml', one)], index);
  return ledger.grantsOf('files', 'x.yaml');
}

function storeIn(
  directory: string,
  mayWrite = (): boolean => true,
  onWrite?: (result: string) => void,
  isRead = (): boolean => true,
): { readonly store: LastGoodStore; readonly errors: string[]; readonly clock: FakeClock } {
  const errors: string[] = [];
  const clock = createFakeClock();
  const onError = (message: string) => errors.push(message);
  const options = { directory, reader, clock, mayWrite, isRead, onError, onWrite };
  return { store: createLastGoodStore(options), errors, clock };
}

/** Resolves once the condition is true, after any number of turns of the event loop. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** Returns the state files of a directory, without its key and its record. */
async function keptFiles(path: string): Promise<readonly string[]> {
  return (await readdir(path)).filter((name) => name !== 'key' && name !== 'complete.json');
}

suite('last good store', () => {
  test('restart → restores the kept state, also retained certificates of damaged blocks', async () => {
    await using dir = await makeTempDir();
    const grants = grantsOf(text([a, b]), text([a.replace(/\n(.)/, '\n!'), b]));
    const { store } = storeIn(dir.path);
    await store.load();
    store.save({ source: 'files', path: 'x.yaml', grants });
    await store.flush();
    const [state] = await storeIn(dir.path).store.load();
    assert.equal(state?.path, 'x.yaml');
    const ledger = createLedger(['files'], { holdMs: 0 });
    ledger.apply('files', [{ kind: 'restored', path: state.path, grants: state.grants }], 0);
    assert.deepEqual(inForce(ledger), ['default/a.test: A B']);
  });

  test('a restart beside a broken file: findings name the same lines', async () => {
    await using dir = await makeTempDir();
    const expired = makeCa({ commonName: 'Old', notAfter: new Date(Date.now() - 1_000_000) }).certPem;
    const good = `# a comment\n${text([a, expired])}`;
    const { store } = storeIn(dir.path);
    await store.load();
    store.save({ source: 'files', path: 'x.yaml', grants: grantsOf(good) });
    await store.flush();
    const [state] = await storeIn(dir.path).store.load();
    const [running, restarted] = [makeLedger(), makeLedger()];
    running.apply('files', [version('x.yaml', good)], 0);
    restarted.apply('files', [{ kind: 'restored', path: 'x.yaml', grants: state?.grants ?? [] }], 0);
    const found = [running, restarted].map((ledger) => {
      ledger.apply('files', [version('x.yaml', `${good}  broken: [`)], 1);
      const bundle = createMeshBuilder(noPolicy)
        .build(ledger.view().holdings, Date.now())
        .get('default')?.bundle;
      const dates = bundle?.bundles.flatMap((one) => expiryFindings(one, Date.now())) ?? [];
      return [...ledger.view().findings, ...dates].map(({ code, file, line, path, block, resource }) => ({
        code,
        place: [file, line, path, block, resource],
      }));
    });
    assert.deepEqual(found[1], found[0]);
    const expiredAt = found[1]?.find(({ code }) => code === 'MT022')?.place;
    assert.deepEqual(expiredAt, ['x.yaml', 13, 'spec.caBundles[1].pem.value', 1, 'default//x']);
  });

  test('state without lines, as earlier versions wrote it → is read', async () => {
    const stateKey = stateKeyOf(randomBytes(32));
    const state = { source: 'files', path: 'x.yaml', grants: grantsOf(text([a, b])) };
    const [, body = ''] = encodeLastGood(state, stateKey).split('\n');
    const stored = JSON.parse(body) as {
      grants: { resource: object; shares: object[]; clean: object }[];
    };
    for (const grant of stored.grants) {
      Reflect.deleteProperty(grant.resource, 'place');
      for (const share of [grant.clean, ...grant.shares]) Reflect.deleteProperty(share, 'places');
    }
    const old = JSON.stringify(stored);
    const { grants } = decodeLastGood(`${stateKey.sign(old)}\n${old}\n`, reader, stateKey);
    assert.deepEqual(
      grants[0]?.shares[0]?.anchors.map(({ place }) => [place.file, place.line, place.block]),
      [
        ['x.yaml', undefined, 1],
        ['x.yaml', undefined, 2],
      ],
    );
  });

  test('restart with a damaged file → as without a restart', async () => {
    const damaged = text([a.replace(/\n(.)/, '\n!'), b]);
    const versions = [
      [text([a, b]), damaged],
      [damaged],
      [text([a]), text([b, a.replace(/\n(.)/, '\n!')]), text([b])],
    ];
    for (const before of versions) {
      await using dir = await makeTempDir();
      const grants = grantsOf(...before);
      const { store } = storeIn(dir.path);
      await store.load();
      store.save({ source: 'files', path: 'x.yaml', grants });
      await store.flush();
      const [state] = await storeIn(dir.path).store.load();
      const [running, restarted] = [makeLedger(0), makeLedger(0)];
      running.apply('files', [{ kind: 'restored', path: 'x.yaml', grants }], 0);
      restarted.apply('files', [{ kind: 'restored', path: 'x.yaml', grants: state?.grants ?? [] }], 0);
      for (const next of [damaged, text([c, a.replace(/\n(.)/, '\n!')]), text([c])]) {
        for (const ledger of [running, restarted]) ledger.apply('files', [version('x.yaml', next)], 1);
        assert.deepEqual(inForce(restarted), inForce(running));
      }
    }
  });

  test('write waits or fails → reports since when', async () => {
    await using dir = await makeTempDir();
    const { store, clock } = storeIn(dir.path);
    await store.load();
    assert.equal(store.behindMs(), 0);
    const state = { source: 'files', path: 'x.yaml', grants: grantsOf(text([a])) };
    store.save(state);
    clock.advance(100);
    store.save({ ...state, grants: grantsOf(text([b])) });
    clock.advance(100);
    assert.equal(store.behindMs(), 200);
    await store.flush();
    assert.equal(store.behindMs(), 0);

    await rename(dir.path, `${dir.path}.away`);
    store.save(state);
    await store.flush();
    clock.advance(300);
    assert.equal(store.behindMs(), 300, 'what could not be written is not kept');
    await rename(`${dir.path}.away`, dir.path);
    store.save(state);
    await store.flush();
    assert.equal(store.behindMs(), 0);
  });

  test('newer state of the path arrives during a write → still behind', async () => {
    await using dir = await makeTempDir();
    const { store, clock } = storeIn(dir.path);
    await store.load();
    const state = { source: 'files', path: 'x.yaml', grants: grantsOf(text([a])) };
    store.save(state);
    const written = store.flush();
    // Lets the write begin.
    await Promise.resolve();
    store.save({ ...state, grants: grantsOf(text([b])) });
    await written;
    clock.advance(100);
    assert.equal(store.behindMs(), 100);
    await store.flush();
    assert.equal(store.behindMs(), 0);
  });

  test('path without resources → its state is removed', async () => {
    await using dir = await makeTempDir();
    const { store } = storeIn(dir.path);
    await store.load();
    store.save({ source: 'files', path: 'x.yaml', grants: grantsOf(text([a])) });
    await store.flush();
    store.save({ source: 'files', path: 'x.yaml', grants: [] });
    await store.flush();
    assert.deepEqual(await storeIn(dir.path).store.load(), []);
  });

  test('damaged state file → left out, and reported', async () => {
    await using dir = await makeTempDir();
    const { store } = storeIn(dir.path);
    await store.load();
    store.save({ source: 'files', path: 'x.yaml', grants: grantsOf(text([a])) });
    await store.flush();
    const [file = ''] = await keptFiles(dir.path);
    const whole = await readFile(join(dir.path, file), 'utf8');
    for (const damaged of [whole.slice(0, -20), whole.replace('a.test', 'b.test'), '', 'x\n{}']) {
      await writeFile(join(dir.path, file), damaged);
      const again = storeIn(dir.path);
      assert.deepEqual(await again.store.load(), []);
      assert.equal(again.errors.length, 1);
    }
  });

  test('each write, also a failed one → reported', async () => {
    await using dir = await makeTempDir();
    const results: string[] = [];
    const { store, errors } = storeIn(dir.path, undefined, (result) => results.push(result));
    await store.load();
    const state = { source: 'files', path: 'x.yaml', grants: grantsOf(text([a])) };
    store.save(state);
    await store.flush();
    await rm(dir.path, { recursive: true });
    store.save(state);
    await store.flush();
    assert.deepEqual(results, ['ok', 'error']);
    assert.match(
      errors.join(),
      /^the last good state of x\.yaml cannot be kept: \/\S+: no such file or directory$/,
    );
  });

  test('many changes at once: one sync of the directory before the record, and one after it', async () => {
    await using dir = await makeTempDir();
    const { store } = storeIn(dir.path);
    await store.load();
    const paths = Array.from({ length: 40 }, (_, at) => `${at}.yaml`);
    const save = (path: string, pems: readonly string[]): void =>
      store.save({ source: 'files', path, grants: pems.length === 0 ? [] : grantsOf(text(pems)) });
    for (const path of paths) save(path, [a, b]);
    await store.flush();
    const before = stateOf(dir.path);
    using syncs = await recordSyncs(dir.path);
    for (const [at, path] of paths.entries()) save(path, at % 2 === 0 ? [a] : []);
    await store.flush();
    const after = stateOf(dir.path);
    assert.equal(after.size, 22, 'half of the states, the key and the record');
    const withOldRecord = new Map(after).set('complete.json', before.get('complete.json') ?? '');
    assert.notDeepEqual(withOldRecord, after);
    assert.deepEqual(syncs.states, [withOldRecord, after]);
  });

  for (const [removal, pems] of [
    ['a CA is removed', [a]],
    ['the resource is removed', []],
  ] as const)
    test(`${removal}, and the directory cannot be synced: is behind until a sync succeeds`, async () => {
      await using dir = await makeTempDir();
      const results: string[] = [];
      const { store, errors, clock } = storeIn(dir.path, undefined, (result) => results.push(result));
      await store.load();
      const state = { source: 'files', path: 'x.yaml', grants: grantsOf(text([a, b])) };
      store.save(state);
      await store.flush();
      results.length = 0;
      using syncs = await recordSyncs(dir.path);
      syncs.fail('EIO');
      store.save({ ...state, grants: pems.length === 0 ? [] : grantsOf(text(pems)) });
      clock.advance(60_000);
      await until(() => clock.pending() > 0);
      assert.deepEqual(results, ['error']);
      assert.deepEqual(errors, [
        `the last good state of x.yaml cannot be kept: the directory ${dir.path} cannot be synced: refused`,
      ]);
      assert.equal(store.behindMs(), 60_000);
      syncs.fail(undefined);
      clock.advance(60_000);
      await until(() => results.length > 1);
      assert.equal(store.behindMs(), 0);
      assert.equal(results.at(-1), 'ok');
      await store.flush();
      assert.deepEqual(syncs.states.at(-1), stateOf(dir.path));
    });

  const withoutB = { 'a CA is removed': [a], 'the resource is removed': [] };
  const outages: Readonly<Record<string, (path: string) => Promise<unknown>>> = {
    'is missing': () => Promise.resolve(),
    'is an empty one, as a mount point without its volume': (path) => mkdir(path),
    'is another state directory': (path) => openStateDirectory(path),
  };
  for (const [removal, pems] of Object.entries(withoutB))
    for (const [outage, replace] of Object.entries(outages))
      test(`${removal} while the directory ${outage}: is written once the directory is back`, async () => {
        await using dir = await makeTempDir();
        const path = dir.join('state');
        const results: string[] = [];
        const { store, clock, errors } = storeIn(path, undefined, (result) => results.push(result));
        await store.load();
        const state = { source: 'files', path: 'x.yaml', grants: grantsOf(text([a, b])) };
        store.save(state);
        await store.flush();
        results.length = 0;
        await rename(path, `${path}.away`);
        await replace(path);
        store.save({ ...state, grants: pems.length === 0 ? [] : grantsOf(text(pems)) });
        for (let attempt = 0; attempt < 5; attempt += 1) {
          clock.advance(60_000);
          await until(() => clock.pending() > 0);
        }
        assert.equal(results.length, 5);
        assert.ok(results.every((result) => result === 'error'));
        assert.equal(errors.length, 1, 'the same reason is reported once');
        assert.equal(store.behindMs(), 300_000);
        await rm(path, { recursive: true, force: true });
        await rename(`${path}.away`, path);
        clock.advance(60_000);
        await until(() => store.behindMs() === 0);
        assert.equal(results.at(-1), 'ok');
        const [restored] = await storeIn(path).store.load();
        const anchors = restored?.grants.flatMap(({ shares }) => shares.flatMap((share) => share.anchors));
        assert.equal(anchors?.length ?? 0, pems.length);
      });

  test('a write fails, and the path has a newer state before the next attempt: the newer state is written', async () => {
    await using dir = await makeTempDir();
    const { store, clock } = storeIn(dir.path);
    await store.load();
    const state = { source: 'files', path: 'x.yaml', grants: grantsOf(text([a])) };
    await rename(dir.path, `${dir.path}.away`);
    store.save(state);
    await store.flush();
    store.save({ ...state, grants: [] });
    await rename(`${dir.path}.away`, dir.path);
    clock.advance(60_000);
    await until(() => store.behindMs() === 0);
    assert.deepEqual(await storeIn(dir.path).store.load(), []);
  });

  test('callbacks that throw an error → the other states are written, and so are later ones', async () => {
    await using dir = await makeTempDir();
    const throws = (): never => {
      throw new Error('a defect');
    };
    const clock = createFakeClock();
    const store = createLastGoodStore({
      directory: dir.path,
      reader,
      clock,
      mayWrite: () => true,
      isRead: () => true,
      onError: throws,
      onWrite: throws,
    });
    await store.load();
    const grants = grantsOf(text([a]));
    const fileOf = (path: string): string =>
      dir.join(`${createHash('sha256').update(`files\0${path}`).digest('hex')}.lastgood`);
    // A directory in place of the file.
    await mkdir(join(fileOf('0.yaml'), 'x'), { recursive: true });
    const paths = Array.from({ length: 20 }, (_, at) => `${at}.yaml`);
    for (const path of paths) store.save({ source: 'files', path, grants });
    await store.flush();
    await rm(fileOf('0.yaml'), { recursive: true });
    const read = async (): Promise<readonly string[]> =>
      (await storeIn(dir.path).store.load()).map(({ path }) => path).sort();
    assert.deepEqual(await read(), paths.slice(1).sort());
    store.save({ source: 'files', path: '0.yaml', grants });
    await store.flush();
    assert.deepEqual(await read(), paths.toSorted());
    assert.equal(store.behindMs(), 0);
  });

  test('`mayWrite` that throws an error → asked again, and the state is written then', async () => {
    await using dir = await makeTempDir();
    let isBroken = true;
    const written = Promise.withResolvers<void>();
    const mayWrite = (): boolean => {
      if (isBroken) throw new Error('a defect');
      return true;
    };
    const { store, clock } = storeIn(dir.path, mayWrite, () => written.resolve());
    await store.load();
    store.save({ source: 'files', path: 'x.yaml', grants: grantsOf(text([a])) });
    clock.advance(lossWindow + 200);
    // After the attempt that the timer began.
    while (clock.pending() === 0) await new Promise((resolve) => setImmediate(resolve));
    isBroken = false;
    clock.advance(200);
    await written.promise;
    assert.equal((await keptFiles(dir.path)).length, 1);
  });

  const inPlace: Readonly<Record<string, (path: string, dir: TempDir) => unknown>> = {
    'a named pipe': (path) => execFileSync('mkfifo', [path]),
    'a link to a file of somebody else': (path, dir) => symlink(dir.join('theirs'), path),
    'a dangling link': (path, dir) => symlink(dir.join('nowhere'), path),
    'half a file that a crash left': (path) => writeFile(path, '{'),
    'a folder': (path) => mkdir(path),
  };
  for (const [what, put] of Object.entries(inPlace)) {
    test(`${what} in the place of its new file → replaced, not opened`, { timeout: 10_000 }, async () => {
      await using dir = await makeTempDir();
      await using others = await makeTempDir();
      await writeFile(others.join('theirs'), 'theirs');
      const { store, errors } = storeIn(dir.path);
      await store.load();
      const state = { source: 'files', path: 'x.yaml', grants: grantsOf(text([a])) };
      const name = `${createHash('sha256').update('files\0x.yaml').digest('hex')}.lastgood`;
      await put(dir.join(`${name}.new`), others);
      store.save(state);
      await store.flush();
      assert.deepEqual(errors, []);
      assert.deepEqual(await keptFiles(dir.path), [name]);
      assert.equal((await storeIn(dir.path).store.load()).length, 1);
      assert.deepEqual(await readdir(others.path), ['theirs']);
      assert.equal(await readFile(others.join('theirs'), 'utf8'), 'theirs');
    });
  }

  test('writing is not permitted yet → nothing is written', async () => {
    await using dir = await makeTempDir();
    let allowed = false;
    const { store } = storeIn(dir.path, () => allowed);
    await store.load();
    store.save({ source: 'files', path: 'x.yaml', grants: grantsOf(text([a])) });
    await store.flush();
    assert.deepEqual(await keptFiles(dir.path), []);
    allowed = true;
    await store.flush();
    assert.equal((await keptFiles(dir.path)).length, 1);
  });

  test('removal that may be part of a mass loss → nothing is forgotten yet', async () => {
    await using dir = await makeTempDir();
    let held = false;
    const { store, clock } = storeIn(dir.path, () => !held);
    await store.load();
    const [gone, kept] = ['gone.yaml', 'kept.yaml'] as const;
    for (const path of [gone, kept]) store.save({ source: 'files', path, grants: grantsOf(text([a])) });
    await store.flush();
    const files = async (): Promise<number> => (await keptFiles(dir.path)).length;
    store.save({ source: 'files', path: gone, grants: [] });
    clock.advance(lossWindow - 1);
    store.save({ source: 'files', path: kept, grants: [] });
    held = true;
    clock.advance(30_000);
    await store.flush();
    assert.equal(await files(), 2);
    held = false;
    await store.flush();
    assert.equal(await files(), 0);
    assert.equal(clock.pending(), 0);
  });

  test('state that lasts → is written without a request', async () => {
    await using dir = await makeTempDir();
    let asked = 0;
    const { store, clock } = storeIn(dir.path, () => ++asked === 1);
    await store.load();
    store.save({ source: 'files', path: 'x.yaml', grants: grantsOf(text([a])) });
    clock.advance(lossWindow);
    assert.equal(asked, 0);
    clock.advance(1000);
    // This waits for the write in progress, and its own write is rejected.
    await store.flush();
    assert.equal(asked, 2);
    assert.equal((await keptFiles(dir.path)).length, 1);
  });

  test('files → not readable by other users', async () => {
    await using dir = await makeTempDir();
    const { store } = storeIn(join(dir.path, 'state'));
    await store.load();
    store.save({ source: 'files', path: 'x.yaml', grants: grantsOf(text([a])) });
    await store.flush();
    const { mode } = await import('node:fs').then(({ promises }) => promises.stat(join(dir.path, 'state')));
    assert.equal(mode & 0o077, 0);
  });
});

suite('whether the state of a source is complete', () => {
  const paths = ['a.yaml', 'b.yaml'];
  const fileOf = (path: string): string =>
    `${createHash('sha256').update(`files\0${path}`).digest('hex')}.lastgood`;
  const saveAll = (store: LastGoodStore, pem = a): void => {
    for (const path of paths) store.save({ source: 'files', path, grants: grantsOf(text([pem])) });
  };
  /** Keeps two paths, as a server that has read its source. */
  const keepAll = async (path: string): Promise<void> => {
    const { store } = storeIn(path);
    await store.load();
    saveAll(store);
    await store.flush();
  };
  const sourcesOf = async (path: string): Promise<ReadonlyMap<string, boolean>> => {
    const { store } = storeIn(path);
    await store.load();
    return store.sources();
  };

  /** What happens to a complete state, and whether the next start may take it for complete. */
  const cases: Readonly<Record<string, readonly [(dir: TempDir) => Promise<unknown>, boolean | undefined]>> =
    {
      'nothing happens: it is complete': [() => Promise.resolve(), true],
      'a file is damaged: not complete': [(dir) => writeFile(dir.join(fileOf('a.yaml')), 'x'), false],
      'a file is missing: not complete': [(dir) => rm(dir.join(fileOf('a.yaml'))), false],
      'all files are missing: not complete': [
        (dir) => Promise.all(paths.map((path) => rm(dir.join(fileOf(path))))),
        false,
      ],
      'the record is missing, as in a state of an earlier version: not complete': [
        (dir) => rm(dir.join('complete.json')),
        false,
      ],
      'the record is damaged: not complete': [
        (dir) => writeFile(dir.join('complete.json'), 'x\n{}\n'),
        false,
      ],
      'the record is that of another directory: not complete': [
        async (dir) => {
          await using other = await makeTempDir();
          await keepAll(other.path);
          await copyFile(other.join('complete.json'), dir.join('complete.json'));
        },
        false,
      ],
      'another version changes a file and leaves the record: not complete': [
        async (dir) => {
          const record = await readFile(dir.join('complete.json'));
          const { store } = storeIn(dir.path);
          await store.load();
          saveAll(store, b);
          await store.flush();
          await writeFile(dir.join('complete.json'), record);
        },
        false,
      ],
      'a resource is added, changed and removed again: complete': [
        async (dir) => {
          const { store } = storeIn(dir.path);
          await store.load();
          const state = { source: 'files', path: 'c.yaml' };
          for (const pems of [[a], [b], []]) {
            store.save({ ...state, grants: pems.length === 0 ? [] : grantsOf(text(pems)) });
            await store.flush();
          }
        },
        true,
      ],
      'all resources are removed: nothing is kept of the source': [
        async (dir) => {
          const { store } = storeIn(dir.path);
          await store.load();
          for (const path of paths) store.save({ source: 'files', path, grants: [] });
          await store.flush();
        },
        undefined,
      ],
      'a changed state cannot be written, and another one is: not complete': [
        async (dir) => {
          const { store } = storeIn(dir.path);
          await store.load();
          await rm(dir.join(fileOf('a.yaml')));
          await mkdir(dir.join(fileOf('a.yaml'), 'x'), { recursive: true });
          saveAll(store, b);
          await store.flush();
        },
        false,
      ],
      'a state is written while a newer one of another path waits: not complete': [
        async (dir) => {
          const { store, clock } = storeIn(dir.path);
          await store.load();
          store.save({ source: 'files', path: 'a.yaml', grants: grantsOf(text([b])) });
          clock.advance(lossWindow);
          store.save({ source: 'files', path: 'b.yaml', grants: grantsOf(text([b])) });
          clock.advance(300);
          await until(() => clock.pending() > 0);
        },
        false,
      ],
    };
  for (const [name, [happens, expected]] of Object.entries(cases))
    test(name, async () => {
      await using dir = await makeTempDir();
      await keepAll(dir.path);
      await happens(dir);
      assert.equal((await sourcesOf(dir.path)).get('files'), expected);
    });

  test('files are written before the source was read completely: not complete until it is read', async () => {
    await using dir = await makeTempDir();
    let isRead = false;
    const { store, clock } = storeIn(dir.path, undefined, undefined, () => isRead);
    await store.load();
    saveAll(store);
    await store.flush();
    assert.deepEqual(await sourcesOf(dir.path), new Map([['files', false]]));
    isRead = true;
    store.recheck();
    clock.advance(lossWindow + 200);
    // Waits for the write in progress.
    await store.flush();
    assert.deepEqual(await sourcesOf(dir.path), new Map([['files', true]]));
    store.recheck();
    assert.equal(clock.pending(), 0, 'the record is current');
  });

  test('state of an earlier version, and the source is read without a change: is recorded as complete', async () => {
    await using dir = await makeTempDir();
    await keepAll(dir.path);
    await rm(dir.join('complete.json'));
    const { store, clock, errors } = storeIn(dir.path);
    assert.equal((await store.load()).length, 2);
    assert.deepEqual(store.sources(), new Map([['files', false]]));
    store.recheck();
    clock.advance(lossWindow + 200);
    await store.flush();
    assert.deepEqual(await sourcesOf(dir.path), new Map([['files', true]]));
    assert.deepEqual(errors, []);
  });

  test('a mass loss is held: nothing is recorded', async () => {
    await using dir = await makeTempDir();
    await keepAll(dir.path);
    await rm(dir.join('complete.json'));
    const { store } = storeIn(dir.path, () => false);
    await store.load();
    store.recheck();
    await store.flush();
    assert.deepEqual(await sourcesOf(dir.path), new Map([['files', false]]));
  });

  test('the record cannot be written: is reported and tried again', async () => {
    await using dir = await makeTempDir();
    const record = dir.join('complete.json');
    await mkdir(join(record, 'x'), { recursive: true });
    const { store, clock, errors } = storeIn(dir.path);
    await store.load();
    errors.length = 0;
    saveAll(store);
    clock.advance(lossWindow + 200);
    await until(() => errors.length > 0 && clock.pending() > 0);
    assert.match(errors.join(), /^the record of complete states cannot be kept: /);
    clock.advance(1000);
    assert.equal(store.behindMs(), 1000);
    await rm(record, { recursive: true });
    clock.advance(60_000);
    await until(() => store.behindMs() === 0);
    assert.deepEqual(await sourcesOf(dir.path), new Map([['files', true]]));
  });

  test('the record cannot be written, and the state returns to the recorded one: nothing is behind', async () => {
    await using dir = await makeTempDir();
    await keepAll(dir.path);
    const { store, errors } = storeIn(dir.path);
    await store.load();
    await mkdir(dir.join('away'));
    await rename(dir.join('complete.json'), dir.join('away/complete.json'));
    await mkdir(dir.join('complete.json/x'), { recursive: true });
    saveAll(store, b);
    await store.flush();
    assert.match(errors.join(), /record of complete states/);
    await rm(dir.join('complete.json'), { recursive: true });
    await rename(dir.join('away/complete.json'), dir.join('complete.json'));
    saveAll(store);
    await store.flush();
    assert.equal(store.behindMs(), 0);
    assert.deepEqual(await sourcesOf(dir.path), new Map([['files', true]]));
  });

  test('sources: each has its own record', async () => {
    await using dir = await makeTempDir();
    await keepAll(dir.path);
    const { store } = storeIn(dir.path);
    await store.load();
    store.save({ source: 'kubernetes', path: 'x', grants: grantsOf(text([a])) });
    await store.flush();
    await rm(dir.join(fileOf('a.yaml')));
    assert.deepEqual(
      await sourcesOf(dir.path),
      new Map([
        ['files', false],
        ['kubernetes', true],
      ]),
    );
  });
});

suite('state that this version accepts only in part', () => {
  const stateKey = stateKeyOf(randomBytes(32));
  const refusing = (subject: string): AnchorReader => ({
    ...reader,
    read: (pem) =>
      reader.read(pem).map((block) =>
        block.kind === 'anchor' && block.certificate.subject === subject
          ? {
              kind: 'refused',
              index: block.index,
              line: block.line,
              code: 'MT014',
              reason: 'it is no CA',
              malformed: false,
            }
          : block,
      ),
  });
  const two = `${text([a, b])}---\n${meshTrustYaml({ name: 'y', trustDomain: 'y.test', pems: [c] })}`;

  test('a certificate is no longer accepted: is left out and reported, and everything else is restored', () => {
    const stored = encodeLastGood({ source: 'files', path: 'x.yaml', grants: grantsOf(two) }, stateKey);
    const state = decodeLastGood(stored, refusing('CN=A'), stateKey);
    const ledger = makeLedger();
    ledger.apply('files', [{ kind: 'restored', path: 'x.yaml', grants: state.grants }], 0);
    assert.deepEqual(inForce(ledger), ['default/a.test: B', 'default/y.test: C']);
    assert.equal(state.isWhole, true, 'it would not be served from its source either');
    assert.deepEqual(state.refusals, [
      'default//x: spec.caBundles[0].pem.value, block 1 is no longer accepted: it is no CA',
    ]);
    const places = state.grants[0]?.shares[0]?.anchors.map(({ place }) => place.path);
    assert.deepEqual(places, ['spec.caBundles[1].pem.value'], 'the other certificate keeps its place');
  });

  test('the trust domain of a resource is no longer accepted: the other resources are restored, not complete', async () => {
    await using dir = await makeTempDir();
    const directoryKey = await openStateDirectory(dir.path);
    const [, body = ''] = encodeLastGood(
      { source: 'files', path: 'x.yaml', grants: grantsOf(two) },
      directoryKey,
    ).split('\n');
    const changed = body.replaceAll('"a.test"', '"A B"');
    await writeFile(dir.join('x.lastgood'), `${directoryKey.sign(changed)}\n${changed}\n`);
    const { store, errors } = storeIn(dir.path);
    const [state] = await store.load();
    assert.deepEqual(
      state?.grants.map(({ resource }) => resource.name),
      ['y'],
    );
    assert.match(
      errors.join(),
      /^a part of the last good state of x\.yaml is left out: default\/\/x: trust domain/,
    );
    assert.notEqual(store.sources().get('files'), true);
  });
});

suite('state directory', () => {
  const kept = async (path: string): Promise<string> => {
    const { store } = storeIn(path);
    await store.load();
    store.save({ source: 'files', path: 'x.yaml', grants: grantsOf(text([a])) });
    await store.flush();
    const [file = ''] = await keptFiles(path);
    return join(path, file);
  };

  test('start → created with its key, for this user only', async () => {
    await using dir = await makeTempDir();
    const path = dir.join('state');
    await kept(path);
    assert.equal((await stat(path)).mode & 0o777, 0o700);
    assert.equal((await stat(join(path, 'key'))).mode & 0o777, 0o600);
    assert.equal((await readFile(join(path, 'key'))).length, 32);
  });

  for (const mode of [0o777, 0o1777, 0o707, 0o772, 0o702]) {
    test(`others may write it (${mode.toString(8)}) → refused, and nothing is read`, async () => {
      await using dir = await makeTempDir();
      const path = dir.join('state');
      await kept(path);
      await chmod(path, mode);
      await assert.rejects(storeIn(path).store.load(), /can be written by others \(mode \d+\): chmod go-w/);
    });
  }

  for (const mode of [0o700, 0o750, 0o755]) {
    test(`others may only read it (${mode.toString(8)}) → used`, async () => {
      await using dir = await makeTempDir();
      const path = dir.join('state');
      await kept(path);
      await chmod(path, mode);
      assert.equal((await storeIn(path).store.load()).length, 1);
    });
  }

  for (const [permissions, group, others, because] of [
    [0o2770, 7, 0, 'the group is its own: what fsGroup makes of a volume'],
    [0o660, 7, 0, 'so is that of a key'],
    [0o770, 8, 0o070, 'another group'],
    [0o777, 7, 0o007, 'everybody'],
    [0o777, 8, 0o077, 'another group and everybody'],
    [0o700, 8, 0, 'nobody'],
  ] as const) {
    test(`what others may of mode ${permissions.toString(8)} and group ${group} for user 7: ${because}`, () => {
      assert.equal(othersMay({ mode: permissions, gid: group }, { uid: 7, gid: 7 }), others);
    });
  }

  test('group number differs from the user number → is another group, also if it is the group of the process', () => {
    assert.equal(othersMay({ mode: 0o770, gid: 20 }, { uid: 501, gid: 20 }), 0o070);
    assert.equal(othersMay({ mode: 0o770, gid: 7 }, { uid: 7, gid: 20 }), 0o070);
    assert.equal(othersMay({ mode: 0o770, gid: 7 }, { uid: undefined, gid: undefined }), 0o070);
  });

  test('empty key after a crash → created again and used', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('key'), '', { mode: 0o600 });
    await kept(dir.path);
    assert.equal((await readFile(dir.join('key'))).length, 32);
    assert.equal((await storeIn(dir.path).store.load()).length, 1);
  });

  test('crash at any moment while the key is created → the next start works', async () => {
    await using dir = await makeTempDir();
    const module = JSON.stringify(new URL('../../../src/runtime/state/state-key.ts', import.meta.url).href);
    // Ends the process at the given call of the file system.
    const crash = (call: number): string => `
      import fs from 'node:fs/promises';
      import { syncBuiltinESMExports } from 'node:module';
      let calls = 0;
      for (const name of ['mkdir', 'lstat', 'open', 'link', 'rename', 'rm', 'stat']) {
        const original = fs[name];
        fs[name] = async (...args) => {
          if (calls++ === ${call}) process.exit(9);
          const result = await original(...args);
          if (calls++ === ${call}) process.exit(9);
          return result;
        };
      }
      syncBuiltinESMExports();
      const { openStateDirectory } = await import(${module});
      await openStateDirectory(process.argv[1]);
    `;
    let code: number | null = 9;
    for (let call = 0; code === 9; call += 1) {
      assert.ok(call < 100);
      const path = dir.join(`state-${call}`);
      ({ status: code } = spawnSync(process.execPath, ['--input-type=module', '--eval', crash(call), path], {
        timeout: 20_000,
      }));
      await openStateDirectory(path);
    }
    assert.equal(code, 0);
  });

  test('several processes start at once → one key', async () => {
    await using dir = await makeTempDir();
    const keys = await Promise.all(Array.from({ length: 8 }, () => openStateDirectory(dir.join('state'))));
    assert.equal(new Set(keys.map((key) => key.sign('x'))).size, 1);
    assert.deepEqual(await readdir(dir.join('state')), ['key']);
  });

  const needsRoot = process.getuid?.() === 0 ? false : 'only root may give a file to another user';
  test('belongs to another user → refused', { skip: needsRoot }, async () => {
    await using dir = await makeTempDir();
    const path = dir.join('state');
    await kept(path);
    await chown(path, 12_345, 12_345);
    await assert.rejects(storeIn(path).store.load(), /state belongs to another user \(uid 12345\)/);
  });

  test('its key belongs to another user → refused', { skip: needsRoot }, async () => {
    await using dir = await makeTempDir();
    await kept(dir.path);
    await chown(dir.join('key'), 12_345, 0);
    await assert.rejects(storeIn(dir.path).store.load(), /key can be read or written by others/);
  });

  test('others may read its key → refused', async () => {
    await using dir = await makeTempDir();
    await kept(dir.path);
    await chmod(dir.join('key'), 0o604);
    await assert.rejects(storeIn(dir.path).store.load(), /key can be read or written by others/);
  });

  test('its key has another length, or is no file → refused', async () => {
    await using dir = await makeTempDir();
    await kept(dir.path);
    await writeFile(dir.join('key'), 'short');
    await assert.rejects(storeIn(dir.path).store.load(), /is not a key: it has 5 bytes/);
    await rm(dir.join('key'));
    await mkdir(dir.join('key'), { mode: 0o700 });
    await assert.rejects(storeIn(dir.path).store.load(), /is not a regular file/);
  });

  const forgeries: Readonly<Record<string, (body: string) => string>> = {
    'a checksum without a key': (body) => createHash('sha256').update(body).digest('hex'),
    'a checksum with another key': (body) => stateKeyOf(Buffer.alloc(32)).sign(body),
    'an empty checksum': () => '',
    'a short checksum': (body) => createHash('sha256').update(body).digest('hex').slice(0, 32),
  };
  for (const [what, sign] of Object.entries(forgeries)) {
    test(`a forged file with ${what} → left out, and reported`, async () => {
      await using dir = await makeTempDir();
      const file = await kept(dir.path);
      const [, body = ''] = (await readFile(file, 'utf8')).split('\n');
      await writeFile(file, `${sign(body)}\n${body}\n`);
      const { store, errors } = storeIn(dir.path);
      assert.deepEqual(await store.load(), []);
      assert.match(errors.join(), /its checksum does not match/);
    });
  }

  test('a file of another directory → left out', async () => {
    await using one = await makeTempDir();
    await using other = await makeTempDir();
    const file = await kept(one.path);
    await storeIn(other.path).store.load();
    await copyFile(file, other.join('x.lastgood'));
    assert.deepEqual(await storeIn(other.path).store.load(), []);
  });
});
