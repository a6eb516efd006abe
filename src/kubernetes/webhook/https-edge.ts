import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { SecureContextOptions } from 'node:tls';
import { defaultLimits } from '../../trust/model/limits.ts';
import { createHttpListener } from '../../net/http-listener.ts';
import { parseListenAddress } from '../../net/listen-address.ts';
import type { TlsMaterial } from '../../net/tls-material.ts';
import type { ReviewAnswer } from './core/answer-review.ts';
import { exceededLimit } from './core/json-extent.ts';
import { requestLimits } from './core/request-limits.ts';
import type { RequestLimits } from './core/request-limits.ts';
import type { BudgetOptions } from './core/time-budget.ts';
import { announcedLength, readBody } from './read-body.ts';
import { createReviewLanes } from './review-lane.ts';
import type { ReviewLane } from './review-lane.ts';
import type { WaitingClient } from './turn-queue.ts';
import { parseJson } from '../client/api-object.ts';

/** The server that the API server asks. */
export interface WebhookEdge {
  /** Listens on `HOST:PORT`; resolves with the address, port 0 replaced by the actual one. */
  listen(address: string): Promise<string>;
  /** Takes another certificate for new connections. */
  renew(tls: TlsMaterial): void;
  /** Stops listening, lets answers in progress go out for a second, and closes every connection. */
  close(): Promise<void>;
}

export interface WebhookEdgeOptions {
  readonly tls: TlsMaterial;
  readonly answer: (review: unknown) => ReviewAnswer;
  /** Told what became of each request; `reason` where there is no review in the answer. */
  readonly onRequest: (result: RequestResult, reason?: Error | string) => void;
  /** By default those for the default limits of resources. */
  readonly limits?: RequestLimits | undefined;
  /** Time of the event loop for small reviews, and again for large ones. */
  readonly budget?: BudgetOptions | undefined;
  /** Milliseconds for which a review waits for its turn before it is answered 503. */
  readonly maxWaitMs?: number | undefined;
  /** Connections at once; beyond them the idle ones are closed. 256. */
  readonly maxConnections?: number | undefined;
}

export type RequestResult =
  | Extract<ReviewAnswer, { kind: 'review' }>['result']
  | 'malformed'
  | 'error'
  /** There was no request: the client ended the handshake, since it does not trust the certificate. */
  | 'untrusted';

/** The path of reviews, as the configuration of the webhook has it. */
export const reviewPath = '/validate';

// The API server waits 10 s at most unless told otherwise, and sends what it has at once. It ends connections that
// were idle for 90 s (net/http, as Kubernetes sets it up): were it done from here, a review could be on its way.
const serverLimits = {
  // By default two minutes, in which connections that say nothing take the place of others.
  handshakeTimeout: 5_000,
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 100_000,
  maxHeaderSize: 8192,
};
/** Bytes up to which a review is a small one: some twenty certificates. No flood of larger ones delays it. */
const smallBytes = 65_536;
/** Maximum number of large bodies that are in memory at once. */
const largeSlots = 2;
/** The same event loop serves proxies, so a flood of reviews must not take it from them. */
const defaultBudget: BudgetOptions = { burstMs: 500, share: 0.125 };
/** Below the time-out that our manifests give the API server. */
const defaultMaxWaitMs = 2_000;
/** The API server sends what it has at once. */
const maxBodyMs = 2_000;

/** Makes the HTTPS server of the webhook. Whoever reaches it may ask: its answers change nothing. */
export function createWebhookEdge(options: WebhookEdgeOptions): WebhookEdge {
  const {
    answer,
    onRequest,
    limits: { bodyBytes, json } = requestLimits(defaultLimits),
    budget = defaultBudget,
    maxWaitMs = defaultMaxWaitMs,
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
    connectionsCheckingInterval: 1000,
  });
  const listener = createHttpListener(server, {
    onRequest: (request, response) => void respond(request, response),
    maxConnections: options.maxConnections,
  });
  // Such as no file descriptor for one more connection; what fails before is for who listens.
  server.on('error', (error) => {
    if (server.listening) onRequest('error', error);
  });
  server.on('tlsClientError', (error: NodeJS.ErrnoException) => {
    if (isDistrust(error)) onRequest('untrusted', error);
  });

  const tooLarge = `the request is longer than ${bodyBytes} bytes`;
  const tooMuch = {
    marks: `the request has more than ${json.marks} brackets, braces, colons and commas`,
    depth: `the request has more than ${json.depth} arrays and objects inside each other`,
  } as const;

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const objection = objectionTo(request);
    if (objection !== undefined) return refuse(response, ...objection);
    const length = announcedLength(request);
    if (length !== undefined && length > bodyBytes) return refuse(response, 413, tooLarge);
    // Without an announced length a body can be of any length.
    const lane = length !== undefined && length <= smallBytes ? lanes.small : lanes.large;
    const client: WaitingClient = {
      address: request.socket.remoteAddress ?? '',
      connection: request.socket,
      isGone: () => response.destroyed,
    };
    if (!(await lane.enter(client))) return busy(response, 'too much is being sent at once');
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
        return onRequest('malformed', `the body took longer than ${maxBodyMs} ms`);
      case 'too-large':
        return refuse(response, 413, tooLarge);
      case 'bytes':
        if (!(await lane.run(client, () => review(body.bytes, response))))
          busy(response, 'reviews have taken too much time');
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

  function review(bytes: Buffer, response: ServerResponse): void {
    try {
      const exceeded = exceededLimit(bytes, json);
      if (exceeded !== undefined) return refuse(response, 413, tooMuch[exceeded]);
      const answered = answer(parseJson(bytes.toString('utf8')));
      if (answered.kind === 'malformed') return refuse(response, 400, answered.reason);
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
      if (address.kind === 'unix') throw new Error(`${text}: the API server reaches HOST:PORT alone`);
      return listener.listen(address);
    },
    renew: (tls) => server.setSecureContext(contextOf(tls)),
    close: () => listener.close(),
  };
}

function contextOf({ certificate, key }: TlsMaterial): SecureContextOptions {
  return { cert: certificate, key, minVersion: 'TLSv1.2' };
}

/** Whether the client said why, as TLS has it (RFC 8446, 6.2); others may only have looked at the port. */
function isDistrust({ code = '' }: NodeJS.ErrnoException): boolean {
  return /^ERR_SSL_.+_ALERT_(?:\w+_)?(?:CERTIFICATE|CA$)/.test(code);
}

/** Why nothing is read of a request, if so. */
function objectionTo({ method, url = '', headers }: IncomingMessage): readonly [number, string] | undefined {
  const [path] = url.split('?', 1);
  if (path !== reviewPath) return [404, `there is nothing but ${reviewPath}`];
  if (method !== 'POST') return [405, `${reviewPath} takes POST only`];
  const type = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  return type === 'application/json' ? undefined : [415, 'the body must be application/json'];
}

function writeText(response: ServerResponse, status: number, text: string): void {
  // What was refused may have a body, which nobody reads.
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
