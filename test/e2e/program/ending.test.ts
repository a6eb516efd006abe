import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { secretTypeUrl } from '../../../src/trust/snapshot/publisher.ts';
import { createHealthClient } from '../../grpc/server.ts';
import { makeCa } from '../../kit/certificates.ts';
import { startChild } from '../../kit/child.ts';
import { freePort } from '../../kit/free-port.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import type { Meshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { watchedDir } from '../../kit/watched-dir.ts';
import { createClient } from '../../xds/client.ts';

const ca = makeCa();
const good = meshTrustYaml({ name: 'a', trustDomain: 'a.test', pems: [ca.certPem] });
const ads = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const subscription = { type_url: secretTypeUrl, resource_names_subscribe: ['ALL'], node: { id: 'n' } };

async function untilDraining(server: Meshtrust): Promise<void> {
  await poll('/readyz to say that it drains', async () => {
    const { status: code, body } = await server.admin('/readyz');
    return code === 503 && body.includes('draining') ? true : undefined;
  });
}

suite('SIGTERM', () => {
  test('proxies are connected: readiness and health turn off at once, streams end as unavailable after the grace, exit code 0', async () => {
    await using dir = await makeTempDir();
    await watchedDir(dir.path).put('a.yaml', good);
    await using server = await startMeshtrust({ dirs: [dir.path], args: ['--drain-grace=1s'] });
    using client = createClient(`127.0.0.1:${server.xdsPort}`);
    using stream = client.delta(ads);
    stream.send(subscription);
    await stream.next();
    using health = createHealthClient(`127.0.0.1:${server.xdsPort}`);
    using watch = health.watch();
    assert.equal(await watch.next(), 'SERVING');
    const asked = performance.now();
    const exit = server.stop('SIGTERM');
    assert.equal(await watch.next(), 'NOT_SERVING');
    await untilDraining(server);
    assert.equal((await stream.ended).code, status.UNAVAILABLE);
    assert.ok(performance.now() - asked >= 900, 'the stream had its grace');
    assert.deepEqual(await exit, { code: 0, signal: null });
  });

  test('no streams: the server ends at once', async () => {
    await using dir = await makeTempDir();
    await watchedDir(dir.path).put('a.yaml', good);
    await using server = await startMeshtrust({ dirs: [dir.path], args: ['--drain-grace=1h'] });
    assert.deepEqual(await server.stop('SIGTERM'), { code: 0, signal: null });
  });

  test('second signal, also of another kind: the server ends without waiting', async () => {
    await using dir = await makeTempDir();
    await watchedDir(dir.path).put('a.yaml', good);
    await using server = await startMeshtrust({ dirs: [dir.path], args: ['--drain-grace=1h'] });
    using client = createClient(`127.0.0.1:${server.xdsPort}`);
    using stream = client.delta(ads);
    stream.send(subscription);
    await stream.next();
    process.kill(server.pid, 'SIGTERM');
    await untilDraining(server);
    assert.deepEqual(await server.stop('SIGINT'), { code: 130, signal: null });
  });
});

suite('process', () => {
  test('address in use: one sentence and exit code 1', async () => {
    await using dir = await makeTempDir();
    await watchedDir(dir.path).put('a.yaml', good);
    await using server = await startMeshtrust({ dirs: [dir.path] });
    const taken = `127.0.0.1:${server.xdsPort}`;
    const args = ['serve', '--dir', dir.path, `--xds-listen=${taken}`, '--admin-listen=127.0.0.1:0'];
    await using second = await startChild(process.execPath, ['bin/meshtrust.js', ...args]);
    assert.deepEqual(await second.exit, { code: 5, signal: null });
    assert.match(
      second.stderr(),
      new RegExp(`^error: cannot listen on ${taken}: another program uses the address\\n$`),
    );
  });

  test('reader of the log is gone: serving continues', async () => {
    await using dir = await makeTempDir();
    const files = watchedDir(dir.path);
    await files.put('a.yaml', good);
    const port = await freePort();
    const listen = ['--xds-listen=127.0.0.1:0', `--admin-listen=127.0.0.1:${port}`];
    const child = spawn(process.execPath, ['bin/meshtrust.js', 'serve', '--dir', dir.path, ...listen], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const exit = once(child, 'exit');
    const summary = async (): Promise<string> =>
      (await fetch(`http://127.0.0.1:${port}/api/v1/meshes/default`)).text();
    try {
      await once(child.stdout, 'data');
      child.stdout.destroy();
      for (const name of ['b', 'c']) {
        await files.put(
          `${name}.yaml`,
          meshTrustYaml({ name, trustDomain: `${name}.test`, pems: [ca.certPem] }),
        );
        await poll(`${name}.test to be served`, async () =>
          (await summary().catch(() => '')).includes(`${name}.test`) ? true : undefined,
        );
      }
    } finally {
      child.kill('SIGTERM');
    }
    assert.deepEqual(await exit, [0, null]);
  });

  test('reader of an offline command is gone: the exit code stays', async () => {
    await using dir = await makeTempDir();
    await watchedDir(dir.path).put('a.yaml', 'type: MeshTrust\nname: [\n');
    const child = spawn(process.execPath, ['bin/meshtrust.js', 'validate', dir.path], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.destroy();
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    assert.deepEqual(await once(child, 'close'), [1, null]);
    assert.equal(stderr, '0 MeshTrusts accepted; 1 error, 0 warnings, 0 notes\n');
  });
});
