import assert from 'node:assert/strict';
import cluster from 'node:cluster';
import type { Worker } from 'node:cluster';
import { EventEmitter, once } from 'node:events';
import { Writable } from 'node:stream';
import { suite, test } from 'node:test';
import { startWorkerPool } from '../../../src/frontend/workers/worker-pool.ts';
import type { WorkerPool } from '../../../src/frontend/workers/worker-pool.ts';
import { createLogger } from '../../../src/observe/log/log.ts';
import { encodeSecret, secretContent } from '../../../src/trust/secret/encode-secret.ts';
import { secretTypeUrl } from '../../../src/trust/snapshot/publisher.ts';
import type { ServedMeshes } from '../../../src/trust/snapshot/publisher.ts';
import { freePort } from '../../kit/free-port.ts';
import { proxyOptions } from '../../kit/proxy-options.ts';
import { createClient } from '../../xds/client.ts';
import { ads } from '../../xds/loopback/serving.ts';

const minute = 60_000;
const soon = 300;

/** The state of a mesh with one secret. */
function stateOf(version: string): ServedMeshes {
  const content = secretContent([{ bytes: Buffer.from(version), hash: new Uint8Array(32) }]);
  return new Map([
    ['default', { secrets: { version, secrets: new Map([['ALL', encodeSecret('ALL', content)]]) } }],
  ]);
}

/** Stops the next worker as soon as its process exists, and returns it. */
async function stopNext(): Promise<Worker> {
  const [worker] = (await once(cluster, 'fork')) as [Worker];
  process.kill(worker.process.pid ?? Number.NaN, 'SIGSTOP');
  return worker;
}

/** The time limits of the first worker, of the second, and so on. By default a minute. */
interface Times {
  readonly startMs?: number[];
  readonly applyMs?: number[];
  readonly answerMs?: number[];
}

/**
 * Starts a pool of one worker, whose listener keeps its port. `logged` emits the events of the log.
 */
async function startPool({ startMs = [], applyMs = [], answerMs = [] }: Times) {
  const logged = new EventEmitter();
  const stream = new Writable({
    write(line: Buffer, _, done) {
      const { event, msg } = JSON.parse(line.toString()) as { readonly event: string; readonly msg: string };
      logged.emit(event, msg);
      done();
    },
  });
  const port = await freePort();
  const pool = await startWorkerPool({
    count: 1,
    options: { ...proxyOptions, xdsListen: `127.0.0.1:${port}`, logFormat: 'json', logLevel: 'error' },
    log: createLogger({ format: 'json', level: 'error', stream }),
    limits: {
      get startMs() {
        return startMs.shift() ?? minute;
      },
      get applyMs() {
        return applyMs.shift() ?? minute;
      },
      get answerMs() {
        return answerMs.shift() ?? minute;
      },
    },
  });
  return { pool, logged, [Symbol.asyncDispose]: () => pool.drain(0) };
}

/** Returns the names of the resources that a new client receives first. */
async function receive(pool: WorkerPool): Promise<readonly string[]> {
  using client = createClient(await pool.listen());
  using stream = client.delta(ads.delta);
  stream.send({ type_url: secretTypeUrl, node: { id: 'n' }, resource_names_subscribe: ['ALL'] });
  const { resources } = await stream.next();
  return resources.map(({ name }) => name);
}

suite('worker that hangs', { skip: process.platform === 'win32' && 'has no SIGSTOP' }, () => {
  test('at the start of the server, before it listens: the start fails, and the worker is ended', async () => {
    const stopped = stopNext();
    const start = startPool({ startMs: [soon] });
    const [worker] = await Promise.all([
      stopped,
      assert.rejects(start, /^Error: worker 1 did not listen within 0.3 s$/),
    ]);
    if (!worker.isDead()) await once(worker, 'exit');
    assert.equal(worker.process.signalCode, 'SIGKILL');
  });

  test('before it listens, in place of one that ended: is ended, and the next one serves', async () => {
    await using started = await startPool({ startMs: [minute, soon] });
    const { pool, logged } = started;
    pool.publish(stateOf('one'), Date.now());
    const [first] = Object.values(cluster.workers ?? {});
    const stopped = stopNext();
    const stuck = once(logged, 'worker-stuck');
    first?.process.kill('SIGKILL');
    const worker = await stopped;
    assert.deepEqual(await stuck, ['worker 1 did not listen within 0.3 s, so it is ended']);
    if (!worker.isDead()) await once(worker, 'exit');
    assert.equal(worker.process.signalCode, 'SIGKILL');
    await once(cluster, 'listening');
    assert.deepEqual(await receive(pool), ['ALL']);
  });

  test('while it applies a change: is ended, and its replacement serves the change', async () => {
    await using started = await startPool({ applyMs: [soon] });
    const { pool, logged } = started;
    const [first] = Object.values(cluster.workers ?? {});
    assert.ok(first?.process.pid !== undefined);
    process.kill(first.process.pid, 'SIGSTOP');
    const stuck = once(logged, 'worker-stuck');
    const replaced = once(cluster, 'listening');
    pool.publish(stateOf('one'), Date.now());
    assert.deepEqual(await stuck, ['worker 1 did not apply a change within 0.3 s, so it is ended']);
    await replaced;
    assert.deepEqual(await receive(pool), ['ALL']);
  });

  test('while there is no change: is ended, and its replacement serves', async () => {
    await using started = await startPool({ answerMs: [2_000] });
    const { pool, logged } = started;
    pool.publish(stateOf('one'), Date.now());
    assert.deepEqual(await receive(pool), ['ALL']);
    const [first] = Object.values(cluster.workers ?? {});
    assert.ok(first?.process.pid !== undefined);
    const stuck = once(logged, 'worker-stuck');
    const replaced = once(cluster, 'listening');
    process.kill(first.process.pid, 'SIGSTOP');
    assert.deepEqual(await stuck, ['worker 1 did not answer within 2 s, so it is ended']);
    await replaced;
    assert.deepEqual(await receive(pool), ['ALL']);
  });

  test('before it listens, while the server ends: is ended, and the server does not wait for it', async () => {
    await using started = await startPool({});
    const { pool } = started;
    const [first] = Object.values(cluster.workers ?? {});
    const stopped = stopNext();
    first?.process.kill('SIGKILL');
    const worker = await stopped;
    await pool.drain(0);
    if (!worker.isDead()) await once(worker, 'exit');
    assert.equal(worker.process.signalCode, 'SIGKILL');
  });
});

test('worker that ended, whose last messages arrive after that: is not waited for', async () => {
  await using started = await startPool({});
  const { pool } = started;
  const [first] = Object.values(cluster.workers ?? {});
  assert.ok(first !== undefined);
  const ended = once(first, 'exit');
  const replaced = once(cluster, 'listening');
  first.process.kill('SIGKILL');
  await ended;
  first.emit('message', { kind: 'listening', address: await pool.listen() });
  first.emit('message', { kind: 'alive' });
  await replaced;
  await pool.drain(0);
});
