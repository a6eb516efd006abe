import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { mapStrings } from '../../src/text/plain-text.ts';
import type { MeshTrustText } from '../kit/mesh-trust-text.ts';
import { statesOf, streamOf } from '../fleet/scene.ts';
import { wholeServer } from './whole-server.ts';

/** Text that controls a terminal, forges a line, reorders text, and is partly invisible. */
export const hostile =
  '\u001b[2J\u001b]0;owned\u0007\u007f\u009b31m\u202e\u2066\u200b\u2028\ufdd2\r\nforged: line';

/** Fields that no peer can choose: times, hashes and enumerations. */
const untouched =
  /^(?:.*At|notBefore|notAfter|at|.*[vV]ersion|fingerprint|keyHash|compressedKeyHash|state|status|severity|code|rooting|pem|kind|transport|transports|next)$/;

/** Starts a server that answers like a real one, with hostile text appended to all other strings. */
export async function hostileServer(resources: readonly MeshTrustText[]) {
  await using stack = new AsyncDisposableStack();
  const whole = stack.use(await wholeServer(resources));
  const proxy = streamOf(1, 'web-1');
  whole.proxies.publish(statesOf({ ALL: 'v2' }));
  whole.proxies.asks(proxy);
  whole.proxies.sent(proxy, 'v2');
  whole.proxies.refuses(proxy, 'v2', 'Failed to load');
  const change = (text: string, key: string): string => (untouched.test(key) ? text : text + hostile);
  const server = createServer((request, response) => {
    // The client requests objects by the hostile names that it received.
    const url = new URL(request.url ?? '', whole.url);
    url.pathname = url.pathname.split(encodeURIComponent(hostile)).join('');
    const query = url.searchParams.entries().map(([name, value]) => [name, value.replace(hostile, '')]);
    url.search = new URLSearchParams([...query] as string[][]).toString();
    void fetch(url, { method: request.method ?? 'GET' }).then(async (answer) => {
      response.writeHead(answer.status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(mapStrings(await answer.json(), change)));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stack.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  const owned = stack.move();
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
