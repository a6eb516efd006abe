import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { createHealthClient, startServer } from './server.ts';

suite('health service', () => {
  test('start: NOT_SERVING for the server and for each known service', async () => {
    using rig = await startServer();
    using client = createHealthClient(rig.address);
    assert.equal(await client.check(), 'NOT_SERVING');
    assert.equal(await client.check('known.Service'), 'NOT_SERVING');
    rig.health.setServing(true);
    assert.equal(await client.check(), 'SERVING');
    assert.equal(await client.check('known.Service'), 'SERVING');
  });

  test('unknown service: NOT_FOUND', async () => {
    using rig = await startServer();
    using client = createHealthClient(rig.address);
    assert.equal(await client.check('unknown.Service'), status.NOT_FOUND);
    using watch = client.watch('unknown.Service');
    assert.equal(await watch.next(), 'SERVICE_UNKNOWN');
    rig.health.close();
    assert.equal(await watch.next(), status.UNAVAILABLE, 'it stays open until the end');
  });

  test('watch: receives the current status at once, and each change once', async () => {
    using rig = await startServer();
    using client = createHealthClient(rig.address);
    using first = client.watch();
    assert.equal(await first.next(), 'NOT_SERVING');
    rig.health.setServing(true);
    rig.health.setServing(true);
    assert.equal(await first.next(), 'SERVING');
    using second = client.watch('known.Service');
    assert.equal(await second.next(), 'SERVING');
    rig.health.setServing(false);
    assert.equal(await first.next(), 'NOT_SERVING');
    assert.equal(await second.next(), 'NOT_SERVING');
  });

  test('drain: stays NOT_SERVING', async () => {
    using rig = await startServer();
    using client = createHealthClient(rig.address);
    rig.health.setServing(true);
    using watch = client.watch();
    assert.equal(await watch.next(), 'SERVING');
    rig.health.drain();
    assert.equal(await watch.next(), 'NOT_SERVING');
    rig.health.setServing(false);
    rig.health.setServing(true);
    assert.equal(await client.check(), 'NOT_SERVING');
    rig.health.close();
    assert.equal(await watch.next(), status.UNAVAILABLE, 'nothing was sent in between');
  });

  test('watches are closed: the server can end', async () => {
    using rig = await startServer();
    using client = createHealthClient(rig.address);
    using gone = client.watch();
    assert.equal(await gone.next(), 'NOT_SERVING');
    gone[Symbol.dispose]();
    using watch = client.watch();
    assert.equal(await watch.next(), 'NOT_SERVING');
    rig.health.close();
    await new Promise<void>((resolve, reject) =>
      rig.server.tryShutdown((error) => (error === undefined ? resolve() : reject(error))),
    );
  });
});
