import assert from 'node:assert/strict';
import { test } from 'node:test';
import { typeUrls } from '../../../src/xds/index.ts';
import type { StreamEnd } from '../../../src/xds/index.ts';
import { setOf } from '../vocabulary.ts';
import { createClient } from '../client.ts';
import { startRelay } from './relay.ts';
import { ads, serve } from './serving.ts';

test('client that stops answering pings: its connection is closed, that of another client is not', async () => {
  const closed = Promise.withResolvers<readonly [string, StreamEnd]>();
  await using serving = await serve(
    { observer: { streamClosed: ({ nodeId }, end) => closed.resolve([nodeId, end]) } },
    { keepaliveMs: 50, keepaliveTimeoutMs: 200 },
  );
  serving.store.set('', typeUrls.secret, setOf({ a: '1' }));
  await using relay = await startRelay(serving.address);
  using vanishing = createClient(relay.address);
  using there = createClient(serving.address);
  const streams = [];
  for (const [id, client] of [['vanishing', vanishing] as const, ['there', there] as const]) {
    const stream = client.delta(ads.delta);
    stream.send({ type_url: typeUrls.secret, node: { id }, resource_names_subscribe: ['a'] });
    await stream.next();
    streams.push(stream);
  }
  relay.freeze();
  const [nodeId, { code, by }] = await closed.promise;
  assert.deepEqual([nodeId, code, by], ['vanishing', 'CANCELLED', 'silence']);
  assert.equal(serving.xds.streams(), 1);
  relay.thaw();
  await relay.closedByServer;
  serving.store.set('', typeUrls.secret, setOf({ a: '2' }));
  streams[1]?.send({ type_url: typeUrls.secret, resource_names_subscribe: ['b'] });
  await streams[1]?.next();
});
