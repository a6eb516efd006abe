import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createFrontend } from '../../../src/frontend/proxy-frontend.ts';
import type { ServeOptions } from '../../../src/runtime/serve-options.ts';
import { fleetRoutes } from '../../../src/admin/fleet-routes.ts';
import { createHttpEdge } from '../../../src/admin/http-edge.ts';
import { presentProxyDetail } from '../../../src/api/present-fleet.ts';
import type { ProxyDetail } from '../../../src/api/fleet-api-types.ts';
import { encodeSecret, secretContent } from '../../../src/trust/secret/encode-secret.ts';
import type { ServedMeshes } from '../../../src/trust/snapshot/publisher.ts';
import { assess } from '../../../src/fleet/assess.ts';
import { createLogger } from '../../../src/observe/log/log.ts';
import type { ProxyRecord } from '../../../src/fleet/records.ts';
import { run, start } from '../../cli/run.ts';
import type { Envoy } from '../../kit/envoy.ts';
import { poll } from '../../kit/poll.ts';
import { eachEnvoy, skipWithoutEnvoys as skip } from '../../kit/both-envoys.ts';
import { makeDomain } from '../../kit/domain.ts';
import { startEnvoysOfAllTransports, startStage } from './stage.ts';
import type { Stage } from './stage.ts';

const [first, second] = [makeDomain('first.test'), makeDomain('second.test')];

/** Returns the served state of the files of a stage. */
async function versionOf({ dir }: Stage): Promise<string> {
  const { code, stdout } = await run(['bundle', dir, '--mesh=default', '-o', 'json']);
  assert.equal(code, 0);
  return (JSON.parse(stdout) as { readonly version: string }).version;
}

function serverOf({ meshtrust }: Stage): string {
  return `--server=http://127.0.0.1:${meshtrust.adminPort}`;
}

async function detailOf(stage: Stage, { nodeId }: Envoy): Promise<ProxyDetail> {
  const { code, stdout } = await run(['proxy-status', nodeId, serverOf(stage), '-o', 'json']);
  assert.equal(code, 0);
  const { proxies } = JSON.parse(stdout) as { readonly proxies: readonly ProxyDetail[] };
  const [only] = proxies;
  assert.ok(only !== undefined && proxies.length === 1);
  return only;
}

test('wait: returns when the last Envoy has acknowledged', { skip, concurrency: true }, async (t) => {
  await using stage = await startStage({ files: { 'first.yaml': first.yaml() } });
  const [slow] = stage.envoys;
  assert.ok(slow !== undefined);
  let isPaused = true;
  process.kill(slow.pid, 'SIGSTOP');
  // A stopped process does not end, so it must continue first, whatever the result.
  using _ = { [Symbol.dispose]: () => void process.kill(slow.pid, 'SIGCONT') };
  await stage.files.put('second.yaml', second.yaml());
  const version = await versionOf(stage);
  const args = ['wait', '--mesh=default', `--version=${version}`, '--timeout=20s', serverOf(stage)];
  const waiting = start(args);
  const before = waiting.outcome.then(() => assert.equal(isPaused, false, 'one has not acknowledged'));
  // All others are in sync, which is not enough.
  const { length } = stage.envoys;
  await waiting.until(new RegExp(`${length - 1} of ${length} .*; waiting for ${slow.nodeId} \\(pending\\)`));
  isPaused = false;
  process.kill(slow.pid, 'SIGCONT');
  const waited = await waiting.outcome;
  await before;
  assert.equal(waited.code, 0, waited.stderr);
  // At once, without polling: `wait` has promised it.
  await eachEnvoy(t, stage.envoys, async (envoy) => {
    assert.equal(await envoy.stat('sds.system_trust_bundle.update_success'), 2);
    const { state, version: has, streams, lastNack } = await detailOf(stage, envoy);
    assert.deepEqual([state, has, lastNack], ['synced', version, undefined]);
    assert.deepEqual(
      streams.flatMap(({ secrets }) => secrets.map(({ name }) => name)),
      ['system_trust_bundle'],
    );
  });
});

test('paused Envoy: is pending, and wait ends with exit code 4 and its name', { skip }, async () => {
  await using stage = await startStage({ files: { 'first.yaml': first.yaml() } });
  const [paused, ...others] = stage.envoys;
  assert.ok(paused !== undefined && others.length > 0);
  process.kill(paused.pid, 'SIGSTOP');
  try {
    await stage.files.put('second.yaml', second.yaml());
    const wanted = `--version=${await versionOf(stage)}`;
    const late = await run(['wait', '--mesh=default', wanted, '--timeout=3s', serverOf(stage)]);
    assert.equal(late.code, 4);
    assert.match(late.stderr, new RegExp(`waiting for ${paused.nodeId} \\(pending\\)\n$`));
    assert.match(late.stdout, new RegExp(`\n${paused.nodeId} +pending`));
    assert.equal((await detailOf(stage, paused)).state, 'pending');
    for (const other of others) assert.equal((await detailOf(stage, other)).state, 'synced');
  } finally {
    process.kill(paused.pid, 'SIGCONT');
  }
  const { code } = await run(['wait', '--mesh=default', '--timeout=20s', serverOf(stage)]);
  assert.equal(code, 0);
  assert.equal((await detailOf(stage, paused)).state, 'synced');
});

