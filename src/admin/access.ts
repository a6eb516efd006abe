import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import { clientCertificateOf } from '../net/client-certificate.ts';
import type { FollowedTlsFiles } from '../net/follow-tls-files.ts';
import type { FollowedTokens } from '../net/follow-token-file.ts';
import type { AuthFailure } from '../observe/metrics/auth-failures.ts';
import { errorReply } from './reply.ts';
import type { Reply } from './reply.ts';

/** Which callers are accepted, and over which transport. */
export interface AdminAccess {
  /** TLS files; undefined for plain HTTP. */
  readonly tls?: Pick<FollowedTlsFiles, 'current'> | undefined;
  /** A caller with one of these tokens is accepted. */
  readonly tokens?: Pick<FollowedTokens, 'admits'> | undefined;
  /** A caller with a certificate of the client CAs among the TLS files is accepted. */
  readonly clientCertificates?: boolean | undefined;
  /**
   * Returns whether the CA of a client certificate was removed from the client CAs, or has expired. TLS verifies a
   * certificate once, when the connection begins, and a client can keep a connection for as long as it likes.
   */
  readonly refusesCertificate?: ((certificate: VerifiedCertificate) => boolean) | undefined;
  /** Called for each caller that is rejected. */
  readonly failed?: ((failure: AuthFailure) => void) | undefined;
}

/** A client certificate that TLS has verified, and the certificates that the client sent after it: all as DER. */
interface VerifiedCertificate {
  readonly leaf: Uint8Array;
  readonly chain: readonly Uint8Array[];
  readonly isVerified: true;
}

/** True if the access is sufficient for a port that others can reach: TLS, and tokens or client certificates. */
export function isProtected({ tls, tokens, clientCertificates }: AdminAccess): boolean {
  return tls !== undefined && (tokens !== undefined || clientCertificates === true);
}

/**
 * Returns the response that rejects a caller, and calls `failed`; undefined if the caller is accepted. Without tokens
 * and client certificates every caller is accepted.
 */
export function refuseCaller(
  { headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>,
  { tokens, clientCertificates = false, refusesCertificate = () => false, failed }: AdminAccess,
): Reply | undefined {
  if (tokens === undefined && !clientCertificates) return undefined;
  if (clientCertificates && socket instanceof TLSSocket && isVerified(socket, refusesCertificate))
    return undefined;
  const token = tokenOf(headers.authorization);
  if (tokens !== undefined && token !== undefined && tokens.admits(token)) return undefined;
  const shown = clientCertificates && socket instanceof TLSSocket && hasCertificate(socket);
  failed?.(token !== undefined ? 'unknown-token' : shown ? 'certificate' : 'no-credentials');
  const what = [
    ...(tokens === undefined ? [] : ['a token']),
    ...(clientCertificates ? ['a client certificate'] : []),
  ].join(' or ');
  // Basic as well, so that a browser asks its user for the token.
  return errorReply('unauthorized', `the server needs ${what} that it accepts`, {
    'WWW-Authenticate': 'Basic realm="meshtrust", charset="UTF-8"',
  });
}

/** True if TLS has verified the certificate of the client, and it is still valid. */
function isVerified(
  socket: TLSSocket,
  refusesCertificate: NonNullable<AdminAccess['refusesCertificate']>,
): boolean {
  if (!socket.authorized) return false;
  const found = clientCertificateOf(socket);
  if (found === undefined || found.certificate.validToDate.getTime() < Date.now()) return false;
  return !refusesCertificate({ leaf: found.certificate.raw, chain: found.chain, isVerified: true });
}

/** True if the client sent a certificate, of whichever CA. */
function hasCertificate(socket: TLSSocket): boolean {
  return clientCertificateOf(socket) !== undefined;
}

/** `Bearer TOKEN`, or Basic with the token as the password (RFC 6750, RFC 7617). */
function tokenOf(authorization: string | undefined): string | undefined {
  const match = /^(?<scheme>Bearer|Basic) +(?<value>\S+)$/i.exec(authorization ?? '');
  const { scheme = '', value = '' } = match?.groups ?? {};
  if (match === null) return undefined;
  if (scheme.toLowerCase() === 'bearer') return value;
  const pair = Buffer.from(value, 'base64').toString('utf8');
  return pair.slice(pair.indexOf(':') + 1);
}
