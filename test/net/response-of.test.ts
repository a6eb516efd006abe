import assert from 'node:assert/strict';
import { createServer, request as httpRequest } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { createRestClient } from '../../src/inputs/universal/rest-client.ts';
import { createApiClient } from '../../src/kubernetes/client/api-client.ts';
import { responseOf } from '../../src/net/response-of.ts';

const switched = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n';
const withoutResponse = /the server ended the connection without a response/;

async function urlOf(t: TestContext, respond: RequestListener): Promise<string> {
  const server = createServer(respond);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('response: is returned, also if the connection ends before it is read', async (t) => {
  const url = await urlOf(t, (_request, response) => void response.writeHead(204).end());
  const request = httpRequest(url, { agent: false });
  const responded = responseOf(request);
  request.end();
  assert.equal((await responded).statusCode, 204);
});

test('closed connection: the error of the system', async (t) => {
  const url = await urlOf(t, ({ socket }) => void socket.destroy());
  const request = httpRequest(url, { agent: false });
  const responded = responseOf(request);
  request.end();
  await assert.rejects(responded, { code: 'ECONNRESET' });
});

test('switch to another protocol: fails in each client', { timeout: 10_000 }, async (t) => {
  const url = await urlOf(t, (_request, { socket }) => void socket?.write(switched));
  const { signal } = new AbortController();
  const rest = createRestClient({ url, tokenFile: undefined, ca: undefined });
  t.after(() => rest.close());
  await assert.rejects(rest.get('/meshtrusts', signal), withoutResponse);
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  config.loadFromClusterAndUser({ name: 'test', server: url, skipTLSVerify: true }, { name: 'test' });
  const api = createApiClient(() => config);
  t.after(() => api.close());
  await assert.rejects(api.get('/version', signal), withoutResponse);
});
