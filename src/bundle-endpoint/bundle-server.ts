import { constants } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { SecureContextOptions } from 'node:tls';
import { createHttpListener } from '../net/http-listener.ts';
import { parseListenAddress } from '../net/listen-address.ts';
import type { TlsMaterial } from '../net/tls-material.ts';
import { after } from '../xds/timers/timers.ts';
import { createTokenBucket } from '../xds/rate/token-bucket.ts';
import { answerRequest, tooManyRequests } from './core/answer-request.ts';
import type { BundleReply, BundleRequest, Publication } from './core/answer-request.ts';

/** The HTTPS server of the bundle endpoint. */
export interface BundleServer {
  /** Listens on `HOST:PORT`; resolves with the address, port 0 replaced by the actual one. */
  listen(address: string): Promise<string>;
  /** Uses renewed TLS files for new connections. */
  renew(tls: TlsMaterial): void;
  /** Stops listening, completes the responses in progress, and closes every connection. */
  close(): Promise<void>;
}

/** A request that was answered. */
export interface AnsweredRequest {
  readonly request: BundleRequest;
  readonly reply: BundleReply;
  /** The IP address of the client. */
  readonly address: string;
  readonly userAgent: string;
  /** Whether the client received the whole response. */
  readonly isComplete: boolean;
}

export interface BundleServerOptions {
  readonly tls: TlsMaterial;
  readonly publication: Publication;
  /** Responses per second. As many more are sent at once after a pause. */
  readonly perSecond: number;
  readonly onAnswered: (answered: AnsweredRequest) => void;
  /** Called with an error of the listening socket. */
  readonly onError: (error: Error) => void;
  /** Maximum number of connections, beyond which idle ones are closed; 256. */
  readonly maxConnections?: number | undefined;
  /** Bytes of responses that clients have not read yet, beyond which requests get 429; 32 MiB. */
  readonly maxUnreadBytes?: number | undefined;
  /** Milliseconds in which a client must read a response; 30,000. */
  readonly maxResponseMs?: number | undefined;
  /** Milliseconds until a silent connection is closed that has not completed its TLS handshake; 5,000. */
  readonly handshakeTimeoutMs?: number | undefined;
}

// A request is complete with its headers, and every response is made at once.
const limits = { headersTimeout: 5000, requestTimeout: 10_000, keepAliveTimeout: 5000, maxHeaderSize: 8192 };
const defaultHandshakeTimeoutMs = 5_000;
/** TLS keeps a copy of what a slow client has not read, and a bundle of a thousand CAs has 2 MB. */
const defaultMaxUnreadBytes = 32 * 2 ** 20;
const defaultMaxResponseMs = 30_000;
/** The `Retry-After` that a client receives while other clients have not read their responses, in ms. */
const busyMs = 1000;
/** SPIFFE Federation, section 5.2.1.1, requires Mozilla's "intermediate" configuration: forward secrecy and AEAD. */
const ciphers = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

/** Creates the server. It authenticates no client, as SPIFFE Federation demands (sections 5.2.1.3 and 5.2.2.3). */
export function createBundleServer({
  tls,
  publication,
  perSecond,
  onAnswered,
  onError,
  maxConnections,
  maxUnreadBytes = defaultMaxUnreadBytes,
  maxResponseMs = defaultMaxResponseMs,
  handshakeTimeoutMs = defaultHandshakeTimeoutMs,
}: BundleServerOptions): BundleServer {
  const bucket = createTokenBucket({ perSecond, burst: perSecond });
  const server = createServer({
    ...limits,
    ...contextOf(tls),
    handshakeTimeout: handshakeTimeoutMs,
    connectionsCheckingInterval: 1000,
  });
  let unreadBytes = 0;
  const listener = createHttpListener(server, { onRequest: respond, maxConnections });
  // For example: no file descriptor for another connection. `listen` rejects with earlier errors.
  server.on('error', (error) => {
    if (server.listening) onError(error);
  });

  function respond(message: IncomingMessage, response: ServerResponse): void {
    const { method = '', url = '', headers } = message;
    const request = { method, target: url, ifNoneMatch: headers['if-none-match'] };
    const wait = unreadBytes > maxUnreadBytes ? busyMs : bucket.take(performance.now());
    const reply = wait > 0 ? tooManyRequests(wait) : answerRequest(request, publication);
    const address = message.socket.remoteAddress ?? '';
    const userAgent = headers['user-agent'] ?? '';
    const body = method === 'HEAD' ? undefined : reply.body;
    unreadBytes += body?.length ?? 0;
    const cancelDeadline = after(maxResponseMs, () => message.socket.destroy());
    response.once('close', () => {
      cancelDeadline();
      unreadBytes -= body?.length ?? 0;
      onAnswered({ request, reply, address, userAgent, isComplete: response.writableFinished });
    });
    const hasBody = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
    response.writeHead(reply.status, {
      'X-Content-Type-Options': 'nosniff',
      ...(reply.status === 304 ? {} : { 'Content-Length': reply.body.length }),
      // The body of a request is not read.
      ...(hasBody ? { Connection: 'close' } : {}),
      ...reply.headers,
    });
    response.end(body);
  }

  return {
    listen: (address) => listener.listen(parseListenAddress(address)),
    renew: (renewed) => server.setSecureContext(contextOf(renewed)),
    close: () => listener.close(),
  };
}

function contextOf({ certificate, key }: TlsMaterial): SecureContextOptions {
  return {
    cert: certificate,
    key,
    ciphers,
    minVersion: 'TLSv1.2',
    // A resumed session would keep a certificate that was replaced since.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}
