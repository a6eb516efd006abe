import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import {
  addXdsServices,
  createResource,
  createResourceSet,
  createSnapshotStore,
  typeUrls,
} from '../../src/xds/index.ts';
import { createClient } from './client.ts';

test('a change of a secret reaches an ADS delta stream', async () => {
  const store = createSnapshotStore();
  const server = new Server();
  const xds = addXdsServices(server, store, {
    types: { [typeUrls.secret]: { oneResourcePerResponse: true } },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  using client = createClient(`127.0.0.1:${port}`);
  using stream = client.delta(
    '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
  );
  stream.send({ node: { id: 'a' }, type_url: typeUrls.secret, resource_names_subscribe: ['s'] });
  store.set('', typeUrls.secret, createResourceSet([createResource('s', Buffer.from('one'))]));
  const first = await stream.next();
  assert.equal(first.resources[0]?.resource.value.toString(), 'one');
  stream.send({ type_url: typeUrls.secret, response_nonce: first.nonce });
  store.set('', typeUrls.secret, createResourceSet([createResource('s', Buffer.from('two'))]));
  const second = await stream.next();
  assert.equal(second.resources[0]?.resource.value.toString(), 'two');
  await xds.drain(0);
  assert.equal((await stream.ended).code, 14);
  assert.equal(xds.streams(), 0);
  server.forceShutdown();
});
