import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, rename, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { promisify } from 'node:util';
import { secretTypeUrl } from '../../../src/trust/snapshot/publisher.ts';
import { makeCa } from '../../kit/certificates.ts';
import { decodeSecret } from '../../kit/decode-secret.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import type { Meshtrust } from '../../kit/meshtrust.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { watchedDir } from '../../kit/watched-dir.ts';
import { createClient } from '../../xds/client.ts';
import { untilServed } from './served.ts';

const ads = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const names = ['a', 'b', 'c'] as const;
const pems = new Map(names.map((name) => [name, makeCa({ commonName: name.toUpperCase() }).certPem]));
const trust = (name: (typeof names)[number]) =>
  meshTrustYaml({ name, trustDomain: `${name}.test`, pems: [pems.get(name) ?? ''] });
const whole = names.map(trust).join('---\n');
const pushesOf = (server: Meshtrust): number =>
  server.logs().filter(({ event }) => event === 'served').length;
const all = names.map((name) => `${name}.test: ${name.toUpperCase()}`);

suite('several directories', () => {
  test('one disappears for a while: all are merged, and nothing is removed', async () => {
    await using one = await makeTempDir();
    await using two = await makeTempDir();
    const [first, second] = [one.join('trust'), two.join('trust')];
    for (const dir of [first, second]) await mkdir(dir);
    const joined = (name: string, ca: (typeof names)[number]): string =>
      meshTrustYaml({ name, trustDomain: 'a.test', pems: [pems.get(ca) ?? ''] });
    await writeFile(`${first}/t.yaml`, joined('one', 'a'));
    await writeFile(`${second}/t.yaml`, joined('two', 'b'));
    await using server = await startMeshtrust({ dirs: [first, second], args: ['--guard-hold=0'] });
    await untilServed(server, ['a.test: A B']);
    await rename(second, `${second}.away`);
    await watchedDir(first).put('c.yaml', trust('c'));
    await untilServed(server, ['a.test: A B', 'c.test: C']);
    await rename(`${second}.away`, second);
    await rm(`${second}/t.yaml`);
    await untilServed(server, ['a.test: A', 'c.test: C']);
  });
});

