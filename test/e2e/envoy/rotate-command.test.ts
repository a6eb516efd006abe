import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';

import { run } from '../../cli/run.ts';
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
import {
  endOfOld,
  expectCode,
  makeOldCa,
  rotateWith,
  shortLeaves,
  shutGates,
  untilRotation,
} from '../../kit/rotate-commands.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import type { ClientIdentity } from '../../kit/tls-client.ts';
import { startStage } from './stage.ts';

/** How an issuer is set up, with the old CA and the one that replaces it. */
interface Style {
  readonly old: Certificate;
  readonly next: Certificate;
  /** Returns a client with a leaf of one of them. */
  readonly clientOf: (ca: Certificate) => ClientIdentity;
  /** Further arguments of the start. */
  readonly startArgs?: readonly string[];
}

const client = { spiffeId: 'spiffe://rotating.test/client' };
const leafOf = (ca: Certificate): ClientIdentity => makeLeaf(ca, client);

/** Returns a client that sends an intermediate with its leaf. */
function clientOfIntermediate(root: Certificate): ClientIdentity {
  const intermediate = makeIntermediate(root, { commonName: 'Issuing CA' });
  const leaf = makeLeaf(intermediate, client);
  return { ...leaf, certPem: `${leaf.certPem}${intermediate.certPem}` };
}

const styles: Readonly<Record<string, () => Style>> = {
  'the CA signs leaves': () => ({ old: makeOldCa(), next: makeCa({ commonName: 'New' }), clientOf: leafOf }),
  'an intermediate signs leaves': () => ({
    old: makeOldCa(),
    next: makeCa({ commonName: 'New' }),
    clientOf: clientOfIntermediate,
  }),
  'both CAs have one name': () => ({
    old: makeOldCa('The CA'),
    next: makeCa({ commonName: 'The CA' }),
    clientOf: leafOf,
  }),
  'the CA is an intermediate whose root is not listed': () => {
    const root = makeCa({ commonName: 'Root' });
    return {
      old: makeIntermediate(root, { commonName: 'Old issuing CA', notAfter: endOfOld }),
      next: makeIntermediate(root, { commonName: 'New issuing CA' }),
      clientOf: leafOf,
      startArgs: ['--force=needs-issuer'],
    };
  },
};

for (const [kind, styleOf] of Object.entries(styles)) {
  test(
    `meshtrust rotate, ${kind}: no client of either CA is refused, and the old one is after the end`,
    { skip },
    async (t) => {
      const { old, next, clientOf, startArgs = [] } = styleOf();
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
      const rotate = rotateWith([stage.meshtrust, replica], `--proxies=${stage.envoys.length}`);
      const targets = (identity: ClientIdentity) =>
        stage.envoys.map(({ nodeId, port }) => ({ name: nodeId, port, identity }));

      await untilAll(stage.envoys, oldClient, 'accepted');
      await using always = probeContinuously(targets(other.client));
      await using leaving = probeContinuously(targets(oldClient));
      await expectCode(
        0,
        rotate(
          'start',
          `--old=${certificates.join('old.pem')}`,
          `--new=${certificates.join('new.pem')}`,
          shortLeaves,
          ...startArgs,
          '--write',
          stage.dir,
        ),
      );
      await untilRotation(rotate, 'introduced');
      await using coming = probeContinuously(targets(newClient));
      await coming.round();
      await expectCode(0, rotate('switched', '--write', stage.dir));
      await untilRotation(rotate, 'removable');
      await leaving.round();
      assert.deepEqual((await leaving.stop()).refusals, []);

      await expectCode(0, rotate('finish', '--write', stage.dir));
      await untilRotation(rotate, 'steady');
      await untilAll(stage.envoys, oldClient, 'refused');
      await expectCode(0, rotate('finish', '--clean', '--write', stage.dir));
      assert.deepEqual((await coming.stop()).refusals, []);
      assert.deepEqual((await always.stop()).refusals, []);
      const text = await readFile(`${stage.dir}/rotating.yaml`, 'utf8');
      // Only the record of a gate that was passed by force stays.
      assert.deepEqual(
        [...text.matchAll(/meshtrust\.io\/([a-z-]+): "\S+ (\w+ R\d\d)"/g)].map(([, key, step]) => [
          key,
          step,
        ]),
        startArgs.length === 0 ? [] : [['rotation-forced', 'start R16']],
      );
      assert.equal(text.includes('meshtrust.io'), startArgs.length > 0);
      await eachEnvoy(t, stage.envoys, async (envoy) => {
        await assertNothingRejected(envoy);
        // The first secret, one with both CA certificates, and one without the old one: annotations change nothing.
        assert.equal(await envoy.stat('sds.system_trust_bundle.update_success'), 3);
      });
    },
  );
}

