import type { TLSSocket } from 'node:tls';

/** Why a TLS handshake failed: the client's certificate, or anything else, such as a port scan. */
export type HandshakeFailure = 'certificate' | 'handshake';

/** Reads the arguments of `tlsClientError`, https://nodejs.org/api/tls.html#event-tlsclienterror. */
export function handshakeFailureOf(
  { code }: NodeJS.ErrnoException,
  { authorizationError }: Partial<Pick<TLSSocket, 'authorizationError'>>,
): HandshakeFailure {
  // A certificate that does not verify appears as a reset connection, after its reason was noted.
  const isAboutCertificate =
    code === 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE' ||
    (authorizationError !== undefined && authorizationError !== null);
  return isAboutCertificate ? 'certificate' : 'handshake';
}
