import http from 'node:http';
import https from 'node:https';

import type { KubeConfig } from '@kubernetes/client-node';

import { responseOf } from '../../net/response-of.ts';
import { useCredentialFiles } from './credential-files.ts';

/** A response whose body has not been read yet. */
export interface ApiAnswer {
  readonly status: number;
  /** From the header Retry-After, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  readonly body: http.IncomingMessage;
}

/** A request that has a body, as JSON of the given media type. */
export interface ApiRequest {
  readonly method: 'POST' | 'PUT' | 'PATCH';
  readonly path: string;
  /** Default: `application/json`. */
  readonly type?: string | undefined;
  readonly body: unknown;
}

/** Sends requests to one API server. */
export interface ApiClient {
  /**
   * Sends a GET. Resolves with the response, whatever its status.
   * @throws {Error} if there is no response: connection, TLS, unreadable credentials, or `signal` aborted.
   */
  get(path: string, signal: AbortSignal): Promise<ApiAnswer>;
  /**
   * Like `get`, for requests with a body. `onSent` is called once the whole request is sent: after an error without it,
   * the API server has not carried out the request.
   */
  send(request: ApiRequest, signal: AbortSignal, onSent?: () => void): Promise<ApiAnswer>;
  /** Makes the next request read the kubeconfig again, because it may have changed. */
  forget(): void;
  /** Closes idle connections. */
  close(): void;
}

/** A peer that vanished is detected after this time and ten probes, one per second. In milliseconds. */
const keepAliveMs = 15_000;
/** The JWK Set of the API server has a media type of its own, and a client that does not accept it gets status 406. */
const fixedHeaders = {
  accept: 'application/json, */*',
  // The API server lets caches keep its JWK Set for an hour, in which new keys would be unknown.
  'cache-control': 'no-cache',
  'user-agent': 'meshtrust',
};

/**
 * Creates a client with the server, the TLS options and the credentials of a kubeconfig. client-node provides the
 * credentials (exec plugins, OIDC). This client sends the requests itself (docs/adr/0013), and reads the files that
 * the kubeconfig names.
 */
export function createApiClient(load: () => KubeConfig): ApiClient {
  const agents = {
    'http:': new http.Agent({ keepAlive: true }),
    'https:': new https.Agent({ keepAlive: true }),
  };
  const open = () => {
    const config = load();
    return { config, readFiles: useCredentialFiles(config) };
  };
  let current: ReturnType<typeof open> | undefined = open();
  // Runs one plugin at a time: a plugin that hangs must not be started again for each attempt.
  let applying: Promise<unknown> = Promise.resolve();
  const addCredentials = async (
    { config, readFiles }: ReturnType<typeof open>,
    options: https.RequestOptions,
    signal: AbortSignal,
  ): Promise<void> => {
    const applied = applying.then(async () => {
      signal.throwIfAborted();
      await readFiles();
      await config.applyToHTTPSOptions(options);
    });
    applying = applied.catch(() => undefined);
    await unlessAborted(applied, signal);
  };

  const send = async (
    method: string,
    path: string,
    signal: AbortSignal,
    { headers = {}, body, onSent }: Sent = {},
  ): Promise<ApiAnswer> => {
    current ??= open();
    const cluster = current.config.getCurrentCluster();
    if (cluster === null) throw new Error('the kubeconfig has no current cluster');
    const options: https.RequestOptions = { headers: {} };
    await addCredentials(current, options, signal);
    // Only the kubeconfig can switch the check off, and not NODE_TLS_REJECT_UNAUTHORIZED.
    options.rejectUnauthorized ??= true;
    const url = new URL(cluster.server.replace(/(?<!\/)\/+$/, '') + path);
    const secure = url.protocol === 'https:';
    // client-node's agent keeps its first client certificate, so it is only used if a proxy requires it.
    if (cluster.proxyUrl === undefined || cluster.proxyUrl === '') {
      options.agent = agents[secure ? 'https:' : 'http:'];
    }
    options.headers = Object.assign({}, options.headers, fixedHeaders, headers);
    const request = (secure ? https : http).request(url, { ...options, method, signal });
    if (onSent !== undefined) request.on('finish', onSent);
    return answerOf(request, body);
  };

  return {
    get: (path, signal) => send('GET', path, signal),
    send: ({ method, path, type = 'application/json', body }, signal, onSent) => {
      const bytes = Buffer.from(JSON.stringify(body));
      const headers = { 'content-type': type, 'content-length': bytes.length };
      return send(method, path, signal, { headers, body: bytes, onSent });
    },
    forget: () => {
      current = undefined;
    },
    close: () => {
      for (const agent of Object.values(agents)) agent.destroy();
    },
  };
}

interface Sent {
  readonly headers?: http.OutgoingHttpHeaders;
  readonly body?: Buffer;
  readonly onSent?: (() => void) | undefined;
}

/** Waits for a promise that does not support signals. Rejects when the signal is aborted. */
async function unlessAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void =>
    reject(new Error('the kubeconfig provided no credentials in time', { cause: signal.reason }));
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

async function answerOf(request: http.ClientRequest, sent: Buffer | undefined): Promise<ApiAnswer> {
  request.on('socket', (socket) => socket.setKeepAlive(true, keepAliveMs));
  const responded = responseOf(request);
  request.end(sent);
  const body = await responded;
  const retryAfterMs = readRetryAfter(body.headers['retry-after']);
  return { status: body.statusCode ?? 0, retryAfterMs, body };
}

/** Parses a number of seconds. The API server sends no dates. */
function readRetryAfter(value: string | undefined): number | undefined {
  return value !== undefined && /^\d{1,6}$/.test(value) ? Number(value) * 1000 : undefined;
}
