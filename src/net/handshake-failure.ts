import type { TLSSocket } from 'node:tls';

/** What a client failed by before TLS was set up: its certificate, or anything else, a mere look at the port too. */
export type HandshakeFailure = 'certificate' | 'handshake';

/** Reads the arguments of `tlsClientError`, https://nodejs.org/api/tls.html#event-tlsclienterror. */
export function handshakeFailureOf(
  { code }: NodeJS.ErrnoException,
  { authorizationError }: Partial<Pick<TLSSocket, 'authorizationError'>>,
): HandshakeFailure {
  // One that does not verify is told of as a connection that was reset, after its reason was noted.
  const isAboutCertificate =
    code === 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE' ||
    (authorizationError !== undefined && authorizationError !== null);
  return isAboutCertificate ? 'certificate' : 'handshake';
}
