import { constants } from 'node:crypto';
import { createServer as createPlainServer } from 'node:http';
import type { Server, ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { SecureContextOptions } from 'node:tls';
import { handshakeFailureOf } from '../net/handshake-failure.ts';
import type { TlsMaterial } from '../net/tls-material.ts';
import type { AdminAccess } from './access.ts';

/** A server, and what has it take renewed TLS files for new connections. */
export interface SecureServer {
  readonly server: Server;
  readonly renew: () => void;
}

/** Makes an HTTP server without a request listener, over TLS where the access says so. */
export function createSecureServer(
  { tls, clientCertificates = false, failed }: AdminAccess,
  options: ServerOptions,
): SecureServer {
  if (tls === undefined) {
    return { server: createPlainServer(options), renew: () => undefined };
  }
  const server = createTlsServer({
    ...options,
    ...contextOf(tls.current()),
    // By default two minutes, in which connections that say nothing take the place of others.
    handshakeTimeout: 5_000,
    requestCert: clientCertificates,
    // Looked at for each request: a token may stand in for a certificate.
    rejectUnauthorized: false,
  });
  server.on('tlsClientError', (error, socket) => failed?.(handshakeFailureOf(error, socket)));
  return { server, renew: () => server.setSecureContext(contextOf(tls.current())) };
}

function contextOf({ certificate, key, clientCa }: TlsMaterial): SecureContextOptions {
  return {
    cert: certificate,
    key,
    ...(clientCa === undefined ? {} : { ca: clientCa }),
    minVersion: 'TLSv1.2',
    // A resumed session would bring its certificate past authorities that were replaced since.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}