test('Envoy sends a NACK: its reason is shown, and a later ACK does not count', { skip }, async (t) => {
  await using stack = new AsyncDisposableStack();
  const log = createLogger({ format: 'json', level: 'error' });
  const front = createFrontend(options, log);
  stack.defer(() => front.drain(0));
  const address = await front.listen({ observers: [], authFailed: () => undefined });
  const good = encodeSecret('system_trust_bundle', secretContent([]));
  front.publish(statesOf(good.version, good.body), Date.now());
  front.setServing(true);
  const port = Number(address.split(':').at(-1));
  const envoys = await startEnvoysOfAllTransports(stack, port);
  // The same length, so still a valid message, but no longer a valid certificate.
  const broken = Buffer.from(good.body);
  broken.write('AAAAAAAAAAAAAAAA', broken.indexOf('-----BEGIN CERTIFICATE-----') + 28, 'latin1');
  front.publish(statesOf('broken', broken), Date.now());

  // The same state at the API of this server.
  const routes = fleetRoutes({ fleet: front.fleet, wall: () => Date.now() });
  const edge = createHttpEdge({ routes, onError: (error) => assert.fail(String(error)) });
  stack.use(edge);
  const server = `--server=http://${await edge.listen('127.0.0.1:0')}`;
  const proxyOf = async ({ nodeId }: Envoy): Promise<ProxyRecord | undefined> => {
    const { connected } = await front.fleet.look('default');
    return [...connected].find(({ node }) => node === nodeId);
  };
  await eachEnvoy(t, envoys, async (envoy) => {
    const proxy = await poll('the refusal', async () => {
      const found = await proxyOf(envoy);
      return found?.lastNack === undefined ? undefined : found;
    });
    const context = { history: front.fleet.history, now: Date.now() };
    assert.equal(assess(proxy, front.fleet.history, context.now).state, 'refused');
    const { lastNack, servedVersion, version } = presentProxyDetail(proxy, context);
    assert.match(lastNack?.message ?? '', /Failed to load trusted CA certificate/);
    assert.deepEqual(
      [lastNack?.version, servedVersion, version],
      ['broken', 'mesh of broken', `mesh of ${good.version}`],
    );
    // It was sent its previous version again and has acknowledged it: still refused.
    await poll('the way back', () =>
      [...proxy.streams].some(({ secrets }) => secrets.get('system_trust_bundle')?.sent === good.version)
        ? true
        : undefined,
    );
    assert.equal(assess(proxy, front.fleet.history, Date.now()).state, 'refused');
  });
  const listed = await run(['proxy-status', '--state=refused', '-o', 'wide', server]);
  assert.equal(listed.stderr, `${envoys.length} proxies: ${envoys.length} refused\n`);
  assert.equal(listed.stdout.match(/Failed to load trusted CA certificate/g)?.length, envoys.length);
  const [one] = envoys;
  const detail = await run(['proxy-status', one?.nodeId ?? '', server]);
  assert.match(detail.stdout, /^last nack: .*Failed to load trusted CA certificate/m);
  const waited = await run(['wait', '--mesh=default', '--timeout=0', server]);
  assert.equal(waited.code, 4);
  assert.match(waited.stderr, /\(refused: .*Failed to load trusted CA certificate/);
  front.publish(statesOf(good.version, good.body), Date.now());
  await eachEnvoy(t, envoys, async (envoy) => {
    const proxy = await proxyOf(envoy);
    assert.ok(proxy);
    assert.equal(assess(proxy, front.fleet.history, Date.now()).state, 'synced');
  });
});

function statesOf(version: string, body: Uint8Array): ServedMeshes {
  const secrets = new Map([
    [
      'system_trust_bundle',
      { name: 'system_trust_bundle', version, body, parts: [], contentSize: body.length },
    ],
  ]);
  return new Map([['default', { secrets: { version: `mesh of ${version}`, secrets } }]]);
}

const options: ServeOptions = {
  version: 'test',
  dirs: [],
  xdsListen: '127.0.0.1:0',
  adminListen: '127.0.0.1:0',
  defaultMesh: 'default',
  guardHold: 0,
  drainGrace: 0,
  tls: undefined,
  maxDocumentBytes: 1,
  maxCertificates: 1,
  maxNames: 100,
  openRate: 1_000,
  openBurst: 1_000,
  maxConnectionStreams: 1_000,
  maxRequestBytes: 524_288,
  requestTimeout: 10_000,
  slowTimeout: 60_000,
  keepalive: 30_000,
  keepaliveTimeout: 10_000,
  maxConnectionAge: 0,
  workers: 1,
  cacheBytes: 1,
  caMetrics: false,
  logLevel: 'error',
  logFormat: 'json',
};
