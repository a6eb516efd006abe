import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { after, suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { canKeepAlive, keepAlive } from '../../src/grpc/keep-alive.ts';
import { startRelay } from '../xds/loopback/relay.ts';
import { createHealthClient, startServer } from './server.ts';

const times = { intervalMs: 40, timeoutMs: 80 };

suite('keepalive of connections', () => {
  // In a separate process, so that it answers while this process is busy.
  const client = fork(fileURLToPath(new URL('ping-answerer.ts', import.meta.url)));
  after(() => client.kill());

  test('connections of this grpc-js version: are found', () => {
    assert.equal(canKeepAlive(), true);
  });

  test('interval of a year: takes no more memory than one of 45 s', async () => {
    using rig = await startServer({ keepaliveMs: 0 });
    const before = process.memoryUsage().heapUsed;
    for (const hours of [720, 8_760, 100_000]) {
      keepAlive(rig.server, { intervalMs: hours * 3_600_000, timeoutMs: 10_000 }).stop();
      const grownBy = process.memoryUsage().heapUsed - before;
      assert.ok(grownBy < 10_000_000, `${grownBy} bytes after ${hours} h`);
    }
  });

  test('event loop was busy: no connection is closed for that time', async () => {
    using rig = await startServer({ keepaliveMs: 0 });
    const alive = keepAlive(rig.server, times);
    client.send(rig.address);
    const heard: string[] = [];
    client.on('message', (what: string) => heard.push(what));
    // Each client answers an earlier ping while this thread blocks for longer than the time-out.
    while (heard.length < 7 && !heard.includes('closed')) {
      await once(client, 'message');
      block(3 * times.timeoutMs);
    }
    alive.stop();
    assert.deepEqual([...new Set(heard)], ['ping']);
  });

  test('client that does not answer: is closed, no other is', async () => {
    using rig = await startServer({ keepaliveMs: 0 });
    const alive = keepAlive(rig.server, times);
    await using relay = await startRelay(rig.address);
    using vanishing = createHealthClient(relay.address);
    using there = createHealthClient(rig.address);
    using watch = there.watch();
    assert.equal(await vanishing.check(), 'NOT_SERVING');
    assert.equal(await watch.next(), 'NOT_SERVING');
    relay.freeze();
    const closed = relay.closedByServer;
    // The relay forwards the end of the connection when it is resumed.
    const thaw = setTimeout(() => relay.thaw(), 10 * times.timeoutMs);
    await closed;
    clearTimeout(thaw);
    rig.health.setServing(true);
    assert.equal(await watch.next(), 'SERVING');
    alive.stop();
  });
});

function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}