suite('files that are being written', () => {
  test('cut off at any byte of a write: a connected proxy loses nothing', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('t.yaml'), whole);
    // Without the guard, which would hold most of what is lost.
    await using server = await startMeshtrust({ dirs: [dir.path], args: ['--guard-hold=0'] });
    using client = createClient(`127.0.0.1:${server.xdsPort}`);
    using stream = client.delta(ads);
    stream.send({ type_url: secretTypeUrl, resource_names_subscribe: ['ALL'], node: { id: 'n' } });
    const { nonce } = await stream.next();
    stream.send({ type_url: secretTypeUrl, response_nonce: nonce });
    for (let length = 0; length < whole.length; length += 37) {
      await truncate(dir.join('t.yaml'), 0);
      await writeFile(dir.join('t.yaml'), whole.slice(0, length));
      await writeFile(dir.join('t.yaml'), whole);
    }
    // The first response to the proxy is for a change made after all of them.
    await watchedDir(dir.path).put(
      'd.yaml',
      meshTrustYaml({ name: 'd', trustDomain: 'd.test', pems: [makeCa().certPem] }),
    );
    const { resources } = await stream.next();
    assert.deepEqual(
      resources.flatMap(({ resource }) =>
        decodeSecret(resource.value).trustDomains.map((domain) => domain.name),
      ),
      ['a.test', 'b.test', 'c.test', 'd.test'],
    );
    assert.equal(stream.received, 2);
  });

  test('partly written: new CAs are added at once, missing ones are not removed', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('t.yaml'), whole);
    // Without the guard, which would hold most of what is lost.
    await using server = await startMeshtrust({ dirs: [dir.path], args: ['--guard-hold=0'] });
    using client = createClient(`127.0.0.1:${server.xdsPort}`);
    using stream = client.delta(ads);
    stream.send({ type_url: secretTypeUrl, resource_names_subscribe: ['ALL'], node: { id: 'n' } });
    /** The trust domains of responses, until they have this one. */
    const untilSent = async (name: string): Promise<readonly string[]> => {
      for (;;) {
        const { nonce, resources } = await stream.next();
        stream.send({ type_url: secretTypeUrl, response_nonce: nonce });
        const sent = resources.flatMap(({ resource }) => decodeSecret(resource.value).trustDomains);
        if (sent.some((domain) => domain.name === name)) return sent.map((domain) => domain.name);
      }
    };
    await untilSent('c.test');
    for (const name of ['x1', 'x2', 'x3']) {
      const first = meshTrustYaml({ name, trustDomain: `${name}.test`, pems: [pems.get('a') ?? ''] });
      await writeFile(dir.join('t.yaml'), first);
      const sent = await untilSent(`${name}.test`);
      assert.deepEqual(
        ['a.test', 'b.test', 'c.test'].filter((known) => !sent.includes(known)),
        [],
        `lost while ${name} was being written`,
      );
      await writeFile(dir.join('t.yaml'), `${first}---\n${whole}`);
    }
  });

  test('mounted ConfigMap swaps them: are applied as one change', async () => {
    await using dir = await makeTempDir();
    const publish = async (version: string, contents: Readonly<Record<string, string>>): Promise<void> => {
      await mkdir(dir.join(`..${version}`));
      for (const [name, text] of Object.entries(contents))
        await writeFile(dir.join(`..${version}`, name), text);
      await symlink(`..${version}`, dir.join('..data_tmp'));
      await rename(dir.join('..data_tmp'), dir.join('..data'));
    };
    await publish('1', { 'a.yaml': trust('a'), 'b.yaml': trust('b') });
    for (const name of ['a', 'b']) await symlink(`..data/${name}.yaml`, dir.join(`${name}.yaml`));
    await using server = await startMeshtrust({ dirs: [dir.path] });
    await untilServed(server, all.slice(0, 2));
    await publish('2', { 'a.yaml': trust('b').replaceAll('name: b', 'name: x'), 'b.yaml': trust('c') });
    await rm(dir.join('..1'), { recursive: true });
    await untilServed(server, ['b.test: B', 'c.test: C']);
    assert.equal(pushesOf(server), 2);
  });

  test('burst of changes: few pushes', async () => {
    await using dir = await makeTempDir();
    const files = watchedDir(dir.path);
    await files.put('a.yaml', trust('a'));
    await using server = await startMeshtrust({ dirs: [dir.path] });
    await untilServed(server, all.slice(0, 1));
    const { certPem } = makeCa({ commonName: 'X' });
    const burst = Array.from({ length: 100 }, (_, index) => `d${String(index).padStart(3, '0')}`);
    const start = performance.now();
    await Promise.all(
      burst.map((name) =>
        files.put(`${name}.yaml`, meshTrustYaml({ name, trustDomain: `${name}.test`, pems: [certPem] })),
      ),
    );
    await untilServed(server, [...all.slice(0, 1), ...burst.map((name) => `${name}.test: X`)]);
    const pushes = pushesOf(server) - 1;
    const most = Math.ceil((performance.now() - start) / 50) + 1;
    assert.ok(pushes >= 1 && pushes <= most, `${pushes} pushes, at most ${most}`);
  });
});

