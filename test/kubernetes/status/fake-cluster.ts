import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';
import type { TestContext } from 'node:test';

import { KubeConfig } from '@kubernetes/client-node';
import { createApiClient } from '../../../src/kubernetes/client/api-client.ts';
import type { ApiClient } from '../../../src/kubernetes/client/api-client.ts';

/** A request that the fake server received. */
export interface Request {
  readonly method: string;
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface Answer {
  readonly status: number;
  readonly object?: object;
  /** The response is sent after this promise. The request is recorded before. */
  readonly after?: Promise<unknown>;
}

/** A fake API server, whose responses a function decides. */
export interface FakeCluster {
  readonly client: ApiClient;
  readonly requests: readonly Request[];
  /** Waits until the given number of requests match, and returns them. */
  readonly until: (count: number, fits: (request: Request) => boolean) => Promise<readonly Request[]>;
}

/** Starts a fake API server on loopback. It is closed at the end of the test. */
export async function startFakeCluster(
  t: TestContext,
  answer: (request: Request) => Answer,
): Promise<FakeCluster> {
  const requests: Request[] = [];
  const listeners = new Set<() => void>();
  const server = createServer((message, response) => {
    void readRequest(message).then(async (request) => {
      const { status, object = {}, after } = answer(request);
      requests.push(request);
      for (const listener of listeners) listener();
      await after;
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(object));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const client = createApiClient(() => {
    const config = new KubeConfig();
    const cluster = { name: 'fake', server: `http://127.0.0.1:${port}`, skipTLSVerify: true };
    config.loadFromClusterAndUser(cluster, { name: 'user', token: 'token' });
    return config;
  });
  t.after(() => {
    client.close();
    server.closeAllConnections();
    server.close();
  });
  return {
    client,
    requests,
    until: (count, fits) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`fewer than ${count} such requests in 30 s`)),
          30_000,
        );
        const look = (): void => {
          const found = requests.filter(fits);
          if (found.length < count) return;
          clearTimeout(timer);
          listeners.delete(look);
          resolve(found);
        };
        listeners.add(look);
        look();
      }),
  };
}

async function readRequest(message: IncomingMessage): Promise<Request> {
  const { method = '', url = '' } = message;
  const body = method === 'GET' ? {} : ((await json(message)) as Record<string, unknown>);
  return { method, path: new URL(url, 'http://fake').pathname, body };
}
