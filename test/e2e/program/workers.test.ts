import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect as connectTcp } from 'node:net';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import type { MeshDetail, MeshList } from '../../../src/api/api-types.ts';
import type { ProxyList, RolloutDetail } from '../../../src/api/fleet-api-types.ts';
import { serverFlags } from '../../../src/frontend/tune-heap.ts';
import { secretTypeUrl } from '../../../src/trust/snapshot/publisher.ts';
import { makeCa } from '../../kit/certificates.ts';
import { startForwarder } from '../../kit/forwarder.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import type { Meshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { watchedDir } from '../../kit/watched-dir.ts';
import { run } from '../../cli/run.ts';
import { createClient } from '../../xds/client.ts';
import type { ClientStream, XdsClient } from '../../xds/client.ts';
import type { DeltaResponse } from '../../xds/codec.ts';

const ads = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const fileOf = (trustDomain: string): string =>
  meshTrustYaml({ name: trustDomain.replace('.', '-'), trustDomain, pems: [makeCa().certPem] });

/** A stream on a separate connection, as each Envoy has. */
interface Proxy extends Disposable {
  readonly stream: ClientStream<DeltaResponse>;
  /** The next response, acknowledged: name and version of its only resource. */
  next(): Promise<{ readonly name: string; readonly version: string; readonly bytes: string }>;
  answer(response: object): void;
}

function connect(
  { xdsPort }: Pick<Meshtrust, 'xdsPort'>,
  id: string,
  quoted: Readonly<Record<string, string>> = {},
): Proxy {
  const client: XdsClient = createClient(`127.0.0.1:${xdsPort}`);
  const stream = client.delta(ads);
  const request = (fields: object): void => stream.send({ type_url: secretTypeUrl, node: { id }, ...fields });
  // A name that was never quoted is always answered: so a stream that is sent nothing else is seen to be alive.
  request({
    resource_names_subscribe: ['ALL', `spiffe://${id}.alive.test`],
    initial_resource_versions: quoted,
  });
  return {
    stream,
    async next() {
      const response = await stream.next();
      request({ response_nonce: response.nonce });
      const [resource] = response.resources;
      assert.ok(resource, 'a response carries one resource');
      const { name, version } = resource;
      return { name, version, bytes: JSON.stringify(resource) };
    },
    answer: request,
    [Symbol.dispose]() {
      // Without this, the stream stays open: a client that is closed only opens no more streams.
      stream.cancel();
      client[Symbol.dispose]();
    },
  };
}

async function workersOf(server: Meshtrust): Promise<readonly number[]> {
  const text = await readFile(`/proc/${server.pid}/task/${server.pid}/children`, 'utf8');
  return text.trim().split(/\s+/).filter(Boolean).map(Number);
}

const lives = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

const sum = async (server: Meshtrust, metric: string): Promise<number> =>
  (await server.metric(metric)).values().reduce((total, value) => total + value, 0);

/**
 * Lets a new proxy reject its first change. Returns the version of `ALL` that it has, and the one that it rejected.
 */
async function refuseNext(proxy: Proxy, change: () => Promise<void>) {
  const first = [await proxy.next(), await proxy.next()];
  const held = first.find(({ name }) => name === 'ALL')?.version ?? '';
  await change();
  const { nonce, resources } = await proxy.stream.next();
  proxy.answer({ response_nonce: nonce, error_detail: { code: 13, message: 'not for me' } });
  return { held, refused: resources[0]?.version };
}

async function statesAt(server: Meshtrust): Promise<readonly string[]> {
  const { body } = await server.admin('/api/v1/proxies');
  return (JSON.parse(body) as ProxyList).proxies.map(({ state }) => state);
}

