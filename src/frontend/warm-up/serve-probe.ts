import { once } from 'node:events';
import { Agent, createServer, get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { createHttpListener } from '../../net/http-listener.ts';

/** The time for a request over the loopback interface, in ms. */
const requestMs = 1000;

/**
 * Serves one HTTP request over the loopback interface, as a probe of the admin listener, after which the client closes
 * the connection. Its socket has another layout than those of proxies. V8 discards the compiled code of `node:net` when
 * it meets the first such socket, unless it has met one before it compiles that code.
 * @throws {Error} if there is no port of the loopback interface, or the request is not served within a second, for
 * example
 *   because another client connected to the port.
 */
export async function serveProbe(): Promise<void> {
  const signal = AbortSignal.timeout(requestMs);
  const server = createServer();
  const listener = createHttpListener(server, { onRequest: (_request, response) => void response.end() });
  const address = await listener.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
  const agent = new Agent({ keepAlive: true });
  try {
    const closed = new Promise((resolve) => {
      server.once('connection', (socket: Socket) => socket.once('close', resolve));
    });
    const request = get(`http://${address}/`, { agent, signal });
    // The time limit may also end a request whose response has begun.
    request.on('error', () => undefined);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.resume();
    await once(response, 'end', { signal });
    agent.destroy();
    await Promise.race([closed, once(signal, 'abort')]);
    signal.throwIfAborted();
  } finally {
    agent.destroy();
    server.closeAllConnections();
    await listener.close();
  }
}