test(
  'a CA that is renewed with its key: rotate refuses (R12), and the replacement refuses no client',
  { skip },
  async () => {
    const old = makeOldCa('The CA');
    const renewed = makeCa({ commonName: 'The CA', key: old });
    const domain = makeDomain('rotating.test', old);
    await using certificates = await makeTempDir();
    await writeFile(certificates.join('old.pem'), old.certPem);
    await writeFile(certificates.join('new.pem'), renewed.certPem);
    await using stage = await startStage({ files: { 'rotating.yaml': domain.yaml() } });
    const rotate = rotateWith([stage.meshtrust], `--proxies=${stage.envoys.length}`);
    const pair = [`--old=${certificates.join('old.pem')}`, `--new=${certificates.join('new.pem')}`];
    const { stderr } = await expectCode(1, rotate('start', ...pair, shortLeaves, '--write', stage.dir));
    assert.match(
      stderr,
      /^refused: R12 same-key: .*: this is a renewal, not a rotation; replace the certificate\n$/,
    );
    const targets = (identity: ClientIdentity) =>
      stage.envoys.map(({ nodeId, port }) => ({ name: nodeId, port, identity }));
    await using before = probeContinuously(targets(leafOf(old)));
    await using after = probeContinuously(targets(leafOf(renewed)));
    await stage.files.overwrite('rotating.yaml', domain.yaml([renewed.certPem]));
    await poll('all Envoys to have the renewed certificate', async () => {
      const updates = await Promise.all(
        stage.envoys.map((envoy) => envoy.stat('sds.system_trust_bundle.update_success')),
      );
      return updates.every((count) => count === 2) ? true : undefined;
    });
    assert.deepEqual((await before.stop()).refusals, []);
    assert.deepEqual((await after.stop()).refusals, []);
  },
);

test(
  'meshtrust rotate, a proxy that is lost and returns: the switch and the end wait for it',
  { skip },
  async () => {
    const old = makeOldCa();
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
    const rotate = rotateWith([server], '--proxies=0');
    process.kill(envoy.pid, 'SIGSTOP');
    try {
      const pair = [`--old=${certificates.join('old.pem')}`, `--new=${certificates.join('new.pem')}`];
      await expectCode(0, rotate('start', ...pair, shortLeaves, '--write', dir.path));
      await server.logged('the loss', ({ event }) => event === 'proxy-lost');
      assert.deepEqual(await shutGates(rotate), ['R20']);
      const { stderr } = await expectCode(1, rotate('switched', dir.path));
      assert.match(
        stderr,
        /^refused: R20 proxies-behind: .* and 1 lost or reconnecting: waiting for frozen \(lost\)\n$/,
      );
      await expectCode(4, rotate('wait', '--for=introduced', '--timeout=1s'));
    } finally {
      process.kill(envoy.pid, 'SIGCONT');
    }
    await untilRotation(rotate, 'introduced');
    await expectCode(0, rotate('switched', '--write', dir.path));
    await untilRotation(rotate, 'removable');
    await expectCode(0, rotate('finish', '--write', dir.path));
    await untilRotation(rotate, 'steady');
  },
);

test(
  'meshtrust rotate, an access log of Envoy: finish is refused while clients of the old CA are seen',
  { skip },
  async () => {
    const old = makeOldCa();
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
    const rotate = rotateWith([server]);
    const pair = [`--old=${dir.join('old.pem')}`, `--new=${dir.join('new.pem')}`];
    await expectCode(0, rotate('start', ...pair, shortLeaves, '--write', trust.path));
    await untilRotation(rotate, 'introduced');
    await expectCode(0, rotate('switched', '--write', trust.path));
    await untilRotation(rotate, 'removable');
    await untilAll([envoy], clientOfIntermediate(next), 'accepted');
    await untilAll([envoy], leafOf(old), 'accepted');

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
    const { stderr } = await expectCode(1, rotate('finish', `--access-log=${log}`, trust.path));
    assert.match(stderr, /^refused: R42 old-issuer-seen: .* the issuer still signs with the old CA\n$/);
    await expectCode(1, rotate('wait', `--access-log=${log}`));
    await expectCode(0, rotate('finish', trust.path));
  },
);
