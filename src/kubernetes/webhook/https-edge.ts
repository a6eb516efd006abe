import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { SecureContextOptions } from 'node:tls';
import { defaultLimits } from '../../trust/model/limits.ts';
import { createHttpListener } from '../../net/http-listener.ts';
import { parseListenAddress } from '../../net/listen-address.ts';
import type { TlsMaterial } from '../../net/tls-material.ts';
import type { ReviewAnswer } from './core/answer-review.ts';
import { requestLimits } from './core/request-limits.ts';
import type { RequestLimits } from './core/request-limits.ts';
import type { BudgetOptions } from './core/time-budget.ts';
import { announcedLength, readBody } from './read-body.ts';
import { createReviewLanes } from './review-lane.ts';
import type { ReviewLane } from './review-lane.ts';
import type { WaitingClient } from './turn-queue.ts';
import { exceededLimit } from '../../text/json-extent.ts';
import { parseJson } from '../../text/json.ts';

/** The HTTPS server to which the API server sends reviews. */
export interface WebhookEdge {
  /** Listens on `HOST:PORT`. Resolves with the address, in which the actual port replaces port 0. */
  listen(address: string): Promise<string>;
  /** Uses another certificate for new connections. */
  renew(tls: TlsMaterial): void;
  /** Stops listening, waits up to a second for responses in progress, and closes every connection. */
  close(): Promise<void>;
}

export interface WebhookEdgeOptions {
  readonly tls: TlsMaterial;
  readonly answer: (review: unknown) => ReviewAnswer;
  /** What can be done of a review before it is answered, in steps between which other work runs. */
  readonly prepare?: ((review: unknown) => Iterable<undefined>) | undefined;
  /** Called with the result of each request, and with a reason if the response contains no review. */
  readonly onRequest: (result: RequestResult, reason?: Error | string) => void;
  /** Default: the limits that fit the default limits of resources. */
  readonly limits?: RequestLimits | undefined;
  /** Time of the event loop for small reviews, and the same again for large ones. */
  readonly budget?: BudgetOptions | undefined;
  /** Milliseconds for which a review waits for its turn. Then the response is 503. */
  readonly maxWaitMs?: number | undefined;
  /** Maximum number of connections. If there are more, idle ones are closed. Default: 256. */
  readonly maxConnections?: number | undefined;
  /** Milliseconds until a connection is closed that has not completed its TLS handshake; 5,000. */
  readonly handshakeTimeoutMs?: number | undefined;
  /** Milliseconds within which a body must arrive; 2,000. */
  readonly maxBodyMs?: number | undefined;
}

export type RequestResult =
  | Extract<ReviewAnswer, { kind: 'review' }>['result']
  | 'malformed'
  | 'error'
  /** The client ended the TLS handshake, because it does not trust the certificate. There was no request. */
  | 'untrusted';

/** The path of reviews, as in the configuration of the webhook. */
export const reviewPath = '/validate';

// By default, the API server waits for 10 s at most, and it sends a whole request at once. It closes connections that
// were idle for 90 s (net/http, as Kubernetes configures it). If this server closed them first, it could close one on
// which a review is being sent.
const serverLimits = {
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 100_000,
  maxHeaderSize: 8192,
};
/** Maximum size of a small review in bytes, about 20 certificates. A flood of larger reviews does not delay it. */
const smallBytes = 65_536;
/** Maximum number of large bodies that are in memory at once. */
const largeSlots = 2;
/** The same event loop serves proxies, so a flood of reviews must not exhaust it. */
const defaultBudget: BudgetOptions = { burstMs: 500, share: 0.125 };
/** Less than the time-out of the API server in our manifests. */
const defaultMaxWaitMs = 2_000;
/** Maximum time for a body. The API server sends a whole request at once. */
const defaultMaxBodyMs = 2_000;
/** Node's default is two minutes, during which silent connections occupy slots of others. */
const defaultHandshakeTimeoutMs = 5_000;

