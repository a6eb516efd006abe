import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import type { UntypedHandleCall } from '@grpc/grpc-js';
import { typeUrls } from '../../../src/xds/index.ts';
import { accessInternals } from '../../../src/xds/server/grpc-internals.ts';
import type { BytesCall } from '../../../src/xds/server/grpc-internals.ts';
import { serviceDefinition } from '../../../src/xds/server/service-port.ts';
import { discoveryServices } from '../../../src/xds/server/services.ts';
import { setOf } from '../vocabulary.ts';
import { createClient } from '../client.ts';
import { deltaRequests } from '../codec.ts';
import { ads, serve } from './serving.ts';
import { createSlowReader } from './slow-reader.ts';

/** Runs `look` on a call that grpc-js created. */
async function onCall(
  look: (call: BytesCall) => void,
  options: Readonly<Record<string, number>> = {},
): Promise<void> {
  const [service] = discoveryServices;
  assert.ok(service !== undefined);
  const server = new Server(options);
  const { promise: looked, resolve, reject } = Promise.withResolvers<void>();
  const handler = (call: BytesCall): void => {
    try {
      look(call);
      resolve();
    } catch (error) {
      reject(error instanceof Error ? error : new Error(String(error)));
    }
    call.on('error', () => undefined);
    call.emit('error', { code: status.OK, details: '' });
  };
  server.addService(serviceDefinition(service), {
    [service.delta]: handler as UntypedHandleCall,
    [service.sotw]: handler as UntypedHandleCall,
  });
  const port = await new Promise<number>((bound, failed) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, at) =>
      error === null ? bound(at) : failed(error),
    );
  });
  using client = createClient(`127.0.0.1:${port}`);
  using stream = client.delta(ads.delta);
  await looked;
  stream.cancel();
  server.forceShutdown();
}

suite('internals of grpc-js', () => {
  test('installed grpc-js: has the expected internals', () =>
    onCall((call) => assert.equal(accessInternals(call)?.maxReceiveBytes, 4 * 1024 * 1024)));

  test('no receive limit: the limit is infinite', () =>
    onCall((call) => assert.equal(accessInternals(call)?.maxReceiveBytes, Number.POSITIVE_INFINITY), {
      'grpc.max_receive_message_length': -1,
    }));

  test('send limit: internals are not used', () =>
    onCall((call) => assert.equal(accessInternals(call), undefined), {
      'grpc.max_send_message_length': 1000,
    }));

  for (const [what, spoil] of [
    ['inner call is missing', (call) => Object.assign(call, { call: undefined })],
    ['stream is missing', (call) => Object.assign(inside(call), { stream: undefined })],
    ['compressed requests', (call) => Object.assign(inside(call), { incomingEncoding: 'gzip' })],
    ['request was read already', (call) => Object.assign(inside(call), { readQueue: [{}] })],
    ['queue of requests is missing', (call) => Object.assign(inside(call), { readQueue: undefined })],
    ['limit is not a number', (call) => Object.assign(inside(call), { maxReceiveMessageSize: '4' })],
    ['stream has another reader', (call) => streamOf(call).on('data', () => undefined)],
  ] as const satisfies readonly (readonly [string, (call: BytesCall) => unknown])[]) {
    test(`${what}: internals are not used`, () =>
      onCall((call) => {
        const restore = { call: inside(call), stream: streamOf(call) };
        spoil(call);
        const below = accessInternals(call);
        Object.assign(call, { call: restore.call });
        Object.assign(restore.call, { stream: restore.stream });
        assert.equal(below, undefined);
      }));
  }
});

test('compressed request: is read by grpc-js', async () => {
  await using serving = await serve();
  serving.store.set('', typeUrls.secret, setOf({ a: '1' }));
  const client = serving.connect({ 'grpc.default_compression_algorithm': 2 });
  using stream = client.delta(ads.delta);
  stream.send({ type_url: typeUrls.secret, resource_names_subscribe: ['a'] });
  assert.equal((await stream.next()).resources[0]?.name, 'a');
});

test('later request of many chunks: is read without its node', async () => {
  let requests = 0;
  await using serving = await serve({ observer: { request: () => void (requests += 1) } });
  serving.store.set('', typeUrls.secret, setOf({ a: '1', b: '1' }));
  const client = serving.connect();
  using stream = client.delta(ads.delta);
  const cluster = 'x'.repeat(300_000);
  const node = { id: 'n', cluster };
  stream.sendBytes(
    deltaRequests.serialize({ type_url: typeUrls.secret, node, resource_names_subscribe: ['a'] }),
  );
  const first = await stream.next();
  stream.send({ type_url: typeUrls.secret, node, response_nonce: first.nonce });
  stream.send({ type_url: typeUrls.secret, node, resource_names_subscribe: ['b'] });
  assert.equal((await stream.next()).resources[0]?.name, 'b');
  assert.equal(requests, 3);
});

suite('HTTP/2 window of a connection', () => {
  for (const [what, cluster, expected] of [
    ['small requests: window keeps its default size', 'x', 65_535],
    ['request that fills the window: window is enlarged', 'x'.repeat(61_000), 262_144],
  ] as const) {
    test(what, async () => {
      await using serving = await serve();
      serving.store.set('', typeUrls.secret, setOf({ a: '1' }));
      using client = createSlowReader(serving.address, ads.delta);
      const node = { id: 'n', cluster };
      client.send(
        deltaRequests.serialize({ type_url: typeUrls.secret, node, resource_names_subscribe: ['a'] }),
      );
      // The settings with the window arrive before the response.
      await client.started;
      assert.equal(client.window(), expected);
    });
  }
});

function inside(call: BytesCall): object {
  return (call as unknown as { readonly call: object }).call;
}

function streamOf(call: BytesCall): NodeJS.ReadableStream {
  return (inside(call) as { readonly stream: NodeJS.ReadableStream }).stream;
}
