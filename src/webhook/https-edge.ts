import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { SecureContextOptions } from 'node:tls';
import { createHttpListener } from '../net/http-listener.ts';
import { parseListenAddress } from '../net/listen-address.ts';
import type { TlsMaterial } from '../net/tls-material.ts';
import type { ReviewAnswer } from './core/answer-review.ts';
import { createTimeBudget } from './core/time-budget.ts';
import type { BudgetOptions } from './core/time-budget.ts';
import { createBodyReader } from './read-body.ts';

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
  /** Bytes of one request; the default fits two versions of the longest object that an API server takes. */
  readonly maxBodyBytes?: number | undefined;
  readonly budget?: BudgetOptions | undefined;
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
const limits = {
  // By default two minutes, in which connections that say nothing take the place of others.
  handshakeTimeout: 5_000,
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 100_000,
  maxHeaderSize: 8192,
};
const defaultMaxBodyBytes = 8 * 2 ** 20;
/** Proxies are served by the same event loop: whoever floods the webhook must not take it from them. */
const defaultBudget: BudgetOptions = { burstMs: 2_000, share: 0.25 };

/** Makes the HTTPS server of the webhook. Whoever reaches it may ask: its answers change nothing. */
export function createWebhookEdge(options: WebhookEdgeOptions): WebhookEdge {
  const { answer, onRequest, maxBodyBytes = defaultMaxBodyBytes } = options;
  const budget = createTimeBudget(options.budget ?? defaultBudget);
  const readBody = createBodyReader({ maxBytes: maxBodyBytes, maxSum: 4 * maxBodyBytes });
  const server = createServer({ ...limits, ...contextOf(options.tls), connectionsCheckingInterval: 1000 });
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

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refuse = (status: number, reason: string): void => {
      onRequest('malformed', reason);
      writeText(response, status, reason);
    };
    const busy = (reason: string): void => {
      onRequest('error', reason);
      writeText(response, 503, reason);
    };
    const objection = objectionTo(request);
    if (objection !== undefined) return refuse(...objection);
    if (!budget.isLeft(performance.now())) return busy('reviews have taken too much time');
    const body = await readBody(request);
    switch (body.kind) {
      case 'aborted':
        return;
      case 'too-large':
        return refuse(413, `the request is longer than ${maxBodyBytes} bytes`);
      case 'busy':
        return busy('too much is being sent at once');
      case 'text': {
        const start = performance.now();
        review(body.text, response, refuse);
        const end = performance.now();
        return budget.spend(end - start, end);
      }
    }
  }

  function review(
    text: string,
    response: ServerResponse,
    refuse: (status: number, reason: string) => void,
  ): void {
    try {
      const answered = answer(parseJson(text));
      if (answered.kind === 'malformed') return refuse(400, answered.reason);
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

/** Undefined, which is no review, where the text is no JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
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