/** Creates the HTTPS server of the webhook. It does not authenticate clients, because reviews change nothing. */
export function createWebhookEdge(options: WebhookEdgeOptions): WebhookEdge {
  const {
    answer,
    prepare = () => [],
    onRequest,
    limits: { bodyBytes, json } = requestLimits(defaultLimits),
    budget = defaultBudget,
    maxWaitMs = defaultMaxWaitMs,
    maxBodyMs = defaultMaxBodyMs,
    handshakeTimeoutMs = defaultHandshakeTimeoutMs,
  } = options;
  const lanes = createReviewLanes(
    {
      // The listener limits the number of connections.
      small: { slots: Infinity, budget },
      large: { slots: largeSlots, budget },
    },
    maxWaitMs,
  );
  const server = createServer({
    ...serverLimits,
    ...contextOf(options.tls),
    handshakeTimeout: handshakeTimeoutMs,
    connectionsCheckingInterval: 1000,
  });
  const listener = createHttpListener(server, {
    onRequest: (request, response) => void respond(request, response),
    maxConnections: options.maxConnections,
    acceptFailed: (error) => onRequest('error', error),
  });
  server.on('tlsClientError', (error: NodeJS.ErrnoException) => {
    if (isDistrust(error)) onRequest('untrusted', error);
  });

  const tooLarge = `the request is longer than ${bodyBytes} bytes`;
  const limitMessages = {
    marks: `the request has more than ${json.marks} brackets, braces, colons and commas`,
    depth: `the request has more than ${json.depth} levels of arrays and objects`,
  } as const;

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const rejection = rejectionOf(request);
    if (rejection !== undefined) return refuse(response, ...rejection);
    const length = announcedLength(request);
    if (length !== undefined && length > bodyBytes) return refuse(response, 413, tooLarge);
    // A body without an announced length may be large.
    const lane = length !== undefined && length <= smallBytes ? lanes.small : lanes.large;
    const client: WaitingClient = {
      address: request.socket.remoteAddress ?? '',
      connection: request.socket,
      isGone: () => response.destroyed,
    };
    if (!(await lane.enter(client))) return busy(response, 'too many large requests at once');
    try {
      await readAndReview(request, response, lane, client);
    } finally {
      lane.leave();
    }
  }

  async function readAndReview(
    request: IncomingMessage,
    response: ServerResponse,
    lane: ReviewLane,
    client: WaitingClient,
  ): Promise<void> {
    const body = await readBody(request, { maxBytes: bodyBytes, maxMs: maxBodyMs });
    switch (body.kind) {
      case 'aborted':
        return;
      case 'too-slow':
        return onRequest('malformed', `the body of the request did not arrive within ${maxBodyMs} ms`);
      case 'too-large':
        return refuse(response, 413, tooLarge);
      case 'bytes':
        if (!(await lane.run(client, () => review(body.bytes, response))))
          busy(response, 'too many reviews: their share of CPU time is used up');
    }
  }

  function refuse(response: ServerResponse, status: number, reason: string): void {
    onRequest('malformed', reason);
    writeText(response, status, reason);
  }

  function busy(response: ServerResponse, reason: string): void {
    onRequest('error', reason);
    writeText(response, 503, reason);
  }

  function* review(bytes: Buffer, response: ServerResponse): Generator<undefined, undefined> {
    try {
      const exceeded = exceededLimit(bytes, json);
      if (exceeded !== undefined) {
        refuse(response, 413, limitMessages[exceeded]);
        return;
      }
      const value = parseJson(bytes.toString('utf8'));
      yield* prepare(value);
      const answered = answer(value);
      if (answered.kind === 'malformed') {
        refuse(response, 400, answered.reason);
        return;
      }
      onRequest(answered.result);
      write(response, 200, 'application/json', JSON.stringify(answered.body));
    } catch (error) {
      onRequest('error', error instanceof Error ? error : new Error(String(error)));
      writeText(response, 500, 'internal error');
    }
  }

  return {
    async listen(text) {
      const address = parseListenAddress(text);
      if (address.kind === 'unix')
        throw new Error(`${text}: must be HOST:PORT, because the API server connects by TCP`);
      return listener.listen(address);
    },
    renew: (tls) => server.setSecureContext(contextOf(tls)),
    close: () => listener.close(),
  };
}

function contextOf({ certificate, key }: TlsMaterial): SecureContextOptions {
  return { cert: certificate, key, minVersion: 'TLSv1.2' };
}

/**
 * Returns true if the client sent a TLS alert that rejects the certificate (RFC 8446 section 6.2). Clients that end
 * the handshake without such an alert may only have probed the port.
 */
function isDistrust({ code = '' }: NodeJS.ErrnoException): boolean {
  return /^ERR_SSL_.+_ALERT_(?:\w+_)?(?:CERTIFICATE|CA$)/.test(code);
}

/** Returns the status and the reason if a request is rejected by its headers; its body is not read. */
function rejectionOf({ method, url = '', headers }: IncomingMessage): readonly [number, string] | undefined {
  const [path] = url.split('?', 1);
  if (path !== reviewPath) return [404, `the only path is ${reviewPath}`];
  if (method !== 'POST') return [405, `${reviewPath} accepts POST only`];
  const type = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  return type === 'application/json' ? undefined : [415, 'the body must be application/json'];
}

function writeText(response: ServerResponse, status: number, text: string): void {
  // A rejected request may have a body that was not read.
  response.setHeader('Connection', 'close');
  write(response, status, 'text/plain; charset=utf-8', `${text}\n`);
}

function write(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    'X-Content-Type-Options': 'nosniff',
  });
  response.end(body);
}
