import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';

import type { RotationDetail } from '../../../src/api/rotation-api-types.ts';
import { run } from '../../cli/run.ts';
import type { Outcome } from '../../cli/run.ts';
import {
  assertNothingRejected,
  binaries,
  eachEnvoy,
  skipWithoutEnvoys as skip,
  untilAll,
} from '../../kit/both-envoys.ts';
import { makeCa, makeIntermediate, makeLeaf } from '../../kit/certificates.ts';
import type { Certificate } from '../../kit/certificates.ts';
import { startEnvoy } from '../../kit/envoy.ts';
import { makeDomain } from '../../kit/domain.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { probeContinuously } from '../../kit/probe-continuously.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import type { ClientIdentity } from '../../kit/tls-client.ts';
import { startStage } from './stage.ts';

const longAgo = new Date(Date.now() - 86_400_000).toISOString().replace(/\.\d+Z$/, 'Z');
const day = 86_400_000;

/** How an issuer signs leaves: with the listed CA, or with an intermediate that clients send with their leaf. */
const issuers: Readonly<Record<string, (root: Certificate) => ClientIdentity>> = {
  'the CA signs leaves': (root) => makeLeaf(root, { spiffeId: 'spiffe://rotating.test/client' }),
  'an intermediate signs leaves': clientOfIntermediate,
};

function clientOfIntermediate(root: Certificate): ClientIdentity {
  const intermediate = makeIntermediate(root, { commonName: 'Issuing CA' });
  const leaf = makeLeaf(intermediate, { spiffeId: 'spiffe://rotating.test/client' });
  return { ...leaf, certPem: `${leaf.certPem}${intermediate.certPem}` };
}

async function expect(code: number, outcome: Promise<Outcome>): Promise<Outcome> {
  const found = await outcome;
  assert.equal(found.code, code, found.stderr + found.stdout);
  return found;
}

for (const [kind, clientOf] of Object.entries(issuers)) {
  test(
    `meshtrust rotate, ${kind}: no client of either CA is refused, and the old one is after the end`,
    { skip },
    async (t) => {
      const old = makeCa({ commonName: 'Old', notAfter: new Date(Date.now() + 100 * day) });
      const next = makeCa({ commonName: 'New' });
      const [oldClient, newClient] = [clientOf(old), clientOf(next)];
      const domain = makeDomain('rotating.test', old);
      const other = makeDomain('other.test');
      await using certificates = await makeTempDir();
      await writeFile(certificates.join('old.pem'), old.certPem);
      await writeFile(certificates.join('new.pem'), next.certPem);
      await using stage = await startStage({
        files: { 'rotating.yaml': domain.yaml(), 'other.yaml': other.yaml() },
      });
      await using replica = await startMeshtrust({ dirs: [stage.dir] });
      const servers = [stage.meshtrust, replica].map(
        ({ adminPort }) => `--server=http://127.0.0.1:${adminPort}`,
      );
      const rotate = (command: string, ...args: readonly string[]): Promise<Outcome> =>
        run([
          'rotate',
          command,
          ...servers,
          `--proxies=${stage.envoys.length}`,
          // The servers have just started.
          '--disconnect-window=0',
          ...args,
        ]);
      const wait = (state: string): Promise<Outcome> =>
        expect(0, rotate('wait', `--for=${state}`, '--timeout=30s'));
      const targets = (identity: ClientIdentity) =>
        stage.envoys.map(({ nodeId, port }) => ({ name: nodeId, port, identity }));

      await untilAll(stage.envoys, oldClient, 'accepted');
      await using always = probeContinuously(targets(other.client));
      await using leaving = probeContinuously(targets(oldClient));
      await expect(
        0,
        rotate(
          'start',
          `--old=${certificates.join('old.pem')}`,
          `--new=${certificates.join('new.pem')}`,
          '--leaf-ttl=1h',
          '--write',
          stage.dir,
        ),
      );
      await wait('introduced');
      await using coming = probeContinuously(targets(newClient));
      await coming.round();
      await expect(0, rotate('switched', `--at=${longAgo}`, '--write', stage.dir));
      await wait('removable');
      await leaving.round();
      assert.deepEqual((await leaving.stop()).refusals, []);

      await expect(0, rotate('finish', '--write', stage.dir));
      await wait('steady');
      await untilAll(stage.envoys, oldClient, 'refused');
      await expect(0, rotate('finish', '--clean', '--write', stage.dir));
      assert.deepEqual((await coming.stop()).refusals, []);
      assert.deepEqual((await always.stop()).refusals, []);
      assert.ok(!(await readFile(`${stage.dir}/rotating.yaml`, 'utf8')).includes('meshtrust.io'));
      await eachEnvoy(t, stage.envoys, async (envoy) => {
        await assertNothingRejected(envoy);
        // The first secret, one with both CA certificates, and one without the old one: annotations change nothing.
        assert.equal(await envoy.stat('sds.system_trust_bundle.update_success'), 3);
      });
    },
  );
}

