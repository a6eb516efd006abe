import { once } from 'node:events';
import { Agent, createServer, get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { createHttpListener } from '../../net/http-listener.ts';

/**
 * Serves one HTTP request over the loopback interface, as a probe of the admin listener, after which the client closes the
 * connection. Its socket has another layout than those of proxies. V8 discards the compiled code of `node:net` when it meets
 * the first such socket, unless it has met one before it compiles that code.
 * @throws {Error} if there is no port of the loopback interface.
 */
export async function serveProbe(): Promise<void> {
  const server = createServer();
  const listener = createHttpListener(server, { onRequest: (_request, response) => void response.end() });
  const address = await listener.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
  const agent = new Agent({ keepAlive: true });
  try {
    const connected = once(server, 'connection');
    const request = get(`http://${address}/`, { agent });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.resume();
    await once(response, 'end');
    const [socket] = (await connected) as [Socket];
    const closed = once(socket, 'close');
    agent.destroy();
    await closed;
  } finally {
    agent.destroy();
    await listener.close();
  }
}