suite('files in many places', () => {
  test('folders are added and moved away: their files follow', async () => {
    await using dir = await makeTempDir();
    await using elsewhere = await makeTempDir();
    const files = watchedDir(dir.path);
    await files.put('a.yaml', trust('a'));
    await using server = await startMeshtrust({ dirs: [dir.path], args: ['--guard-hold=0'] });
    await files.overwrite('new/deeper/b.yaml', trust('b'));
    await untilServed(server, all.slice(0, 2));
    await mkdir(elsewhere.join('c'));
    await writeFile(elsewhere.join('c', 'c.yaml'), trust('c'));
    await rename(elsewhere.join('c'), dir.join('c'));
    await untilServed(server, all);
    await rename(dir.join('new'), elsewhere.join('new'));
    await untilServed(server, ['a.test: A', 'c.test: C']);
  });

  test('git switches branches: no intermediate state is served', async () => {
    await using dir = await makeTempDir();
    const git = (...args: readonly string[]) =>
      promisify(execFile)('git', ['-C', dir.path, '-c', 'user.name=t', '-c', 'user.email=t@t.test', ...args]);
    const files = watchedDir(dir.path);
    await git('init', '--quiet', '--initial-branch=one');
    for (const name of names) await files.put(`${name}.yaml`, trust(name));
    await git('add', '.');
    await git('commit', '--quiet', '--message=one');
    await git('checkout', '--quiet', '-b', 'two');
    const renewed = makeCa({ commonName: 'B2' }).certPem;
    await files.put('b.yaml', meshTrustYaml({ name: 'b', trustDomain: 'b.test', pems: [renewed] }));
    await git('mv', 'c.yaml', 'moved.yaml');
    await git('add', '.');
    await git('commit', '--quiet', '--message=two');
    await using server = await startMeshtrust({ dirs: [dir.path] });
    using client = createClient(`127.0.0.1:${server.xdsPort}`);
    using stream = client.delta(ads);
    stream.send({ type_url: secretTypeUrl, resource_names_subscribe: ['ALL'], node: { id: 'n' } });
    /** Takes responses until one has this certificate; a trust domain that is missing in one is an error. */
    const untilSent = async (pem: string): Promise<void> => {
      for (let sent = false; !sent;) {
        const { nonce, resources } = await stream.next();
        stream.send({ type_url: secretTypeUrl, response_nonce: nonce });
        for (const { resource } of resources) {
          const { trustDomains } = decodeSecret(resource.value);
          assert.deepEqual(
            trustDomains.map(({ name }) => name),
            ['a.test', 'b.test', 'c.test'],
          );
          sent = trustDomains.some((domain) => domain.pem === pem);
        }
      }
    };
    await untilSent(renewed);
    await git('checkout', '--quiet', 'one');
    await untilSent(pems.get('b') ?? '');
    await untilServed(server, all);
    await git('checkout', '--quiet', 'two');
    await untilSent(renewed);
    await untilServed(server, ['a.test: A', 'b.test: B2', 'c.test: C']);
  });

  test('1,000 files are touched: no parsing and no push', async () => {
    await using dir = await makeTempDir();
    const files = watchedDir(dir.path);
    const thousand = Array.from({ length: 1000 }, (_, index) => `t${String(index).padStart(3, '0')}`);
    const pem = pems.get('a') ?? '';
    for (const name of thousand)
      await writeFile(dir.join(`${name}.yaml`), meshTrustYaml({ name, trustDomain: 'a.test', pems: [pem] }));
    await using server = await startMeshtrust({ dirs: [dir.path], args: ['--log-level=debug'] });
    await untilServed(server, ['a.test: A']);
    const lookUps = async (): Promise<number> => {
      const counts = await Promise.all(
        ['hits', 'misses'].map((what) => server.metric(`meshtrust_certificate_cache_${what}_total`)),
      );
      return counts
        .flatMap((samples) => [...samples])
        .reduce((sum, [key, value]) => (key.includes('texts') ? sum + value : sum), 0);
    };
    const before = await lookUps();
    assert.ok(before >= 1000);
    // Each round ends with a change that is seen, so that the first was dealt with by the end of the second.
    for (const name of ['b', 'c'] as const) {
      const now = new Date();
      for (const touched of thousand) await utimes(dir.join(`${touched}.yaml`), now, now);
      await files.put(`${name}.yaml`, trust(name));
      await untilServed(server, all.slice(0, name === 'b' ? 2 : 3));
    }
    assert.equal((await lookUps()) - before, 2, 'the two that are new');
    assert.equal(pushesOf(server), 3);
  });
});
