import { constants } from 'node:crypto';
import { createServer as createPlainServer } from 'node:http';
import type { Server, ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { SecureContextOptions } from 'node:tls';
import { handshakeFailureOf } from '../net/handshake-failure.ts';
import type { TlsMaterial } from '../net/tls-material.ts';
import type { AdminAccess } from './access.ts';

/** A server, and a function that makes it use renewed TLS files for new connections. */
export interface SecureServer {
  readonly server: Server;
  readonly renew: () => void;
}

/** Creates an HTTP server without a request listener, over TLS if the access has TLS files. */
export function createSecureServer(
  { tls, clientCertificates = false, failed }: AdminAccess,
  {
    handshakeTimeoutMs = 5_000,
    ...options
  }: ServerOptions & { readonly handshakeTimeoutMs?: number | undefined },
): SecureServer {
  if (tls === undefined) {
    return { server: createPlainServer(options), renew: () => undefined };
  }
  const server = createTlsServer({
    ...options,
    ...contextOf(tls.current()),
    // The default is two minutes, in which silent connections would take the places of others.
    handshakeTimeout: handshakeTimeoutMs,
    requestCert: clientCertificates,
    // Checked for each request, because a token can replace a certificate.
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
    // A resumed session would keep a certificate whose CA was replaced since. With a second handshake, a client could
    // put any certificate in the place of the verified one: Node.js goes on saying that the connection is authorized.
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
  };
}
