import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { startXdsEndpoint } from '../../src/frontend/xds-endpoint.ts';
import type { XdsEndpoint } from '../../src/frontend/xds-endpoint.ts';
import { createLogger } from '../../src/observe/log/log.ts';
import type { ProxyOptions } from '../../src/runtime/serve-options.ts';
import { secretTypeUrl } from '../../src/trust/snapshot/publisher.ts';
import { createSnapshotStore } from '../../src/xds/index.ts';
import type { SnapshotStore, XdsObserver } from '../../src/xds/index.ts';
import { concat, field } from '../../src/xds/wire/write.ts';
import { createHealthClient } from '../grpc/server.ts';
import { proxyOptions } from '../kit/proxy-options.ts';
import { makeTempDir } from '../kit/temp-dir.ts';
import { createClient } from '../xds/client.ts';
import { setOf } from '../xds/vocabulary.ts';

const ads = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const fetchPath = '/envoy.service.secret.v3.SecretDiscoveryService/FetchSecrets';

interface Started extends AsyncDisposable {
  readonly endpoint: XdsEndpoint;
  readonly store: SnapshotStore;
}

async function start(changed: Partial<ProxyOptions>, observer: XdsObserver = {}): Promise<Started> {
  const store = createSnapshotStore();
  const log = createLogger({ format: 'json', level: 'error' });
  const authFailed = (): void => assert.fail('there is no TLS');
  const endpoint = await startXdsEndpoint({
    options: { ...proxyOptions, ...changed },
    store,
    observer,
    log,
    authFailed,
  });
  return { endpoint, store, [Symbol.asyncDispose]: () => endpoint.drain(0) };
}

for (const xdsTransport of ['grpc-js', 'own'] as const) {
  suite(`xDS port, ${xdsTransport}`, () => {
    test('streams of a connection above its share: wait while another connection is served', async () => {
      // The share of a connection is two streams at once, and one a second.
      await using started = await start({ xdsTransport, openRate: 1, openBurst: 100 });
      const { endpoint, store } = started;
      store.set('default', secretTypeUrl, setOf({ ALL: '1' }));
      using greedy = createClient(endpoint.address);
      const streams = Array.from({ length: 60 }, () => {
        const stream = greedy.delta(ads);
        stream.send({ type_url: secretTypeUrl, resource_names_subscribe: ['ALL'] });
        return stream;
      });
      await streams[0]?.next();
      using other = createClient(endpoint.address, { 'test.connection': 1 });
      using honest = other.delta(ads);
      honest.send({ type_url: secretTypeUrl, resource_names_subscribe: ['ALL'] });
      await honest.next();
      const served = streams.filter(({ received }) => received > 0).length;
      assert.ok(served < 30, `${served} streams of the first connection were served`);
      for (const stream of streams) stream.cancel();
    });

    test('unix socket: proxies are served', async () => {
      await using dir = await makeTempDir();
      await using started = await start({ xdsTransport, xdsListen: `unix:${dir.join('xds.sock')}` });
      started.store.set('default', secretTypeUrl, setOf({ ALL: '1' }));
      using client = createClient(started.endpoint.address);
      using stream = client.delta(ads);
      stream.send({ type_url: secretTypeUrl, resource_names_subscribe: ['ALL'] });
      await stream.next();
    });

    test('health calls above the rate: wait, also on different connections', async () => {
      await using started = await start({ xdsTransport, openRate: 20, openBurst: 1 });
      started.endpoint.setServing(true);
      const startedAt = performance.now();
      const checks = Array.from({ length: 11 }, async () => {
        using client = createHealthClient(started.endpoint.address);
        return await client.check();
      });
      assert.deepEqual(new Set(await Promise.all(checks)), new Set(['SERVING']));
      // Ten calls wait for 50 ms each.
      assert.ok(performance.now() - startedAt > 400);
    });

    test('node with 33,000 metadata fields: only the mesh is decoded', async () => {
      await using started = await start({ xdsTransport });
      const { endpoint, store } = started;
      store.set('m', secretTypeUrl, setOf({ ALL: '1' }));
      // A struct that is longer than its field: a decoder that reads it fails.
      const broken = Uint8Array.of(0x2a, 0x7f);
      const entry = (key: string, value: Uint8Array): Uint8Array =>
        field(1, concat([field(1, Buffer.from(key)), field(2, value)]));
      const metadata = Array.from({ length: 33_000 }, (_, index) => entry(index.toString(36), broken));
      const mesh = entry('mesh', field(3, Buffer.from('m')));
      const node = field(3, concat([...metadata, mesh]));
      using client = createClient(endpoint.address);
      const request = concat([field(2, node), field(3, Buffer.from('ALL'))]);
      assert.ok(request.length > 300_000);
      const response = await client.fetchBytes(fetchPath, request);
      assert.ok(response.length > 0);
    });
  });
}

suite('warm-up of the xDS port', () => {
  test('a proxy that connects during it: is served, and observers see no other proxy', async () => {
    const nodes: string[] = [];
    const observer: XdsObserver = { request: ({ nodeId }) => void nodes.push(nodeId) };
    await using started = await start({ xdsTransport: 'own' }, observer);
    const { endpoint, store } = started;
    store.set('default', secretTypeUrl, setOf({ ALL: '1' }));
    endpoint.setServing(true);
    using client = createClient(endpoint.address);
    using stream = client.delta(ads);
    stream.send({ node: { id: 'envoy' }, type_url: secretTypeUrl, resource_names_subscribe: ['ALL'] });
    await stream.next();
    assert.deepEqual(nodes, ['envoy']);
  });
});
