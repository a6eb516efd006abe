import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';

import { createApiClient } from '../../../src/kubernetes/client/api-client.ts';
import type { ApiClient } from '../../../src/kubernetes/client/api-client.ts';
import { callApi, refusalOf } from '../../../src/kubernetes/client/call-api.ts';
import { startFakeApiServer } from '../../inputs/kubernetes/fake-api-server.ts';
import type { FakeApiServer } from '../../inputs/kubernetes/fake-api-server.ts';

const { signal } = new AbortController();
const path = '/apis/coordination.k8s.io/v1/namespaces/kuma-system/leases/meshtrust';

async function setUp(
  t: TestContext,
): Promise<{ server: FakeApiServer; client: ApiClient; loads: () => number }> {
  const server = await startFakeApiServer(t);
  let count = 0;
  const client = createApiClient(() => {
    count += 1;
    return server.config();
  });
  t.after(() => client.close());
  return { server, client, loads: () => count };
}

test('GET: returns the object', async (t) => {
  const { server, client } = await setUp(t);
  const reply = callApi(client, path, signal);
  const asked = await server.asked();
  assert.deepEqual([asked.method, asked.path], ['GET', path]);
  asked.answer(200, { kind: 'Lease' });
  assert.deepEqual(await reply, {
    kind: 'answered',
    status: 200,
    object: { kind: 'Lease' },
    retryAfterMs: undefined,
  });
});

test('change: is sent as JSON of its media type, with credentials', async (t) => {
  const { server, client } = await setUp(t);
  const type = 'application/merge-patch+json';
  const body = { metadata: { annotations: { 'meshtrust.io/a': 'über' } } };
  const reply = callApi(client, { method: 'PATCH', path, type, body }, signal);
  const asked = await server.asked();
  assert.deepEqual(
    [asked.method, asked.contentType, asked.authorization],
    ['PATCH', type, 'Bearer secret-token'],
  );
  assert.deepEqual(await asked.body(), body);
  asked.answer(200, {});
  assert.equal((await reply).kind, 'answered');
});

test('response longer than the limit: is no object without fields', async (t) => {
  const { server, client } = await setUp(t);
  const read = callApi(client, path, signal, 5_000, 20);
  (await server.asked()).answer(200, { kind: 'Lease', name: 'a-long-name' });
  assert.deepEqual(await read, {
    kind: 'unreachable',
    reason: 'its response is longer than 20 characters',
    wasSent: false,
  });
});

test('rejected request: is described by the message of the API server', async (t) => {
  const { server, client } = await setUp(t);
  const reply = callApi(client, path, signal);
  (await server.asked()).refuse(403);
  assert.equal(refusalOf(await reply), '403: status 403');
});

test('closed connection, and no response in time: unreachable', async (t) => {
  const { server, client } = await setUp(t);
  const dropped = callApi(client, path, signal);
  (await server.asked()).drop();
  assert.equal((await dropped).kind, 'unreachable');
  assert.match(refusalOf(await callApi(client, path, signal, 20)), /no answer in time/);
});

test('rejected credentials, or failed connection: the kubeconfig is read again', async (t) => {
  const { server, client, loads } = await setUp(t);
  for (const [fail, expected] of [
    [async () => (await server.asked()).refuse(401), 2],
    [async () => (await server.asked()).drop(), 3],
    [async () => (await server.asked()).refuse(403), 3],
  ] as const) {
    const failed = callApi(client, path, signal);
    await fail();
    await failed;
    const next = callApi(client, path, signal);
    (await server.asked()).answer(200, {});
    await next;
    assert.equal(loads(), expected);
  }
});
