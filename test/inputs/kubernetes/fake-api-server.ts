import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { json as readJson } from 'node:stream/consumers';
import type { TestContext } from 'node:test';

import { KubeConfig } from '@kubernetes/client-node';

/** A request that waits for its response. */
export interface Asked {
  readonly kind: 'list' | 'watch';
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly authorization: string | undefined;
  readonly contentType: string | undefined;
  readonly cacheControl: string | undefined;
  /** Parses the body as JSON. */
  readonly body: () => Promise<unknown>;
  /** Answers with one object. */
  readonly answer: (status: number, object: object) => void;
  /** Answers with a list. */
  readonly list: (objects: readonly object[], version: string, token?: string) => void;
  /** Answers with an error in the form of the API server. */
  readonly refuse: (status: number, headers?: Readonly<Record<string, string>>) => void;
  /** Answers a watch with the response headers, and keeps it open. */
  readonly open: () => OpenWatch;
  /** Answers with any text. */
  readonly text: (text: string) => void;
  /** Closes the connection without a response. */
  readonly drop: () => void;
}

/** A watch that the server has accepted. */
export interface OpenWatch {
  readonly event: (type: string, object: object) => void;
  readonly write: (text: string) => void;
  readonly end: () => void;
  readonly drop: () => void;
  /** Resolves when the client has closed the connection. */
  readonly closed: Promise<unknown>;
}

/** A fake API server. The test answers each request. */
export interface FakeApiServer {
  readonly url: string;
  readonly config: () => KubeConfig;
  /** Returns the next request. Waits for at most 5 s. */
  readonly asked: () => Promise<Asked>;
  /** Returns the number of all requests. */
  readonly requests: () => number;
}

/** Starts a fake API server on loopback. It is closed at the end of the test. */
export async function startFakeApiServer(t: TestContext): Promise<FakeApiServer> {
  const waiting: Asked[] = [];
  const takers: ((asked: Asked) => void)[] = [];
  let count = 0;
  const server = createServer((request, response) => {
    count += 1;
    const asked = askedOf(request, response);
    const taker = takers.shift();
    if (taker === undefined) waiting.push(asked);
    else taker(asked);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    config: () => {
      const config = new KubeConfig();
      config.loadFromClusterAndUser(
        { name: 'fake', server: url, skipTLSVerify: true },
        { name: 'user', token: 'secret-token' },
      );
      return config;
    },
    asked: () => {
      const ready = waiting.shift();
      if (ready !== undefined) return Promise.resolve(ready);
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error('no request within 30 s')), 30_000);
        takers.push((asked) => {
          clearTimeout(timer);
          resolve(asked);
        });
      });
    },
    requests: () => count,
  };
}

function askedOf(request: IncomingMessage, response: ServerResponse): Asked {
  const url = new URL(request.url ?? '', 'http://fake');
  const json = (status: number, body: object, headers: Readonly<Record<string, string>> = {}): void => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };
  return {
    kind: url.searchParams.has('watch') ? 'watch' : 'list',
    method: request.method ?? '',
    path: url.pathname,
    query: url.searchParams,
    authorization: request.headers.authorization,
    contentType: request.headers['content-type'],
    cacheControl: request.headers['cache-control'],
    body: () => readJson(request),
    answer: json,
    list: (items, resourceVersion, token) =>
      json(200, { kind: 'MeshTrustList', metadata: { resourceVersion, continue: token }, items }),
    refuse: (code, headers) => json(code, { kind: 'Status', code, message: `status ${code}` }, headers),
    open: () => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.flushHeaders();
      return {
        event: (type, object) => response.write(`${JSON.stringify({ type, object })}\n`),
        write: (text) => response.write(text),
        end: () => response.end(),
        drop: () => response.destroy(),
        closed: once(response, 'close'),
      };
    },
    text: (text) => response.end(text),
    drop: () => response.destroy(),
  };
}

/** Returns a MeshTrust as the API server stores it. */
export function apiObject(name: string, version: number, spec: object = { trustDomain: name }): object {
  return {
    apiVersion: 'kuma.io/v1alpha1',
    kind: 'MeshTrust',
    metadata: {
      name,
      namespace: 'kuma-system',
      resourceVersion: String(version),
      managedFields: [{ manager: `kubectl-${version}` }],
    },
    spec,
  };
}
