import assert from 'node:assert/strict';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import type { RotationDetail, RotationList } from '../../../src/api/rotation-api-types.ts';
import { secretTypeUrl } from '../../../src/trust/snapshot/publisher.ts';
import { fetchBundle } from '../../bundle-endpoint/fetch-bundle.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { freePort } from '../../kit/free-port.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { fingerprintOf } from '../../kit/resources.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { createClient } from '../../xds/client.ts';
import { run } from '../run.ts';
import type { Outcome } from '../run.ts';

const day = 86_400_000;
const a = makeCa({ commonName: 'A', notAfter: new Date(Date.now() + 400 * day) });
const b = makeCa({ commonName: 'B' });
const ads = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const longAgo = new Date(Date.now() - 10 * day).toISOString().replace(/\.\d+Z$/, 'Z');

/** A server that serves a file with the CA A, and a proxy that acknowledges only when the test makes it. */
async function scene(args: readonly string[] = []) {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await makeTempDir());
  const trust = stack.use(await makeTempDir());
  await writeFile(dir.join('a.pem'), a.certPem);
  await writeFile(dir.join('b.pem'), b.certPem);
  const file = trust.join('trust.yaml');
  await writeFile(file, meshTrustYaml({ name: 'zone', trustDomain: 'a.test', pems: [a.certPem] }));
  const server = stack.use(await startMeshtrust({ dirs: [trust.path], args }));
  const client = stack.use(createClient(`127.0.0.1:${server.xdsPort}`));
  const stream = stack.use(client.delta(ads));
  const acknowledge = async (): Promise<void> => {
    const { nonce } = await stream.next();
    stream.send({ type_url: secretTypeUrl, response_nonce: nonce });
  };
  const node = { id: 'proxy', metadata: { fields: { mesh: { stringValue: 'default' } } } };
  stream.send({ type_url: secretTypeUrl, resource_names_subscribe: ['ALL'], node });
  await acknowledge();
  const url = `--server=http://127.0.0.1:${server.adminPort}`;
  const rotate = (command: string, ...args: readonly string[]): Promise<Outcome> =>
    // The server has just started, so it does not know which proxies left before.
    run(['rotate', command, url, '--disconnect-window=0', '--clock-skew=0', ...args]);
  const owned = stack.move();
  return {
    dir,
    trust,
    file,
    server,
    rotate,
    acknowledge,
    certificates: ['--old', dir.join('a.pem'), '--new', dir.join('b.pem')],
    text: () => readFile(file, 'utf8'),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Asserts the exit code and returns what the command printed. */
async function expect(code: number, outcome: Promise<Outcome>): Promise<Outcome> {
  const found = await outcome;
  assert.equal(found.code, code, found.stderr + found.stdout);
  return found;
}

suite('meshtrust rotate', () => {
  test('a whole rotation of a file → each step waits for the proxy, and no step is possible before', async () => {
    await using it = await scene();
    const { file, rotate, acknowledge, certificates } = it;
    const before = await it.text();

    const plan = await expect(0, rotate('plan', ...certificates, '--leaf-ttl=24h', file, '-o', 'json'));
    assert.equal((JSON.parse(plan.stdout) as { next: { allowed: boolean } }).next.allowed, true);
    assert.equal(await it.text(), before);

    const printed = await expect(0, rotate('start', ...certificates, '--leaf-ttl=24h', file));
    assert.equal(await it.text(), before);
    await expect(0, rotate('start', ...certificates, '--leaf-ttl=24h', '--write', it.trust.path));
    // The two commands may have run in different seconds.
    const timeless = (text: string): string => text.replace(/(rotation-started-at: )"[^"]+"/, '$1');
    assert.equal(timeless(await it.text()), timeless(printed.stdout));
    assert.deepEqual(await readdir(it.trust.path), ['trust.yaml']);

    const behind = await expect(4, rotate('wait', '--for=introduced', '--timeout=4s'));
    assert.match(
      behind.stderr,
      /introducing: waiting for R20 proxies-behind: 0 of 1 connected proxies have version/,
    );
    const early = await expect(1, rotate('switched', file));
    assert.match(early.stderr, /^refused: R20 proxies-behind: /);
    assert.equal(early.stdout, '');
    await acknowledge();
    await expect(0, rotate('wait', '--for=introduced'));

    const unswitched = await expect(1, rotate('finish', file));
    assert.match(unswitched.stderr, /^refused: R40 not-switched: .*\nrefused: R41 leaves-may-live: .*\n$/);
    await expect(0, rotate('switched', '--write', file));
    const draining = await expect(0, rotate('status', file, '-o', 'json'));
    const status = JSON.parse(draining.stdout) as RotationDetail;
    assert.equal(status.state, 'draining');
    assert.deepEqual(
      status.gates.filter(({ open }) => !open).map(({ id, code }) => [id, code]),
      [['R41', 'leaves-may-live']],
    );
    assert.deepEqual(status.next, { command: 'meshtrust rotate finish', allowed: false });
    const valid = await expect(1, rotate('finish', '--write', file));
    assert.match(
      valid.stderr,
      /^refused: R41 leaves-may-live: a leaf that was issued before the switch may be valid for 2[34]h/,
    );

    await expect(0, rotate('back', '--write', file));
    const fresh = await expect(1, rotate('abort', '--write', file));
    assert.match(fresh.stderr, /^refused: R61 new-leaves-may-live: a leaf that the new CA issued before /);
    assert.match((await expect(0, rotate('status', file))).stdout, /^abort {5}not before \d{4}-/m);
    const invented = await expect(1, rotate('switched', `--at=${longAgo}`, '--write', file));
    assert.match(
      invented.stderr,
      /^refused: R44 switch-too-early: the issuer cannot have been switched at .*, because the issuer was switched back to the old CA at /,
    );
    const { stderr: shorter } = await expect(1, rotate('switched', '--leaf-ttl=1s', '--write', file));
    assert.match(
      shorter,
      /^refused: R45 leaf-ttl-shorter: 1s is less than the recorded lifetime of a leaf, 24h/,
    );
    await expect(0, rotate('switched', '--leaf-ttl=1s', '--force=R45', '--write', file));
    await expect(0, rotate('wait', '--for=removable'));
    await expect(0, rotate('finish', '--write', file));
    const finished = await it.text();
    assert.ok(!finished.includes(a.certPem.slice(100, 160)) && finished.includes('rotation-old'));
    await expect(4, rotate('wait', '--for=steady', '--timeout=1500ms'));
    await expect(1, rotate('finish', '--clean', file));
    await acknowledge();
    await expect(0, rotate('wait', '--for=steady'));
    await expect(0, rotate('finish', '--clean', '--write', file));
    assert.deepEqual(
      (await it.text())
        .match(/meshtrust\.io.*/g)
        ?.join(' ')
        .match(/rotation-\w+|R\d+/g),
      ['rotation-forced', 'R45'],
    );
  });

  test('the API of the server → the same rotation, with the gates of its next step', async () => {
    await using it = await scene();
    await expect(0, it.rotate('start', ...it.certificates, '--write', it.file));
    await it.acknowledge();
    await expect(0, it.rotate('wait', '--for=introduced'));
    const { status, body } = await it.server.admin('/api/v1/meshes/default/rotations');
    assert.equal(status, 200);
    const { rotations } = JSON.parse(body) as RotationList;
    const [rotation] = rotations;
    assert.equal(rotations.length, 1);
    assert.equal(rotation?.old, fingerprintOf(a.certPem));
    assert.equal(rotation.new, fingerprintOf(b.certPem));
    assert.equal(rotation.resource, 'default//zone');
    // The server has just started, and the command was told not to mind.
    assert.deepEqual(
      rotation.gates.filter(({ open }) => !open).map(({ id }) => id),
      ['R24'],
    );
    assert.equal(rotation.state, 'introducing');
    assert.equal((await it.server.admin('/api/v1/meshes/other/rotations')).status, 404);
    const states = await it.server.metric('meshtrust_rotation_state');
    assert.equal(states.size, 6);
    assert.deepEqual(
      [...states].filter(([, value]) => value === 1).map(([labels]) => /state="(\w+)"/.exec(labels)?.[1]),
      ['introducing'],
    );
    const [expiry] = (await it.server.metric('meshtrust_rotation_old_expiry_timestamp_seconds')).values();
    assert.equal(expiry, Math.floor(a.notAfter.getTime() / 1000));
    // Without the lifetime of a leaf, the end is not known.
    assert.equal((await it.server.metric('meshtrust_rotation_earliest_finish_timestamp_seconds')).size, 0);
    await expect(0, it.rotate('switched', '--leaf-ttl=1s', '--write', it.file));
    await expect(0, it.rotate('wait', '--for=removable'));
    const [finish] = (
      await it.server.metric('meshtrust_rotation_earliest_finish_timestamp_seconds')
    ).values();
    const after = await it.server.admin('/api/v1/meshes/default/rotations');
    const [switched] = (JSON.parse(after.body) as RotationList).rotations;
    assert.equal(finish, Date.parse(switched?.switchedAt ?? '') / 1000 + 1 + 300);
  });

  test('annotations alone → the version of the mesh is unchanged', async () => {
    await using it = await scene();
    const both = meshTrustYaml({ name: 'zone', trustDomain: 'a.test', pems: [a.certPem, b.certPem] });
    await writeFile(it.file, both);
    await it.acknowledge();
    const version = async (): Promise<string> =>
      (JSON.parse((await it.server.admin('/api/v1/meshes/default')).body) as { version: string }).version;
    const before = await version();
    const marks = `annotations:\n  meshtrust.io/rotation-old: ${fingerprintOf(a.certPem)}\n  meshtrust.io/rotation-new: ${fingerprintOf(b.certPem)}\n`;
    await writeFile(it.file, both.replace('mesh: default\n', `mesh: default\n${marks}`));
    await expect(0, it.rotate('wait', '--for=introduced'));
    assert.equal(await version(), before);
  });

  test('abort → the file as it was before the start', async () => {
    await using it = await scene();
    const before = await it.text();
    await expect(0, it.rotate('start', ...it.certificates, '--write', it.file));
    await it.acknowledge();
    await expect(0, it.rotate('wait', '--for=introduced'));
    await expect(0, it.rotate('abort', '--write', it.file));
    assert.equal(await it.text(), before);
  });

  test('a gate that is passed by force → is named, and the others stay', async () => {
    await using it = await scene();
    await expect(0, it.rotate('start', ...it.certificates, '--leaf-ttl=1h', '--write', it.file));
    const one = await expect(1, it.rotate('finish', '--force=R40', '--force=proxies-behind', it.file));
    assert.match(one.stderr, /^refused: R41 leaves-may-live: [^\n]*\n$/);
    const forced = await expect(0, it.rotate('switched', '--force=proxies-behind', '--write', it.file));
    assert.match(forced.stderr, /^passed by force: R20 proxies-behind: /);
    const status = await expect(0, it.rotate('status', it.file));
    assert.match(status.stdout, /^forced {4}\d{4}-[^ ]+Z: switched passed R20 proxies-behind$/m);
    await it.acknowledge();
    await expect(0, it.rotate('finish', '--force=leaves-may-live', '--write', it.file));
    const { rotations } = JSON.parse(
      (await it.server.admin('/api/v1/meshes/default/rotations')).body,
    ) as RotationList;
    const [first, ...others] = rotations.flatMap(({ forced: steps = [] }) => steps);
    assert.deepEqual([first?.command, first?.gates], ['switched', [{ id: 'R20', code: 'proxies-behind' }]]);
    assert.ok(others.length <= 1);
    await it.acknowledge();
    await expect(0, it.rotate('wait', '--for=steady'));
    await expect(0, it.rotate('finish', '--clean', '--write', it.file));
    // The record stays after the end.
    assert.match(
      await it.text(),
      /\n {2}meshtrust\.io\/rotation-forced: "\S+Z switched R20; \S+Z finish R41"\n/,
    );
    assert.ok(!(await it.text()).includes('rotation-old'));
  });

  test('a consumer of the bundle endpoint → the switch waits until it has both CAs', async () => {
    await using files = await makeTempDir();
    const { certPem, keyPem } = makeLeaf(a, { dnsNames: ['localhost'] });
    await writeFile(files.join('tls.crt'), certPem);
    await writeFile(files.join('tls.key'), keyPem);
    const bundles = `127.0.0.1:${await freePort()}`;
    await using it = await scene([
      `--bundle-listen=${bundles}`,
      `--bundle-cert=${files.join('tls.crt')}`,
      `--bundle-key=${files.join('tls.key')}`,
      '--bundle-serve=default/*',
      '--bundle-refresh-hint=60s',
    ]);
    const fetch = (tag?: string): ReturnType<typeof fetchBundle> =>
      fetchBundle(bundles, '/bundles/default/a.test', {
        ca: a.certPem,
        headers: tag === undefined ? {} : { 'If-None-Match': tag },
      });
    const consumers = async (): Promise<string> => {
      const { stdout } = await expect(0, it.rotate('status', '-o', 'json'));
      const { gates } = JSON.parse(stdout) as RotationDetail;
      const gate = gates.find(({ id }) => id === 'R30');
      assert.equal(gate?.open, false);
      return gate.detail;
    };
    await fetch();
    await expect(0, it.rotate('start', ...it.certificates, '--write', it.file));
    await it.acknowledge();
    await expect(4, it.rotate('wait', '--for=introduced', '--timeout=1s'));
    assert.match(await consumers(), /^1 consumer without a confirmed current bundle: 127\.0\.0\.1: behind$/);
    const { etag = '' } = (await fetch()).headers;
    assert.match(await consumers(), /^1 consumer without a confirmed current bundle: 127\.0\.0\.1: sent$/);
    assert.equal((await fetch(String(etag))).status, 304);
    // Other consumers, which the server has not seen, may read it within three intervals.
    assert.match(await consumers(), /^the bundle changed \d+s ago: other consumers may read it within [23]m/);
    await expect(1, it.rotate('switched', '--write', it.file));
    await expect(0, it.rotate('switched', '--consumer-window=0', it.file));
    await expect(0, it.rotate('switched', '--force=consumers-behind', '--write', it.file));
  });

  test('no server answers → exit code 3, and nothing is printed', async () => {
    await using it = await scene();
    await expect(0, it.rotate('start', ...it.certificates, '--write', it.file));
    await it.server.stop();
    for (const command of ['switched', 'finish', 'abort']) {
      const { stdout, stderr } = await expect(3, it.rotate(command, it.file));
      assert.equal(stdout, '');
      assert.match(stderr, /^refused: R01 server-unreachable: /);
    }
    await expect(3, it.rotate('status', it.file));
    await expect(3, it.rotate('wait', it.file));
  });

  test('wrong usage → exit code 2 and a sentence', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('b.pem'), b.certPem);
    for (const [args, sentence] of [
      [['start', '.'], /give both certificates/],
      [['start', '--old', dir.join('b.pem'), '--new', dir.join('no.pem'), '.'], /no\.pem cannot be read/],
      [['switched', '--at', 'yesterday', '.'], /Give a time such as/],
      [['finish', '--force', 'all', '.'], /Give the code or id of one gate/],
      [['finish', '--force', 'R10', '.'], /R10 old-not-listed cannot be passed by force/],
      [['finish', '--disconnect-window', '2h', '.'], /Give at most 1h/],
      [['start', '--leaf-ttl', '0', '.'], /Give a duration such as 24h/],
    ] as const) {
      const { code, stderr } = await run(['rotate', ...args]);
      assert.equal(code, 2, stderr);
      assert.match(stderr, sentence);
    }
  });
});
