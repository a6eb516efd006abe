import type { Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';

/** PEM files for TLS. */
export interface AcceptorMaterial {
  readonly certificate: Buffer;
  readonly key: Buffer;
  /** Authorities that must have signed the certificates of clients; undefined where clients need none. */
  readonly clientCa: Buffer | undefined;
}

export interface TlsAcceptorOptions {
  readonly material: AcceptorMaterial;
  /** How long a client may take for its handshake, in ms. */
  readonly handshakeTimeoutMs: number;
  /** A handshake is done, and the client speaks HTTP/2. */
  readonly secured: (socket: TLSSocket) => void;
  /** A handshake failed. */
  readonly failed: (error: Error, socket: TLSSocket) => void;
}

/** Does the TLS handshakes of sockets. */
export interface TlsAcceptor {
  accept(socket: Socket): void;
  /** New connections get this material; whether clients need a certificate stays as it is. */
  update(material: AcceptorMaterial): void;
}

/** Creates an acceptor of TLS with ALPN: only clients that choose `h2` pass. */
export function createTlsAcceptor(options: TlsAcceptorOptions): TlsAcceptor {
  const { material, handshakeTimeoutMs, secured, failed } = options;
  const isMutual = material.clientCa !== undefined;
  // It does not listen: sockets are given to it.
  const server = createServer({
    ...contextOf(material),
    ALPNProtocols: ['h2'],
    handshakeTimeout: handshakeTimeoutMs,
    requestCert: isMutual,
    rejectUnauthorized: isMutual,
  });
  server.on('secureConnection', (socket) => {
    socket.on('error', () => undefined);
    if (socket.alpnProtocol === 'h2') secured(socket);
    else socket.destroy();
  });
  server.on('tlsClientError', failed);
  return {
    accept: (socket) => void server.emit('connection', socket),
    update: (next) => server.setSecureContext(contextOf(next)),
  };
}

function contextOf({ certificate, key, clientCa }: AcceptorMaterial): {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca: Buffer | undefined;
} {
  return { cert: certificate, key, ca: clientCa };
}
