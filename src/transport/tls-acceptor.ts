import type { Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';

/** The contents of the PEM files for TLS. */
export interface AcceptorMaterial {
  readonly certificate: Buffer;
  readonly key: Buffer;
  /** The CA certificates that client certificates must chain to; `undefined` if clients need no certificate. */
  readonly clientCa: Buffer | undefined;
}

export interface TlsAcceptorOptions {
  readonly material: AcceptorMaterial;
  /** Maximum duration of a handshake, in ms. */
  readonly handshakeTimeoutMs: number;
  /** Called when a handshake is complete and the client has chosen HTTP/2. */
  readonly secured: (socket: TLSSocket) => void;
  /** Called when a handshake has failed. */
  readonly failed: (error: Error, socket: TLSSocket) => void;
}

/** Does the TLS handshakes of accepted sockets. */
export interface TlsAcceptor {
  accept(socket: Socket): void;
  /** Uses other material for new connections. Whether clients need a certificate does not change. */
  update(material: AcceptorMaterial): void;
}

/** Creates a TLS acceptor with ALPN. It closes the connections of clients that do not choose `h2`. */
export function createTlsAcceptor(options: TlsAcceptorOptions): TlsAcceptor {
  const { material, handshakeTimeoutMs, secured, failed } = options;
  const isMutual = material.clientCa !== undefined;
  // This server does not listen: `accept` passes sockets to it.
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
