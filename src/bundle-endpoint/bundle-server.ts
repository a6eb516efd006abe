import { constants } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { SecureContextOptions } from 'node:tls';
import { createHttpListener } from '../net/http-listener.ts';
import { parseListenAddress } from '../net/listen-address.ts';
import type { TlsMaterial } from '../net/tls-material.ts';
import { after } from '../xds/timers/timers.ts';
import { answerRequest, tooManyRequests } from './core/answer-request.ts';
import { createFairRate } from './fair-rate.ts';
import { createUnreadResponses } from './unread-responses.ts';
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
  /** True if the whole response was passed to the operating system. The client may not have received all of it. */
  readonly isComplete: boolean;
}

export interface BundleServerOptions {
  readonly tls: TlsMaterial;
  readonly publication: Publication;
  /**
   * Returns when a request may be answered: once the sequences of what is published would survive a crash. `undefined`
   * if they would now. Default: at once.
   */
  readonly kept?: (() => Promise<void> | undefined) | undefined;
  /**
   * Maximum rate of responses, per second. After a pause, a burst of this number is allowed. Beyond it, each client has
   * one more response per second, this number of them in all.
   */
  readonly perSecond: number;
  readonly onAnswered: (answered: AnsweredRequest) => void;
  /** Called for a connection that could not be accepted. */
  readonly acceptFailed: (error: Error) => void;
  /** Maximum number of connections. Beyond it, the longest idle ones are closed. Default: 256. */
  readonly maxConnections?: number | undefined;
  /**
   * Maximum size of all responses that clients have not read yet, in bytes. Beyond it, the client with the most gets
   * 429. Default: 32 MiB.
   */
  readonly maxUnreadBytes?: number | undefined;
  /** Milliseconds in which a client must read a response. Default: 30,000. */
  readonly maxResponseMs?: number | undefined;
  /** Milliseconds in which a client must complete the TLS handshake. Default: 5,000. */
  readonly handshakeTimeoutMs?: number | undefined;
}

// The times can be short: a request needs only its headers, and responses are ready at once.
const limits = { headersTimeout: 5000, requestTimeout: 10_000, keepAliveTimeout: 5000, maxHeaderSize: 8192 };
const defaultHandshakeTimeoutMs = 5_000;
/** TLS keeps a copy of each response until the client has read it. A bundle of a thousand CAs has 2 MB. */
const defaultMaxUnreadBytes = 32 * 2 ** 20;
const defaultMaxResponseMs = 30_000;
/** Milliseconds after which a client should retry if too many bytes of other responses are unread (Retry-After). */
const busyMs = 1000;
/** SPIFFE Federation, section 5, requires Mozilla's "intermediate" configuration: forward secrecy and AEAD. */
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
  kept = () => undefined,
  perSecond,
  onAnswered,
  acceptFailed,
  maxConnections,
  maxUnreadBytes = defaultMaxUnreadBytes,
  maxResponseMs = defaultMaxResponseMs,
  handshakeTimeoutMs = defaultHandshakeTimeoutMs,
}: BundleServerOptions): BundleServer {
  const rate = createFairRate(perSecond);
  const unread = createUnreadResponses(maxUnreadBytes);
  const server = createServer({
    ...limits,
    ...contextOf(tls),
    handshakeTimeout: handshakeTimeoutMs,
    connectionsCheckingInterval: 1000,
  });
  const listener = createHttpListener(server, { onRequest: respond, maxConnections, acceptFailed });

  function respond(message: IncomingMessage, response: ServerResponse): void {
    const keeping = kept();
    if (keeping === undefined) answer(message, response);
    else
      void keeping.then(() => {
        if (!response.destroyed) answer(message, response);
      });
  }

  function answer(message: IncomingMessage, response: ServerResponse): void {
    const { method = '', url = '', headers } = message;
    const request = { method, target: url, ifNoneMatch: headers['if-none-match'] };
    const address = message.socket.remoteAddress ?? '';
    const wait = unread.admits(address) ? rate.take(address, performance.now()) : busyMs;
    const reply = wait > 0 ? tooManyRequests(wait) : answerRequest(request, publication);
    const userAgent = headers['user-agent'] ?? '';
    const body = method === 'HEAD' ? undefined : reply.body;
    const pending = { address, bytes: body?.length ?? 0, close: () => void message.socket.destroy() };
    unread.add(pending);
    const cancelDeadline = after(maxResponseMs, () => message.socket.destroy());
    response.once('close', () => {
      cancelDeadline();
      unread.remove(pending);
      onAnswered({ request, reply, address, userAgent, isComplete: response.writableFinished });
    });
    const hasBody = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
    response.writeHead(reply.status, {
      'X-Content-Type-Options': 'nosniff',
      ...(reply.status === 304 ? {} : { 'Content-Length': reply.body.length }),
      // The server does not read the body of a request, so the connection is closed after the response.
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
    // With a resumed session, a client would not see a renewed certificate.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}
