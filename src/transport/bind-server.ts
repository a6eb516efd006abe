import type { Socket } from 'node:net';
import { parseListenAddress } from '../net/listen-address.ts';
import { listenSockets } from '../net/listen-sockets.ts';
import { createTlsAcceptor } from './tls-acceptor.ts';
import type { AcceptorMaterial, TlsAcceptor } from './tls-acceptor.ts';

/** TLS of an address where a server listens. */
export interface ServerTls extends AcceptorMaterial {
  /** Maximum duration of a handshake, in ms. Default: 10 seconds. */
  readonly handshakeTimeoutMs?: number | undefined;
  /** Called when a handshake has failed. */
  readonly failed?: ((error: Error) => void) | undefined;
}

/** An address where a server listens. */
export interface Binding {
  /** The port; 0 for a unix socket. */
  readonly port: number;
  /** Uses other TLS files for new connections. Without TLS it has no effect. */
  updateTls(material: AcceptorMaterial): void;
  /** Accepts no more connections, and closes those whose TLS handshake is not complete. */
  stop(): void;
}

/**
 * Listens at `HOST:PORT` (all addresses of a host name) or `unix:PATH`, and passes on the sockets of accepted
 * connections: with TLS, after the handshake.
 * @throws {Error} if the address is invalid or in use, or the TLS files cannot be used.
 */
export async function bindServer(
  text: string,
  tls: ServerTls | undefined,
  attach: (socket: Socket) => void,
): Promise<Binding> {
  const address = parseListenAddress(text);
  const acceptor = tls && acceptorOf(tls, attach);
  const listeners = await listenSockets(
    address,
    acceptor === undefined ? attach : (socket) => acceptor.accept(socket),
  );
  return {
    port: listeners.port,
    updateTls: (material) => acceptor?.update(material),
    stop() {
      listeners.stop();
      acceptor?.close();
    },
  };
}

function acceptorOf(tls: ServerTls, attach: (socket: Socket) => void): TlsAcceptor {
  const { handshakeTimeoutMs = 10_000, failed } = tls;
  return createTlsAcceptor({
    material: tls,
    handshakeTimeoutMs,
    secured: attach,
    failed: (error) => failed?.(error),
  });
}