suite('with workers', { skip: process.platform !== 'linux' && 'reads /proc' }, () => {
  test('a worker dies: all proxies had the same bytes, and those of the worker are sent nothing again', async () => {
    await using dir = await makeTempDir();
    const files = watchedDir(dir.path);
    await files.put('a.yaml', fileOf('a.test'));
    await using server = await startMeshtrust({ dirs: [dir.path], args: ['--workers=2'] });
    using proxies = new DisposableStack();
    const first: Proxy[] = [];
    const all: Awaited<ReturnType<Proxy['next']>>[] = [];
    // One after the other: a worker that has just taken a connection is last in turn for the next.
    for (const id of ['n0', 'n1', 'n2', 'n3']) {
      const proxy = proxies.use(connect(server, id));
      first.push(proxy);
      all.push(await proxy.next());
      await proxy.next();
    }
    assert.deepEqual(new Set(all.map(({ name }) => name)), new Set(['ALL']));
    assert.equal(new Set(all.map(({ bytes }) => bytes)).size, 1);
    await poll('both connections to be counted', async () =>
      (await sum(server, 'meshtrust_xds_streams')) === 4 ? true : undefined,
    );
    const requests = await sum(server, 'meshtrust_xds_requests_total');
    assert.ok(requests >= 4);

    const [victim = 0, other = 0] = await workersOf(server);
    process.kill(victim, 'SIGKILL');
    const lost = await server.logged('the loss', ({ event }) => event === 'worker-lost');
    assert.equal(lost['signal'], 'SIGKILL');
    await poll('another worker to be there', async () => {
      const now = await workersOf(server);
      return now.length === 2 && !now.includes(victim) && now.includes(other) ? true : undefined;
    });
    const endings = await Promise.all(
      first.map(({ stream }) =>
        Promise.race([stream.ended.then(() => true), server.admin('/healthz').then(() => false)]),
      ),
    );
    assert.equal(endings.filter(Boolean).length, 2, 'each worker had two of four');

    const version = all[0]?.version ?? '';
    const back = ['n0', 'n1', 'n2', 'n3'].map((id) => proxies.use(connect(server, id, { ALL: version })));
    for (const [index, proxy] of back.entries()) {
      assert.equal((await proxy.next()).name, `spiffe://n${index}.alive.test`);
    }
    await files.put('b.yaml', fileOf('b.test'));
    const changed = await Promise.all(back.map((proxy) => proxy.next()));
    assert.deepEqual(new Set(changed.map(({ name }) => name)), new Set(['ALL']));
    assert.equal(new Set(changed.map(({ bytes }) => bytes)).size, 1);
    assert.notEqual(changed[0]?.version, version);
    assert.ok((await sum(server, 'meshtrust_xds_requests_total')) > requests, 'counts never fall');
  });

  test('proxy with streams at two workers: is logged once when it connects, disconnects and reconnects', async () => {
    await using dir = await makeTempDir();
    await watchedDir(dir.path).put('a.yaml', fileOf('a.test'));
    await using server = await startMeshtrust({ dirs: [dir.path], args: ['--workers=2'] });
    const streams = async (expected: number): Promise<void> => {
      await poll(`${expected} streams`, async () =>
        (await sum(server, 'meshtrust_xds_streams')) === expected ? true : undefined,
      );
    };
    const reported = async (expected: number): Promise<void> => {
      await poll(`${expected} reported proxies`, async () => {
        const { meshes } = JSON.parse((await server.admin('/api/v1/meshes')).body) as MeshList;
        return meshes[0]?.proxies === expected ? true : undefined;
      });
    };
    const events = () =>
      server
        .logs()
        .map(({ event, node }) => `${String(node)} ${String(event)}`)
        .filter((line) => line.startsWith('n proxy-'));
    const lineOf = (line: string) => poll(line, () => (events().includes(line) ? true : undefined));
    // Connections take turns, so each worker has one of the first two.
    using first = connect(server, 'n');
    await first.next();
    using second = connect(server, 'n');
    await second.next();
    // The parent logs what the workers report, and each reports at its own time.
    await reported(2);
    first[Symbol.dispose]();
    await streams(1);
    using third = connect(server, 'n');
    await third.next();
    second[Symbol.dispose]();
    third[Symbol.dispose]();
    await lineOf('n proxy-disconnected');
    using fourth = connect(server, 'n');
    await fourth.next();
    await lineOf('n proxy-reconnected');
    assert.deepEqual(events(), ['n proxy-connected', 'n proxy-disconnected', 'n proxy-reconnected']);
    for (const pid of await workersOf(server)) process.kill(pid, 'SIGKILL');
    await poll('the end of the streams of a dead worker', () => (events().length > 3 ? true : undefined));
    assert.equal(events()[3], 'n proxy-disconnected');
  });

  test('refusal at one worker: the other workers send the bytes, and do not believe their acknowledgement', async () => {
    await using dir = await makeTempDir();
    const files = watchedDir(dir.path);
    await files.put('a.yaml', fileOf('a.test'));
    await using server = await startMeshtrust({ dirs: [dir.path], args: ['--workers=2'] });
    using proxies = new DisposableStack();
    const proxy = proxies.use(connect(server, 'n'));
    const { held, refused } = await refuseNext(proxy, () => files.put('b.yaml', fileOf('b.test')));
    await server.logged('the refusal', ({ event }) => event === 'nack');
    const sentBack = await proxy.next();
    assert.equal(sentBack.version, held);
    // One for each worker: connections take turns. What is owed goes out in order of name, ALL first.
    for (const _ of [1, 2]) {
      const other = proxies.use(connect(server, 'n', { ALL: held }));
      assert.equal((await other.next()).version, refused);
      await other.next();
    }
    assert.deepEqual(await statesAt(server), ['refused']);
    // The stream that refused them gets them again once it has acknowledged others.
    await files.put('c.yaml', fileOf('c.test'));
    await proxy.next();
    await files.remove('c.yaml');
    assert.equal((await proxy.next()).version, refused);
  });

  test('refusal, and all workers die: their replacements do not believe an acknowledgement of the same bytes', async () => {
    await using dir = await makeTempDir();
    const files = watchedDir(dir.path);
    await files.put('a.yaml', fileOf('a.test'));
    await using server = await startMeshtrust({ dirs: [dir.path], args: ['--workers=2'] });
    using proxies = new DisposableStack();
    const proxy = proxies.use(connect(server, 'n'));
    const { held, refused } = await refuseNext(proxy, () => files.put('b.yaml', fileOf('b.test')));
    await server.logged('the refusal', ({ event }) => event === 'nack');
    const victims = await workersOf(server);
    for (const victim of victims) process.kill(victim, 'SIGKILL');
    await proxy.stream.ended;
    await poll('a replacement to listen', async () => {
      if (server.logs().filter(({ event }) => event === 'worker-lost').length < victims.length)
        return undefined;
      const socket = connectTcp(server.xdsPort, '127.0.0.1');
      const { promise, resolve } = Promise.withResolvers<true | undefined>();
      socket.on('connect', () => resolve(true)).on('error', () => resolve(undefined));
      const isOpen = await promise;
      socket.destroy();
      return isOpen;
    });
    // Envoy acknowledges rejected bytes that it receives a second time, and keeps what it has.
    const back = proxies.use(connect(server, 'n', { ALL: held }));
    assert.equal((await back.next()).version, refused);
    await back.next();
    assert.deepEqual(await statesAt(server), ['refused']);
  });

  test('refusal by a stranger with the same node id: a proxy still gets a revocation, whatever worker has it', async () => {
    await using dir = await makeTempDir();
    const files = watchedDir(dir.path);
    await files.put('a.yaml', fileOf('a.test'));
    await using server = await startMeshtrust({ dirs: [dir.path], args: ['--workers=2'] });
    using proxies = new DisposableStack();
    const honest: Proxy[] = [];
    const before: string[] = [];
    // One after the other, so that they take turns: each worker has one.
    for (const _ of [1, 2]) {
      const proxy = proxies.use(connect(server, 'web-1'));
      before.push((await proxy.next()).version, (await proxy.next()).version);
      honest.push(proxy);
    }
    for (const _ of [1, 2]) {
      const stranger = proxies.use(connect(server, 'web-1'));
      const { nonce } = await stranger.stream.next();
      stranger.answer({ response_nonce: nonce, error_detail: { code: 13, message: 'no' } });
      await stranger.stream.next();
    }
    await server.logged('the refusal', ({ event }) => event === 'nack');
    await files.put('c.yaml', fileOf('c.test'));
    for (const proxy of honest) await proxy.next();
    await files.remove('c.yaml');
    for (const proxy of honest) assert.ok(before.includes((await proxy.next()).version));
  });

  test('proxy-status and wait: include the proxies of all workers', async () => {
    await using dir = await makeTempDir();
    const files = watchedDir(dir.path);
    await files.put('a.yaml', fileOf('a.test'));
    await using server = await startMeshtrust({ dirs: [dir.path], args: ['--workers=2'] });
    const asked = `--server=http://127.0.0.1:${server.adminPort}`;
    using connections = new DisposableStack();
    const proxies: Proxy[] = [];
    // One after the other, so that they take turns between the workers.
    for (const id of ['n0', 'n1', 'n2', 'n3']) {
      const proxy = connections.use(connect(server, id));
      proxies.push(proxy);
      await proxy.next();
      await proxy.next();
    }
    const first = await run(['wait', '--mesh=default', '--timeout=10s', asked]);
    assert.equal(first.code, 0, first.stderr);
    assert.match(first.stderr, /4 of 4 connected proxies/);
    const listed = JSON.parse((await server.admin('/api/v1/proxies')).body) as ProxyList;
    assert.deepEqual(
      listed.proxies.map(({ node, state }) => [node, state]),
      ['n0', 'n1', 'n2', 'n3'].map((id) => [id, 'synced']),
    );

    await files.put('b.yaml', fileOf('b.test'));
    const [late, ...others] = proxies;
    assert.ok(late);
    const owed = await late.stream.next();
    await Promise.all(others.map((proxy) => proxy.next()));
    const waited = await run(['wait', '--mesh=default', '--timeout=1s', asked]);
    assert.equal(waited.code, 4);
    assert.match(waited.stderr, /3 of 4 connected proxies have \w+; waiting for n0 \(pending\)\n$/);
    const { stderr, stdout } = await run(['proxy-status', asked]);
    assert.equal(stderr, '4 proxies: 1 pending, 3 synced\n');
    assert.match(stdout, /^n0 +default +pending /m);
    late.answer({ response_nonce: owed.nonce });
    const last = await run(['wait', '--mesh=default', '--timeout=10s', asked]);
    assert.equal(last.code, 0, last.stderr);
  });

  test('worker does not answer: the result is reported as incomplete', async () => {
    await using dir = await makeTempDir();
    const files = watchedDir(dir.path);
    await files.put('a.yaml', fileOf('a.test'));
    await using server = await startMeshtrust({ dirs: [dir.path], args: ['--workers=2'] });
    const asked = `--server=http://127.0.0.1:${server.adminPort}`;
    using connections = new DisposableStack();
    const proxies: Proxy[] = [];
    for (const id of ['n0', 'n1']) {
      const proxy = connections.use(connect(server, id));
      proxies.push(proxy);
      await proxy.next();
      await proxy.next();
    }
    const before = await run(['wait', '--mesh=default', '--proxies=2', '--timeout=10s', asked]);
    assert.equal(before.code, 0, before.stderr);

    const [stopped = 0] = await workersOf(server);
    process.kill(stopped, 'SIGSTOP');
    try {
      const waited = await run(['wait', '--mesh=default', '--timeout=3s', asked]);
      assert.equal(waited.code, 4);
      assert.match(waited.stderr, /1 of 1 connected proxies have \w+; waiting for all its workers at /);
      await server.logged('that it is silent', ({ event }) => event === 'worker-silent');
      const listed = await run(['proxy-status', asked]);
      assert.equal(listed.code, 3);
      assert.match(listed.stderr, /^1 proxy: 1 synced\nerror: \S+: a worker does not answer/);
    } finally {
      process.kill(stopped, 'SIGCONT');
    }
    const after = await run(['wait', '--mesh=default', '--proxies=2', '--timeout=10s', asked]);
    assert.equal(after.code, 0, after.stderr);
    await server.logged('that it answers again', ({ event }) => event === 'worker-answers');
  });

  test('worker dies: roll-outs wait for its proxies by name, until another worker has them', async () => {
    await using dir = await makeTempDir();
    const files = watchedDir(dir.path);
    await files.put('a.yaml', fileOf('a.test'));
    await using server = await startMeshtrust({ dirs: [dir.path], args: ['--workers=2'] });
    const asked = `--server=http://127.0.0.1:${server.adminPort}`;
    using connections = new DisposableStack();
    const ids = ['n0', 'n1'];
    const proxies: Proxy[] = [];
    // One after the other, so that they take turns: each worker has one.
    for (const id of ids) {
      const proxy = connections.use(connect(server, id));
      await proxy.next();
      await proxy.next();
      proxies.push(proxy);
    }
    const before = await run(['wait', '--mesh=default', '--proxies=2', '--timeout=10s', asked]);
    assert.equal(before.code, 0, before.stderr);
    // The parent knows names once the workers have counted.
    await poll('both to be counted', async () => {
      const { proxies: count } = JSON.parse(
        (await server.admin('/api/v1/meshes/default')).body,
      ) as MeshDetail;
      return count === 2 ? true : undefined;
    });
    const [victim = 0] = await workersOf(server);
    process.kill(victim, 'SIGKILL');
    const ended = await Promise.race(proxies.map(({ stream }, index) => stream.ended.then(() => ids[index])));
    await server.logged('the loss', ({ event }) => event === 'worker-lost');
    const waited = await run(['wait', '--mesh=default', '--timeout=1s', asked]);
    assert.equal(waited.code, 4, waited.stderr);
    assert.match(waited.stderr, new RegExp(`waiting for ${ended} \\(reconnecting\\)`));
    const back = connections.use(connect(server, ended ?? ''));
    await back.next();
    await back.next();
    const after = await run(['wait', '--mesh=default', '--proxies=2', '--timeout=10s', asked]);
    assert.equal(after.code, 0, after.stderr);
  });

  test('changes while a worker is behind: their time is measured from the first one', async () => {
    await using dir = await makeTempDir();
    const files = watchedDir(dir.path);
    await files.put('a.yaml', fileOf('a.test'));
    await using server = await startMeshtrust({ dirs: [dir.path], args: ['--workers=2'] });
    using connections = new DisposableStack();
    const proxies: Proxy[] = [];
    // One after the other, so that they take turns: each worker has one.
    for (const id of ['n0', 'n1']) {
      const proxy = connections.use(connect(server, id));
      await proxy.next();
      await proxy.next();
      proxies.push(proxy);
    }
    const received = [0, 0];
    const acknowledge = async (proxy: Proxy, index: number): Promise<void> => {
      for (;;) {
        await proxy.next();
        received[index] = (received[index] ?? 0) + 1;
      }
    };
    for (const [index, proxy] of proxies.entries()) void acknowledge(proxy, index).catch(() => undefined);
    const served = async (name: string): Promise<void> => {
      const before = Math.max(...received);
      await files.put(`${name}.yaml`, fileOf(`${name}.test`));
      // On a busy machine, the other worker would otherwise be behind as well, and be sent two changes as one.
      await poll('the proxy of the other worker to have the change', () =>
        Math.max(...received) > before ? true : undefined,
      );
    };
    const [victim = 0] = await workersOf(server);
    process.kill(victim, 'SIGSTOP');
    // The worker is sent the first change, and the other two as one.
    await served('b');
    await served('c');
    await sleep(1_000);
    await served('d');
    process.kill(victim, 'SIGCONT');
    // The proxy of the other worker gets each change for itself.
    const acks = 2 + 3;
    const bucket = 'meshtrust_xds_convergence_seconds_bucket';
    await poll('all acknowledgements', async () =>
      (await sum(server, 'meshtrust_xds_convergence_seconds_count')) === acks ? true : undefined,
    );
    const inOneSecond = (await server.metric(bucket))
      .entries()
      .filter(([labels]) => labels.includes('le="1"'));
    const fast = inOneSecond.reduce((total, [, count]) => total + count, 0);
    assert.ok(fast <= 3, `${fast} of ${acks} acknowledgements within a second`);
  });

  test('worker dies before it accepts a connection that it was given: the connection is closed', async (t) => {
    await using dir = await makeTempDir();
    await watchedDir(dir.path).put('a.yaml', fileOf('a.test'));
    await using server = await startMeshtrust({ dirs: [dir.path], args: ['--workers=2'] });
    const [victim = 0] = await workersOf(server);
    process.kill(victim, 'SIGSTOP');
    // They take turns: one of the two waits for the worker that has stopped.
    const sockets = [0, 1].map(() => connectTcp(server.xdsPort, '127.0.0.1'));
    t.after(() => sockets.forEach((socket) => socket.destroy()));
    const answered = await Promise.race(
      sockets.map(async (socket, index) => {
        socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
        await once(socket, 'data');
        return index;
      }),
    );
    const waiting = sockets[1 - answered];
    assert.ok(waiting);
    const closed = Promise.withResolvers<boolean>();
    // A reset, because no one has read what the client sent.
    waiting.on('error', () => undefined).once('close', () => closed.resolve(true));
    const late = setTimeout(() => closed.resolve(false), 10_000);
    t.after(() => clearTimeout(late));
    process.kill(victim, 'SIGKILL');
    assert.equal(await closed.promise, true);
  });

  test('all workers die: lost proxies stay lost, with name and acknowledged version', async () => {
    await using dir = await makeTempDir();
    const files = watchedDir(dir.path);
    await files.put('a.yaml', fileOf('a.test'));
    await using server = await startMeshtrust({ dirs: [dir.path], args: ['--workers=2'] });
    await using relay = await startForwarder(server.xdsPort);
    using connections = new DisposableStack();
    const ids = ['n0', 'n1', 'n2', 'n3'];
    // One after the other, so that they take turns: each worker has one that will be lost.
    const proxies: Proxy[] = [];
    for (const [index, id] of ids.entries()) {
      const proxy = connections.use(connect(index < 2 ? { xdsPort: relay.port } : server, id));
      proxies.push(proxy);
      await proxy.next();
      await proxy.next();
    }
    const rollout = async () => {
      const { status: code, body } = await server.admin('/api/v1/meshes/default/rollout');
      assert.equal(code, 200);
      return JSON.parse(body) as RolloutDetail;
    };
    // What a worker counts, it reports with the names.
    const counted = async () =>
      (JSON.parse((await server.admin('/api/v1/meshes/default')).body) as MeshDetail).proxies;
    const { version: before } = await poll(
      'all to be in sync, and both workers to have counted',
      async () => {
        const now = await rollout();
        return now.proxies.synced === 4 && (await counted()) === 4 ? now : undefined;
      },
    );
    relay.reset();
    await files.put('b.yaml', fileOf('b.test'));
    await Promise.all(proxies.slice(2).map((proxy) => proxy.next()));
    const lostOf = ({ lagging }: RolloutDetail) =>
      lagging.flatMap(({ node, state, version }) => (state === 'lost' ? [`${node} ${version}`] : [])).sort();
    const lost = ['n0', 'n1'].map((id) => `${id} ${before}`);
    await poll('two to be lost, and both workers to have counted', async () =>
      lostOf(await rollout()).length === 2 && (await counted()) === 2 ? true : undefined,
    );
    const victims = await workersOf(server);
    for (const victim of victims) process.kill(victim, 'SIGKILL');
    await Promise.all(proxies.slice(2).map(({ stream }) => stream.ended));
    await poll('both to be replaced', async () => {
      const now = await workersOf(server);
      return now.length === 2 && now.every((pid) => !victims.includes(pid)) ? true : undefined;
    });
    const after = await rollout();
    assert.deepEqual(lostOf(after), lost);
    assert.equal(after.converged, false);
    const asked = `--server=http://127.0.0.1:${server.adminPort}`;
    const waited = await run(['wait', '--mesh=default', '--timeout=0', asked]);
    assert.equal(waited.code, 4, waited.stderr);
    assert.match(waited.stderr, /waiting for .*n0 \(lost, last acknowledged/);
    assert.equal((await run(['check', asked])).code, 1);
  });

  test('SIGTERM: all workers drain', async () => {
    await using dir = await makeTempDir();
    await watchedDir(dir.path).put('a.yaml', fileOf('a.test'));
    await using server = await startMeshtrust({ dirs: [dir.path], args: ['--workers=2', '--drain-grace=0'] });
    using proxies = new DisposableStack();
    const both = [proxies.use(connect(server, 'n0')), proxies.use(connect(server, 'n1'))];
    for (const proxy of both) await proxy.next();
    const workers = await workersOf(server);
    assert.equal(workers.length, 2);
    assert.deepEqual(await server.stop('SIGTERM'), { code: 0, signal: null });
    for (const { stream } of both) assert.equal((await stream.ended).code, status.UNAVAILABLE);
    assert.deepEqual(workers.filter(lives), []);
  });

  test('SIGTERM: a worker that has drained ends by itself, before it is killed', async () => {
    await using dir = await makeTempDir();
    await watchedDir(dir.path).put('a.yaml', fileOf('a.test'));
    // Puts off the time limit for open sockets, 2 s, which would end the worker as well.
    const patch = 'const f = setTimeout; globalThis.setTimeout = (g, ms) => f(g, ms === 2000 ? 60000 : ms);';
    await using server = await startMeshtrust({
      dirs: [dir.path],
      args: ['--workers=2', '--drain-grace=0'],
      nodeArgs: ['--import', `data:text/javascript,${encodeURIComponent(patch)}`],
    });
    const from = performance.now();
    assert.deepEqual(await server.stop('SIGTERM'), { code: 0, signal: null });
    const timeUntilKilledMs = 3_000;
    assert.ok(performance.now() - from < timeUntilKilledMs);
  });

  test('flags of Node.js: the workers have those of the parent', async () => {
    await using dir = await makeTempDir();
    await watchedDir(dir.path).put('a.yaml', fileOf('a.test'));
    await using server = await startMeshtrust({ dirs: [dir.path], args: ['--workers=2'] });
    const workers = await workersOf(server);
    assert.equal(workers.length, 2);
    for (const pid of workers) {
      const [, ...args] = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0');
      assert.deepEqual(args.slice(0, serverFlags.length), serverFlags);
    }
  });

  test('parent dies: the workers end, since they would get no updates', async () => {
    await using dir = await makeTempDir();
    await watchedDir(dir.path).put('a.yaml', fileOf('a.test'));
    await using server = await startMeshtrust({ dirs: [dir.path], args: ['--workers=2'] });
    const workers = await workersOf(server);
    await server.stop('SIGKILL');
    await poll('the workers to end', () => (workers.some(lives) ? undefined : true));
  });

  test('address in use: one sentence and exit code 1', async () => {
    await using dir = await makeTempDir();
    await watchedDir(dir.path).put('a.yaml', fileOf('a.test'));
    await using server = await startMeshtrust({ dirs: [dir.path], args: ['--workers=2'] });
    await assert.rejects(
      startMeshtrust({ dirs: [dir.path], xdsPort: server.xdsPort, args: ['--workers=2'] }),
      /cannot listen on|another program uses the address/,
    );
  });
});