test(
  'meshtrust rotate, a proxy that is lost and returns: the switch and the end wait for it',
  { skip },
  async () => {
    const old = makeCa({ commonName: 'Old', notAfter: new Date(Date.now() + 100 * day) });
    const domain = makeDomain('rotating.test', old);
    await using certificates = await makeTempDir();
    await writeFile(certificates.join('old.pem'), old.certPem);
    await writeFile(certificates.join('new.pem'), makeCa({ commonName: 'New' }).certPem);
    await using dir = await makeTempDir();
    await writeFile(dir.join('trust.yaml'), domain.yaml());
    await using server = await startMeshtrust({
      dirs: [dir.path],
      args: ['--keepalive=300ms', '--keepalive-timeout=300ms'],
    });
    const [newest] = binaries;
    assert.ok(newest !== undefined);
    await using envoy = await startEnvoy({
      path: newest.path,
      transport: 'delta-ads',
      xdsPort: server.xdsPort,
      nodeId: 'frozen',
    });
    const rotate = (command: string, ...args: readonly string[]): Promise<Outcome> => {
      const url = `--server=http://127.0.0.1:${server.adminPort}`;
      return run(['rotate', command, url, '--disconnect-window=0', '--proxies=0', ...args]);
    };
    const shut = async (): Promise<readonly string[]> => {
      const { stdout } = await expect(0, rotate('status', '-o', 'json'));
      const { gates } = JSON.parse(stdout) as RotationDetail;
      return gates.filter(({ open }) => !open).map(({ id }) => id);
    };
    process.kill(envoy.pid, 'SIGSTOP');
    try {
      const pair = [`--old=${certificates.join('old.pem')}`, `--new=${certificates.join('new.pem')}`];
      await expect(0, rotate('start', ...pair, '--leaf-ttl=1h', '--write', dir.path));
      await server.logged('the loss', ({ event }) => event === 'proxy-lost');
      assert.deepEqual(await shut(), ['R20']);
      const { stderr } = await expect(1, rotate('switched', dir.path));
      assert.match(
        stderr,
        /^refused: R20 proxies-behind: .* and 1 lost or reconnecting: waiting for frozen \(lost\)\n$/,
      );
      await expect(4, rotate('wait', '--for=introduced', '--timeout=1s'));
    } finally {
      process.kill(envoy.pid, 'SIGCONT');
    }
    await expect(0, rotate('wait', '--for=introduced', '--timeout=30s'));
    await expect(0, rotate('switched', `--at=${longAgo}`, '--write', dir.path));
    await expect(0, rotate('finish', '--write', dir.path));
    await expect(0, rotate('wait', '--for=steady', '--timeout=30s'));
  },
);

test(
  'meshtrust rotate, an access log of Envoy: finish is refused while clients of the old CA are seen',
  { skip },
  async () => {
    const old = makeCa({ commonName: 'Old', notAfter: new Date(Date.now() + 100 * day) });
    const next = makeCa({ commonName: 'New' });
    const domain = makeDomain('rotating.test', old);
    await using dir = await makeTempDir();
    await using trust = await makeTempDir();
    await writeFile(dir.join('old.pem'), old.certPem);
    await writeFile(dir.join('new.pem'), next.certPem);
    await writeFile(trust.join('trust.yaml'), domain.yaml());
    await using server = await startMeshtrust({ dirs: [trust.path] });
    const newest = binaries.find(({ version }) => version.startsWith('1.40'));
    assert.ok(newest !== undefined);
    const log = dir.join('access.log');
    await using envoy = await startEnvoy({
      path: newest.path,
      transport: 'delta-ads',
      xdsPort: server.xdsPort,
      accessLog: log,
    });
    const rotate = (command: string, ...args: readonly string[]): Promise<Outcome> => {
      const url = `--server=http://127.0.0.1:${server.adminPort}`;
      return run(['rotate', command, url, '--disconnect-window=0', ...args]);
    };
    const pair = [`--old=${dir.join('old.pem')}`, `--new=${dir.join('new.pem')}`];
    await expect(0, rotate('start', ...pair, '--leaf-ttl=1h', '--write', trust.path));
    await expect(0, rotate('wait', '--for=introduced', '--timeout=30s'));
    await untilAll([envoy], clientOfIntermediate(next), 'accepted');
    await untilAll([envoy], makeLeaf(old, { spiffeId: 'spiffe://rotating.test/client' }), 'accepted');
    await expect(0, rotate('switched', `--at=${longAgo}`, '--write', trust.path));

    // Envoy writes its log every ten seconds.
    const issuers = await poll(
      'the access log',
      async () => {
        const { code, stdout } = await run(['rotate', 'observe', log, '-o', 'json']);
        const seen = code === 0 ? (JSON.parse(stdout) as { issuers: { issuer: string }[] }).issuers : [];
        return seen.length === 2 ? seen.map(({ issuer }) => issuer) : undefined;
      },
      { timeoutMs: 30_000 },
    );
    // The issuer of the other client is its intermediate, which is not listed.
    assert.ok(issuers.includes(hash('sha256', old.der)));
    assert.ok(!issuers.includes(hash('sha256', next.der)));
    const { stderr } = await expect(1, rotate('finish', `--access-log=${log}`, trust.path));
    assert.match(stderr, /^refused: R42 old-issuer-seen: .* the issuer still signs with the old CA\n$/);
    await expect(1, rotate('wait', `--access-log=${log}`));
    await expect(0, rotate('finish', trust.path));
  },
);
