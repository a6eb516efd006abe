import { constants } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';

/** The contents of the PEM files for TLS. */
export interface AcceptorMaterial {
  /** The certificate of the server, with the intermediates that it sends after it. */
  readonly certificate: Buffer;
  /** The private key of that certificate. */
  readonly key: Buffer;
  /** The CA certificates that client certificates must chain to; `undefined` if clients need no certificate. */
  readonly clientCa: Buffer | undefined;
}

/** The options of a TLS acceptor. */
export interface TlsAcceptorOptions {
  /**
   * True if clients may send a certificate that TLS does not insist on: `authorized` of the socket says whether a CA
   * certificate verified it. Default: with `clientCa`, clients must have a verified certificate; without, none is asked
   * for.
   */
  readonly optionalCertificates?: boolean | undefined;
  readonly material: AcceptorMaterial;
  /** Maximum duration of a handshake, in ms. */
  readonly handshakeTimeoutMs: number;
  /** Called when a handshake is complete and the client has chosen HTTP/2. */
  readonly secured: (socket: TLSSocket) => void;
  /** Called when a handshake has failed or timed out. The socket is destroyed after that. */
  readonly failed: (error: Error, socket: TLSSocket) => void;
}

/** Does the TLS handshakes of accepted sockets. */
export interface TlsAcceptor {
  /** Begins the handshake of a socket. */
  accept(socket: Socket): void;
  /**
   * Uses other material for new connections. Whether clients need a certificate does not change.
   * @throws {Error} if the material cannot be used. The previous one stays in use.
   */
  update(material: AcceptorMaterial): void;
  /** Destroys the sockets whose handshake is not complete, and all that are accepted later. `failed` is not called. */
  close(): void;
}

/**
 * Creates a TLS acceptor with ALPN (RFC 7301). It closes the connections of clients that do not choose `h2`.
 * @throws {Error} if the certificate, its key or the CA certificates cannot be used.
 */
export function createTlsAcceptor(options: TlsAcceptorOptions): TlsAcceptor {
  const { material, handshakeTimeoutMs, optionalCertificates = false, secured, failed } = options;
  const isMutual = material.clientCa !== undefined;
  const context = (next: AcceptorMaterial): object => contextOf(next, isMutual || optionalCertificates);
  // This server does not listen: `accept` passes sockets to it.
  const server = createServer({
    ...context(material),
    ALPNProtocols: ['h2'],
    handshakeTimeout: handshakeTimeoutMs,
    requestCert: isMutual || optionalCertificates,
    rejectUnauthorized: isMutual && !optionalCertificates,
  });
  const handshakes = new Handshakes();
  server.on('secureConnection', (socket) => {
    handshakes.complete(socket);
    socket.on('error', () => undefined);
    if (socket.alpnProtocol === 'h2') secured(socket);
    else socket.destroy();
  });
  server.on('tlsClientError', (error, socket) => {
    try {
      if (!handshakes.isClosed) failed(error, socket);
    } finally {
      // Node.js keeps the socket open after a time-out.
      socket.destroy();
    }
  });
  return {
    accept(socket) {
      if (handshakes.add(socket)) server.emit('connection', socket);
    },
    update: (next) => server.setSecureContext(context(next)),
    close: () => handshakes.close(),
  };
}

/** The accepted sockets whose handshake is not complete. */
class Handshakes {
  readonly #sockets = new Set<Socket>();
  isClosed = false;

  /** Adds a socket until it closes. After `close`, destroys it and returns false. */
  add(socket: Socket): boolean {
    if (this.isClosed) {
      socket.destroy();
      return false;
    }
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    return true;
  }

  /** The handshake of a socket is complete. */
  complete(socket: TLSSocket): void {
    // A private member of Node.js: the socket below TLS.
    const accepted: unknown = Reflect.get(socket, '_parent');
    // Without that member, sockets within a handshake are not known. They end by the time-out.
    if (!this.#sockets.delete(accepted as Socket)) this.#sockets.clear();
  }

  close(): void {
    this.isClosed = true;
    for (const socket of this.#sockets) socket.destroy();
  }
}

function contextOf({ certificate, key, clientCa }: AcceptorMaterial, keepsChain: boolean): object {
  // Without `ca`, Node.js would verify clients by the CA certificates that it has for servers.
  const context = { cert: certificate, key, ca: clientCa ?? [] };
  // A session that is resumed by a ticket has the leaf, but not the intermediates that the client sent: it would be
  // unknown whether a CA that is removed later is above the leaf.
  const chain = keepsChain ? constants.SSL_OP_NO_TICKET : 0;
  // HTTP/2 does not allow renegotiation (RFC 9113, section 9.2.1), which costs the server a handshake. By it, a client
  // could put any certificate in the place of the verified one: Node.js would still call the connection authorized.
  return { ...context, secureOptions: constants.SSL_OP_NO_RENEGOTIATION | chain };
}
