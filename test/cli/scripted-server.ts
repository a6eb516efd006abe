import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ServerAccess } from '../../src/cli/ask/server-options.ts';

/**
 * Answers of an admin API by the end of their path, with the state of a list of proxies behind it (`/proxies?lost`). A
 * function gets the number of the request to this path. `undefined` and any other path are an error.
 */
export type Answers = Readonly<Record<string, object | ((round: number) => object) | undefined>>;

/** Starts an admin API with these answers. */
export async function startScripted(
  answers: Answers,
): Promise<AsyncDisposable & { readonly access: ServerAccess; readonly url: string }> {
  const rounds = new Map<string, number>();
  const server = createServer(({ url = '' }, response) => {
    const { pathname, searchParams } = new URL(url, 'http://host');
    const state = searchParams.get('state');
    const path = state === null ? pathname : `${pathname}?${state}`;
    const [end, answer] = Object.entries(answers).find(([name]) => path.endsWith(name)) ?? [];
    const round = (rounds.get(end ?? '') ?? 0) + 1;
    rounds.set(end ?? '', round);
    const body = typeof answer === 'function' ? (answer as (round: number) => object)(round) : answer;
    response.writeHead(body === undefined ? 404 : 200);
    response.end(JSON.stringify(body ?? { error: { code: 'not-found', message: 'unknown' } }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const tls = { ca: undefined, cert: undefined, key: undefined };
  return {
    url,
    access: { name: url, target: { kind: 'url', url: new URL(url) }, token: undefined, tls },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
