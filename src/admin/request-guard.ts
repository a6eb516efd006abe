import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { isLoopbackHost } from '../net/listen-address.ts';
import { errorReply } from './reply.ts';
import type { Reply } from './reply.ts';

/** The kind of server that received a request. */
export interface GuardedServer {
  /** For servers that only loopback addresses reach: the `Host` of a request must be one of their own names. */
  readonly checkHost: boolean;
  /** The server speaks TLS: its own pages have an `https` origin. */
  readonly secure: boolean;
}

/**
 * Returns why a request is refused before it is routed; undefined if it is not.
 *
 * A browser on this machine can be made to send requests here by any web page: directly, which shows in
 * `Origin`, or under a name of the attacker's that resolves to a loopback address, which shows in `Host`.
 * An `http` page of the server's own name can be the work of anyone on the path between. So a server with TLS
 * refuses it; one without may be behind a proxy that adds TLS. No request has a body that is read.
 */
export function refuseRequest(
  headers: IncomingHttpHeaders,
  { checkHost, secure }: GuardedServer,
): Reply | undefined {
  const { host, origin } = headers;
  if (checkHost && host !== undefined && !isOwnName(host)) {
    return errorReply('wrong-host', `${host} is not a name of this server`);
  }
  const isOwnOrigin = origin === `https://${host}` || (!secure && origin === `http://${host}`);
  if (origin !== undefined && !isOwnOrigin) {
    return errorReply('forbidden', 'requests of other web pages are not answered');
  }
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
  return hasBody ? errorReply('body-not-expected', 'no request here has a body') : undefined;
}

/** True for an IP address, which no DNS answer can redirect, and for `localhost`. */
function isOwnName(host: string): boolean {
  const name = host.replace(/:\d*$/, '').replace(/^\[(.*)\]$/, '$1');
  return isLoopbackHost(name) || isIP(name) !== 0;
}
