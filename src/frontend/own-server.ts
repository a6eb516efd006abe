import type { Socket } from 'node:net';
import { listenAt } from '../grpc/listen.ts';
import { followTlsFiles } from '../net/follow-tls-files.ts';
import { handshakeFailureOf } from '../net/handshake-failure.ts';
import { logAcceptErrors } from '../observe/log/log-accept-errors.ts';
import { logTlsFiles } from '../observe/log/log-tls-files.ts';
import type { ConnectionTimes } from '../transport/connection-times.ts';
import { GrpcServer } from '../transport/grpc-server.ts';
import type { GrpcServerOptions } from '../transport/grpc-server.ts';
import { createTlsAcceptor } from '../transport/tls-acceptor.ts';
import type { TlsAcceptor } from '../transport/tls-acceptor.ts';
import { defaultClientLimits, transportDefaults } from '../xds/index.ts';
import type { TransportOptions } from '../xds/index.ts';
import { timerMs } from '../xds/timers/timers.ts';
import { warmUpKeepAlive, warmUp } from './warm-up/warm-up.ts';
import { hasOptionalCertificates, transportOptionsOf, waitForShutdown } from './proxy-server.ts';
import type { ProxyServer, ProxyServerOptions } from './proxy-server.ts';

/** Creates a server on the transport of `src/transport`. */
export function createOwnServer(settings: ProxyServerOptions): ProxyServer & { readonly server: GrpcServer } {
  const { options } = settings;
  const serverOptions = ownServerOptions(transportOptionsOf(options), {
    messageMs: options.requestTimeout,
    prefaceMs: options.requestTimeout,
    stallMs: options.slowTimeout,
  });
  const server = new GrpcServer(serverOptions);
  const stack = new DisposableStack();
  let stopListening = (): void => undefined;
  return {
    server,
    async listen() {
      const accept = await acceptorFor(settings, stack, (socket) => server.attach(socket));
      stack.defer(() => server.forceShutdown());
      // When many connect at once, most sockets wait for their turn. Node.js would read each into a buffer of its own.
      const listener = await listenAt(options.xdsListen, accept, {
        pauseOnConnect: true,
        acceptFailed: logAcceptErrors(settings.log, `the listener for ${settings.clients ?? 'proxies'}`),
      });
      stopListening = () => listener.stop();
      return listener.address;
    },
    async warmUp(warmUpOptions) {
      try {
        const createServer = (): GrpcServer =>
          new GrpcServer({ ...serverOptions, keepAlive: warmUpKeepAlive });
        await warmUp({ ...warmUpOptions, createServer });
      } catch (error) {
        // Nothing depends on the warm-up but its speed.
        settings.log.info(
          { event: 'warm-up', err: error },
          'the warm-up failed: the first proxies cost more CPU',
        );
      }
    },
    async shutDown() {
      stopListening();
      await waitForShutdown((done) => server.tryShutdown(done));
      stack.dispose();
    },
  };
}

/** Returns the handler of accepted sockets. With TLS, it does the handshake and reloads the TLS files on changes. */
async function acceptorFor(
  { options, log, clients = 'proxies', authFailed }: ProxyServerOptions,
  stack: DisposableStack,
  attach: (socket: Socket) => void,
): Promise<(socket: Socket) => void> {
  if (options.tls === undefined) return attach;
  const events = logTlsFiles(log, clients);
  const acceptors: TlsAcceptor[] = [];
  const files = await followTlsFiles(options.tls, {
    ...events,
    loaded(material, isFirst) {
      events.loaded(material, isFirst);
      for (const acceptor of acceptors) acceptor.update(material);
    },
  });
  stack.defer(() => files.close());
  const acceptor = createTlsAcceptor({
    material: files.current(),
    handshakeTimeoutMs: timerMs(options.requestTimeout),
    optionalCertificates: hasOptionalCertificates(options.xdsAuth),
    secured: attach,
    failed: (error, socket) => authFailed(handshakeFailureOf(error, socket)),
  });
  acceptors.push(acceptor);
  stack.defer(() => acceptor.close());
  return (socket) => acceptor.accept(socket);
}

/** Returns the options of the own transport that correspond to those of grpc-js (`xdsServerOptions`). */
export function ownServerOptions(
  options: TransportOptions,
  times: Partial<ConnectionTimes> = {},
): GrpcServerOptions {
  const intervalMs = options.keepaliveMs ?? transportDefaults.keepaliveMs;
  const timeoutMs = options.keepaliveTimeoutMs ?? transportDefaults.keepaliveTimeoutMs;
  const graceMs = options.maxConnectionAgeGraceMs ?? transportDefaults.maxConnectionAgeGraceMs;
  const maxReceiveBytes = options.maxRequestBytes ?? transportDefaults.maxRequestBytes;
  const { connectionBytes, totalBytes } = defaultClientLimits;
  return {
    maxReceiveBytes,
    // One message more than the xDS services allow: they close a connection, the transport would only end a stream.
    unfinishedBytes: { connection: connectionBytes + maxReceiveBytes, all: totalBytes + maxReceiveBytes },
    limits: { concurrentStreams: options.maxConnectionStreams ?? transportDefaults.maxConnectionStreams },
    keepAlive: intervalMs === 0 ? undefined : { intervalMs, timeoutMs },
    times: { ...times, maxAgeMs: options.maxConnectionAgeMs, graceMs },
  };
}
