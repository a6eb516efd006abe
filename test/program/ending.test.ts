import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { status } from '@grpc/grpc-js';
import { secretTypeUrl } from '../../src/snapshot/publisher.ts';
import { makeCa } from '../kit/certificates.ts';
import { startChild } from '../kit/child.ts';
import { freePort } from '../kit/free-port.ts';
import { meshTrustYaml } from '../kit/mesh-trust-text.ts';
import { startMeshtrust } from '../kit/meshtrust.ts';
import { poll } from '../kit/poll.ts';
import { makeTempDir } from '../kit/temp-dir.ts';
import { watchedDir } from '../kit/watched-dir.ts';
import { createClient } from '../xds/client.ts';

const good = meshTrustYaml({ name: 'a', trustDomain: 'a.test', pems: [makeCa().certPem] });
const ads = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';

async function run(args: readonly string[]) {
  await using child = await startChild(process.execPath, ['bin/meshtrust.js', ...args], process.env);
  const { code } = await child.exit;
  return { code, stdout: child.stdout(), stderr: child.stderr() };
}

describe('SIGTERM', () => {
  it('turns readiness off at once, ends streams as unavailable after their grace, and exits with 0', async () => {
    await using dir = await makeTempDir();
    await watchedDir(dir.path).put('a.yaml', good);
    await using server = await startMeshtrust({ dirs: [dir.path], args: ['--drain-grace=1s'] });
    using client = createClient(`127.0.0.1:${server.xdsPort}`);
    using stream = client.delta(ads);
    stream.send({ type_url: secretTypeUrl, resource_names_subscribe: ['ALL'], node: { id: 'n' } });
    await stream.next();
    const asked = performance.now();
    const exit = server.stop('SIGTERM');
    await poll('/readyz to say that it drains', async () => {
      const { status: code, body } = await server.admin('/readyz');
      return code === 503 && body.includes('draining') ? true : undefined;
    });
    assert.equal((await stream.ended).code, status.UNAVAILABLE);
    assert.ok(performance.now() - asked >= 900, 'the stream had its grace');
    assert.deepEqual(await exit, { code: 0, signal: null });
  });

  it('ends a server without streams at once', async () => {
    await using dir = await makeTempDir();
    await watchedDir(dir.path).put('a.yaml', good);
    await using server = await startMeshtrust({ dirs: [dir.path], args: ['--drain-grace=1h'] });
    assert.deepEqual(await server.stop('SIGTERM'), { code: 0, signal: null });
  });
});

describe('exit codes', () => {
  it('are 2 for wrong usage, with a sentence', async () => {
    const usages: readonly (readonly [readonly string[], RegExp])[] = [
      [['serve'], /--dir/],
      [['serve', '--dir', '.', '--guard-hold', 'soon'], /duration/],
      [['serve', '--dir', '.', '--tls-cert', 'x'], /--tls-key/],
      [['nonsense'], /unknown command/],
      [['validate', '/nowhere/at/all'], /cannot be read/],
      [['guard', 'release', '--server', 'nonsense'], /not a URL/],
    ];
    for (const [args, sentence] of usages) {
      const { code, stderr } = await run(args);
      assert.equal(code, 2, args.join(' '));
      assert.match(stderr, sentence);
    }
  });

  it('are 3 where no server answers', async () => {
    const { code, stderr } = await run([
      'guard',
      'release',
      '--server',
      `http://127.0.0.1:${await freePort()}`,
    ]);
    assert.equal(code, 3);
    assert.match(stderr, /no server answers/);
  });

  it('are 1 where what was asked for cannot be had', async () => {
    await using dir = await makeTempDir();
    await watchedDir(dir.path).put('a.yaml', good);
    await using server = await startMeshtrust({ dirs: [dir.path] });
    const taken = `127.0.0.1:${server.xdsPort}`;
    const { code, stderr } = await run([
      'serve',
      '--dir',
      dir.path,
      '--xds-listen',
      taken,
      '--admin-listen',
      '127.0.0.1:0',
    ]);
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`cannot listen on ${taken}`));
  });
});
