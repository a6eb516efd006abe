import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import type { MeshDetail } from '../../../src/api/api-types.ts';
import { encodeLastGood } from '../../../src/runtime/state/last-good-document.ts';
import { openStateDirectory } from '../../../src/runtime/state/state-key.ts';
import { currentShare } from '../../../src/trust/ledger/share.ts';
import { makeCa } from '../../kit/certificates.ts';
import { startChild } from '../../kit/child.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import type { Meshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { resourceOf } from '../../kit/resources.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { watchedDir } from '../../kit/watched-dir.ts';
import { foundCodes, served, untilServed } from './served.ts';

const names = ['A', 'B', 'C', 'D'] as const;
const cas = new Map(names.map((name) => [name, makeCa({ commonName: name })]));
const pemOf = (name: (typeof names)[number]): string => cas.get(name)?.certPem ?? assert.fail();
const trust = (name: (typeof names)[number]): string =>
  meshTrustYaml({ name: name.toLowerCase(), trustDomain: `${name.toLowerCase()}.test`, pems: [pemOf(name)] });
const all = names.map((name) => `${name.toLowerCase()}.test: ${name}`);

async function fingerprintOf(
  server: Meshtrust,
  trustDomain: string,
): Promise<{ fingerprint: string; keyHash: string }> {
  const { body } = await server.admin('/api/v1/meshes/default');
  const { trustDomains } = JSON.parse(body) as MeshDetail;
  return trustDomains.find(({ name }) => name === trustDomain)?.anchors[0] ?? assert.fail();
}

const fingerprintOfPem = (pem: string): string =>
  new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase();

/** Waits until this number of state files is on disk, and recorded as complete. */
async function untilKept(state: string, files: number): Promise<void> {
  await poll('the state to be kept', async () => {
    const kept = await keptFiles(state).catch(() => []);
    const record = await readFile(join(state, 'complete.json'), 'utf8').catch(() => '');
    return kept.length === files && record.includes(`"files":${files},`) ? true : undefined;
  });
}

/** Returns the state files of a directory, without its key and its record. */
async function keptFiles(path: string): Promise<readonly string[]> {
  return (await readdir(path)).filter((name) => name !== 'key' && name !== 'complete.json');
}

