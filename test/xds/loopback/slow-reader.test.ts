import assert from 'node:assert/strict';
import { test } from 'node:test';
import { typeUrls } from '../../../src/xds/index.ts';
import { deltaRequests, deltaResponses } from '../codec.ts';
import { roundTrip, sds, serve } from './serving.ts';
import { createSlowReader } from './slow-reader.ts';

test('slow client: has one pending response, and then gets the newest state', async () => {
  let sent = 0;
  let now = 0;
  await using serving = await serve({
    clock: () => now,
    // Longer than this clock runs: a sweep during the test must not end the slow stream.
    slowTimeoutMs: 3_600_000,
    observer: { response: () => void (sent += 1) },
  });
  const publish = (version: number): void => {
    const big = { name: 'big', version: String(version), body: Buffer.alloc(500_000, version) };
    serving.store.set('', typeUrls.secret, { version: String(version), resources: new Map([['big', big]]) });
  };
  publish(1);
  using slow = createSlowReader(serving.address, sds.delta);
  slow.send(deltaRequests.serialize({ resource_names_subscribe: ['big'] }));
  await slow.started;
  const client = serving.connect();
  for (let version = 2; version <= 50; version += 1) {
    now += 10_000; // Each is overdue, so that only the transport holds them back.
    publish(version);
    await roundTrip(client);
  }
  assert.equal(sent, 1);
  const versions: (string | undefined)[] = [];
  for await (const message of slow.read()) {
    versions.push(deltaResponses.deserialize(message).resources[0]?.version);
    if (versions.length === 2) break;
  }
  assert.deepEqual(versions, ['1', '50']);
});
