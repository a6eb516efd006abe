import { Server, ServerCredentials } from '@grpc/grpc-js';
import { endHalfClosed, watchHandshakes } from '../grpc/listeners.ts';
import { canKeepAlive, keepAlive } from '../grpc/keep-alive.ts';
import { listenGrpc } from '../grpc/listen.ts';
import { createTlsCredentials } from '../grpc/tls-credentials.ts';
import { logAcceptErrors } from '../observe/log/log-accept-errors.ts';
import { xdsServerOptions } from '../xds/index.ts';
import { hasOptionalCertificates, transportOptionsOf, waitForShutdown } from './proxy-server.ts';
import type { ProxyServer, ProxyServerOptions } from './proxy-server.ts';

/** Creates a server on grpc-js. */
export function createGrpcJsServer({ options, log, authFailed }: ProxyServerOptions): ProxyServer {
  const ownKeepAlive = options.keepalive > 0 && canKeepAlive();
  const transport = transportOptionsOf(options);
  const server = new Server(xdsServerOptions(ownKeepAlive ? { ...transport, keepaliveMs: 0 } : transport));
  const stack = new DisposableStack();
  let stopListening = (): void => undefined;
  return {
    server,
    async listen() {
      const tls =
        options.tls &&
        (await createTlsCredentials({
          ...options.tls,
          log,
          handshakeTimeoutMs: options.requestTimeout,
          optionalCertificates: hasOptionalCertificates(options.xdsAuth),
        }));
      stack.defer(() => tls?.close());
      const credentials = tls?.credentials ?? ServerCredentials.createInsecure();
      const acceptFailed = logAcceptErrors(log, 'the listener for proxies');
      const listener = await listenGrpc(server, options.xdsListen, credentials, acceptFailed);
      stack.defer(() => {
        // Without channelz, only this call finds the remaining connections.
        listener.destroy();
        server.forceShutdown();
      });
      watchHandshakes(server, authFailed);
      endHalfClosed(server);
      if (ownKeepAlive) {
        const times = { intervalMs: options.keepalive, timeoutMs: options.keepaliveTimeout };
        const alive = keepAlive(server, times);
        stack.defer(() => alive.stop());
      }
      stopListening = () => listener.stop();
      return listener.address;
    },
    async shutDown() {
      stopListening();
      await waitForShutdown((done) => server.tryShutdown(() => done()));
      stack.dispose();
    },
  };
}