suite('--state-dir', { concurrency: 2 }, () => {
  test('restart with a broken file: serves the saved trust, and is ready at once', async () => {
    await using dir = await makeTempDir();
    await using state = await makeTempDir();
    const files = watchedDir(dir.path);
    for (const name of names) await files.put(`${name}.yaml`, trust(name));
    const args = [`--state-dir=${state.path}`];
    {
      await using first = await startMeshtrust({ dirs: [dir.path], args });
      await untilServed(first, all);
      await untilKept(state.path, names.length);
      await first.stop('SIGKILL');
    }
    await files.overwrite('B.yaml', 'type: MeshTrust\nname: [');
    await using second = await startMeshtrust({ dirs: [dir.path], args });
    await untilServed(second, all);
    await poll('the broken file to be found', async () =>
      (await foundCodes(second)).includes('MT040') ? true : undefined,
    );
    assert.deepEqual(await served(second), all);
  });

  test('restart with an empty directory: the loss is held back', async () => {
    await using dir = await makeTempDir();
    await using state = await makeTempDir();
    const files = watchedDir(dir.path);
    for (const name of names) await files.put(`${name}.yaml`, trust(name));
    const args = [`--state-dir=${state.path}`];
    {
      await using first = await startMeshtrust({ dirs: [dir.path], args });
      await untilKept(state.path, names.length);
      await first.stop('SIGTERM');
    }
    for (const name of names) await files.remove(`${name}.yaml`);
    await using second = await startMeshtrust({ dirs: [dir.path], args });
    await poll('the loss to be held', async () =>
      (await foundCodes(second)).includes('MT042') ? true : undefined,
    );
    assert.deepEqual(await served(second), all);
    await second.stop('SIGTERM');
    assert.equal((await keptFiles(state.path)).length, names.length, 'a held loss is not written');
  });

  test('restart without the directory: serves the saved trust', async () => {
    await using dir = await makeTempDir();
    await using state = await makeTempDir();
    const args = [`--state-dir=${state.path}`];
    const trusted = dir.join('trust');
    await watchedDir(trusted).put('A.yaml', trust('A'));
    {
      await using first = await startMeshtrust({ dirs: [trusted], args });
      await untilKept(state.path, 1);
      await first.stop('SIGTERM');
    }
    await rm(trusted, { recursive: true });
    await using second = await startMeshtrust({ dirs: [trusted], args });
    await second.logged('the directory that is gone', ({ code }) => code === 'MT001');
    await untilServed(second, ['a.test: A']);
    assert.equal((await keptFiles(state.path)).length, 1);
  });

  const losses: Readonly<Record<string, (state: string, file: string) => Promise<void>>> = {
    'a damaged file': (state, file) => writeFile(join(state, file), 'damaged'),
    'a missing file': (state, file) => rm(join(state, file)),
    'a state of an earlier version, without a record': (state) => rm(join(state, 'complete.json')),
  };
  for (const [what, lose] of Object.entries(losses))
    test(`restart without the directory beside ${what}: waits, and serves everything once it is read`, async () => {
      await using dir = await makeTempDir();
      await using state = await makeTempDir();
      const args = [`--state-dir=${state.path}`];
      const trusted = dir.join('trust');
      const files = watchedDir(trusted);
      for (const name of names) await files.put(`${name}.yaml`, trust(name));
      {
        await using first = await startMeshtrust({ dirs: [trusted], args });
        await untilKept(state.path, names.length);
        await first.stop('SIGTERM');
      }
      const [file = ''] = (await keptFiles(state.path)).toSorted();
      await lose(state.path, file);
      await rename(trusted, `${trusted}.away`);
      await using second = await startMeshtrust({ dirs: [trusted], args, waitUntilReady: false });
      await second.logged(
        'the doubt about the state',
        ({ event, source }) => event === 'state-dir' && source === 'files',
      );
      await second.logged('the directory that is gone', ({ code }) => code === 'MT001');
      assert.equal((await second.admin('/readyz')).status, 503);
      assert.equal(await served(second), undefined);
      await rename(`${trusted}.away`, trusted);
      await untilServed(second, all);
      await untilKept(state.path, names.length);
    });

  test('saved state of a source that is no longer watched: is reported and not served', async () => {
    await using dir = await makeTempDir();
    await using state = await makeTempDir();
    await watchedDir(dir.path).put('A.yaml', trust('A'));
    const resource = resourceOf({ name: 'b', trustDomain: 'b.test', pems: [pemOf('B')] });
    const clean = currentShare(resource);
    const grants = [{ resource, settled: true, clean, shares: [clean] }];
    await writeFile(
      state.join('x.lastgood'),
      encodeLastGood(
        { source: 'kubernetes', path: 'kuma-system/b', grants },
        await openStateDirectory(state.path),
      ),
    );
    await using server = await startMeshtrust({ dirs: [dir.path], args: [`--state-dir=${state.path}`] });
    await server.logged(
      'what is left out',
      ({ event, source }) => event === 'state-dir' && source === 'kubernetes',
    );
    await untilServed(server, ['a.test: A']);
  });

  test('damaged state file: is reported and not served', async () => {
    await using dir = await makeTempDir();
    await using state = await makeTempDir();
    await watchedDir(dir.path).put('A.yaml', trust('A'));
    await writeFile(state.join('x.lastgood'), 'nonsense');
    await using server = await startMeshtrust({ dirs: [dir.path], args: [`--state-dir=${state.path}`] });
    await server.logged('the damaged file', ({ event }) => event === 'state-dir');
    await untilServed(server, ['a.test: A']);
  });
});

