import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { FollowedTlsFiles } from '../net/follow-tls-files.ts';
import type { FollowedTokens } from '../net/follow-token-file.ts';
import type { AuthFailure } from '../observe/metrics/auth-failures.ts';
import { errorReply } from './reply.ts';
import type { Reply } from './reply.ts';

/** Who is let in, and over what. */
export interface AdminAccess {
  /** Undefined: plain HTTP. */
  readonly tls?: Pick<FollowedTlsFiles, 'current'> | undefined;
  /** Whoever shows one of them is let in. */
  readonly tokens?: Pick<FollowedTokens, 'admits'> | undefined;
  /** Whoever has a certificate of the authorities among the TLS files is let in. */
  readonly clientCertificates?: boolean | undefined;
  /** Told of each caller that is not let in. */
  readonly failed?: ((failure: AuthFailure) => void) | undefined;
}

/** Whether it is enough for a port that others can reach: TLS, and something that tells callers apart. */
export function isProtected({ tls, tokens, clientCertificates }: AdminAccess): boolean {
  return tls !== undefined && (tokens !== undefined || clientCertificates === true);
}

/** What is to be said of an admin port that everybody could use. */
export const unprotected =
  'others could reach the admin API there: give it TLS (--admin-cert and --admin-key) and a token or client certificates (--admin-token-file, --admin-client-ca), or a loopback address; for probes and metrics alone there is --probe-listen';

/** Why a caller is not let in, if so, which the access is told of. With neither tokens nor client certificates everybody is. */
export function refuseCaller(
  { headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>,
  { tokens, clientCertificates = false, failed }: AdminAccess,
): Reply | undefined {
  if (tokens === undefined && !clientCertificates) return undefined;
  if (clientCertificates && socket instanceof TLSSocket && socket.authorized) return undefined;
  const token = tokenOf(headers.authorization);
  if (tokens !== undefined && token !== undefined && tokens.admits(token)) return undefined;
  const shown = clientCertificates && socket instanceof TLSSocket && hasCertificate(socket);
  failed?.(token !== undefined ? 'unknown-token' : shown ? 'certificate' : 'no-credentials');
  const what = [
    ...(tokens === undefined ? [] : ['a token']),
    ...(clientCertificates ? ['a client certificate'] : []),
  ].join(' or ');
  // Basic as well, so that a browser asks for the token by itself.
  return errorReply('unauthorized', `${what} that is known here is needed`, {
    'WWW-Authenticate': 'Basic realm="meshtrust", charset="UTF-8"',
  });
}

/** Whether it came with a certificate, be it of others. */
function hasCertificate(socket: TLSSocket): boolean {
  return socket.getPeerX509Certificate() !== undefined;
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