suite('--distrust', { concurrency: 2 }, () => {
  test('distrusted certificate or key: is removed at once, and stays removed while the list is broken', async () => {
    await using dir = await makeTempDir();
    await using lists = await makeTempDir();
    const files = watchedDir(dir.path);
    for (const name of names) await files.put(`${name}.yaml`, trust(name));
    const list = lists.join('distrust.txt');
    await writeFile(list, '# nothing yet\n');
    await using server = await startMeshtrust({ dirs: [dir.path], args: [`--distrust=${list}`] });
    await untilServed(server, all);
    const { fingerprint } = await fingerprintOf(server, 'a.test');
    const { keyHash } = await fingerprintOf(server, 'b.test');
    await writeFile(list, `${fingerprint}\n${keyHash}\n`);
    const left = ['a.test: ', 'b.test: ', 'c.test: C', 'd.test: D'];
    await untilServed(server, left);
    await writeFile(list, `${fingerprint}\nnonsense\n`);
    await server.logged('the refused list', ({ event }) => event === 'distrust-refused');
    assert.deepEqual(await served(server), left);
    await writeFile(list, '');
    await server.logged('the emptied list', ({ reason }) => reason === 'it is empty');
    const sound = `# so\n${fingerprint}\n${keyHash}\n`;
    for (let length = 1; length < sound.length; length += 9) {
      await writeFile(list, sound.slice(0, length));
      await writeFile(list, sound);
    }
    // The guard holds the loss back, but the CA is not served: distrust takes precedence.
    for (const name of names) await files.remove(`${name}.yaml`);
    await poll('the loss to be held', async () =>
      (await foundCodes(server)).includes('MT042') ? true : undefined,
    );
    assert.deepEqual(await served(server), left);
    // A line that is truncated within a hash matches that hash as a prefix, so entries are added for a moment.
    for (const { event, hashes } of server.logs())
      assert.ok(event !== 'distrust' || Number(hashes) >= 2, 'no hash was ever taken away');
    await writeFile(list, `${keyHash}\n`);
    await untilServed(server, ['a.test: A', ...left.slice(1)]);
  });

  test('invalid line at the start: an error names it, and the other lines apply', async () => {
    await using dir = await makeTempDir();
    await using lists = await makeTempDir();
    const files = watchedDir(dir.path);
    for (const name of ['A', 'B'] as const) await files.put(`${name}.yaml`, trust(name));
    await writeFile(lists.join('list'), `nonsense\n${fingerprintOfPem(pemOf('A'))}\n`);
    await using server = await startMeshtrust({
      dirs: [dir.path],
      args: [`--distrust=${lists.join('list')}`],
    });
    await untilServed(server, ['a.test: ', 'b.test: B']);
    const { line, file } = await server.logged('the bad line', ({ code }) => code === 'MT060');
    assert.deepEqual([file, line], [lists.join('list'), 1]);
  });

  test('list replaced by a named pipe: an error, all entries stay in force, and the server still exits', async () => {
    await using dir = await makeTempDir();
    await using lists = await makeTempDir();
    const files = watchedDir(dir.path);
    for (const name of ['A', 'B'] as const) await files.put(`${name}.yaml`, trust(name));
    const list = lists.join('list');
    await writeFile(list, `${fingerprintOfPem(pemOf('A'))}\n`);
    await using server = await startMeshtrust({ dirs: [dir.path], args: [`--distrust=${list}`] });
    await untilServed(server, ['a.test: ', 'b.test: B']);
    execFileSync('mkfifo', [lists.join('pipe')]);
    await rename(lists.join('pipe'), list);
    await server.logged(
      'the pipe',
      ({ code, msg }) => code === 'MT060' && /not a regular file/.test(String(msg)),
    );
    // Each of these changes makes the server read the list again: reads that block would use up all threads.
    for (let round = 0; round < 12; round += 1) await writeFile(lists.join('other'), String(round));
    await files.put('C.yaml', trust('C'));
    await untilServed(server, ['a.test: ', 'b.test: B', 'c.test: C']);
    assert.equal((await server.stop()).code, 0);
  });
});

suite('mass-loss guard of the program', { concurrency: 2 }, () => {
  test('mass loss: is held back until a command releases it', async () => {
    await using dir = await makeTempDir();
    await using state = await makeTempDir();
    const files = watchedDir(dir.path);
    for (const name of names) await files.put(`${name}.yaml`, trust(name));
    await using server = await startMeshtrust({ dirs: [dir.path], args: [`--state-dir=${state.path}`] });
    await untilServed(server, all);
    await untilKept(state.path, names.length);
    for (const name of names.slice(1)) await files.remove(`${name}.yaml`);
    await poll('the guard to trip', async () => {
      const tripped = await server.metric('meshtrust_guard_tripped');
      return [...tripped.values()].some((value) => value === 3) ? true : undefined;
    });
    assert.deepEqual(await served(server), all);
    assert.deepEqual([...(await server.metric('meshtrust_guard_tripped'))], [['mesh="default"', 3]]);
    assert.equal((await keptFiles(state.path)).length, names.length, 'a held loss is not written');
    const release = async (...more: readonly string[]) =>
      startChild(
        process.execPath,
        ['bin/meshtrust.js', 'guard', 'release', `--server=http://127.0.0.1:${server.adminPort}`, ...more],
        process.env,
      );
    for (const [args, count] of [
      [['--dry-run'], 3],
      [['--dry-run', '--trust-domain=b.test'], 1],
      [['--trust-domain=other.test'], 0],
    ] as const) {
      const nothing = await release(...args);
      assert.equal((await nothing.exit).code, 0);
      assert.equal(
        nothing
          .stdout()
          .trim()
          .split('\n')
          .filter((line) => line !== '').length,
        count,
      );
      assert.match(
        nothing.stderr(),
        count === 0
          ? /^the guard does not hold trust domain other\.test; it holds others$/m
          : /b\.test of mesh default: held at .* 0 proxies of the mesh will refuse its clients/,
      );
      assert.deepEqual(await served(server), all);
    }
    const command = await release();
    assert.equal((await command.exit).code, 0);
    assert.deepEqual(command.stdout().trim().split('\n').sort(), [
      'default b.test',
      'default c.test',
      'default d.test',
    ]);
    await untilServed(server, ['a.test: A']);
    assert.deepEqual([...(await server.metric('meshtrust_guard_tripped'))], [['mesh="default"', 0]]);
    await untilKept(state.path, 1);
  });

  test('mass loss: is applied after the hold', async () => {
    await using dir = await makeTempDir();
    const files = watchedDir(dir.path);
    for (const name of names) await files.put(`${name}.yaml`, trust(name));
    await using server = await startMeshtrust({ dirs: [dir.path], args: ['--guard-hold=1s'] });
    for (const name of names) await files.remove(`${name}.yaml`);
    await server.logged('the hold', ({ event }) => event === 'guard-held');
    await server.logged('its end', ({ event }) => event === 'guard-ended');
    await untilServed(server, []);
  });

  test('deletion of the only file of a mesh, or --guard-hold 0: is applied at once', async () => {
    await using dir = await makeTempDir();
    const files = watchedDir(dir.path);
    await files.put('A.yaml', trust('A'));
    await using server = await startMeshtrust({ dirs: [dir.path] });
    await untilServed(server, ['a.test: A']);
    await files.remove('A.yaml');
    await untilServed(server, [], 5000);
    await using open = await startMeshtrust({ dirs: [dir.path], args: ['--guard-hold=0'] });
    for (const name of names) await files.put(`${name}.yaml`, trust(name));
    await untilServed(open, all);
    await Promise.all(names.map((name) => rm(dir.join(`${name}.yaml`))));
    await untilServed(open, [], 5000);
  });
});
