import http from 'node:http';
import https from 'node:https';

import type { KubeConfig } from '@kubernetes/client-node';

/** The head of an answer; its body is still to be read. */
export interface ApiAnswer {
  readonly status: number;
  /** From the header Retry-After, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  readonly body: http.IncomingMessage;
}

/** GET requests to one API server. */
export interface ApiClient {
  /**
   * Resolves with the head of the answer, whatever its status.
   * @throws {Error} when there is none: connection, TLS, credentials that cannot be read, `signal` aborted.
   */
  get(path: string, signal: AbortSignal): Promise<ApiAnswer>;
  /** Has the configuration read again for the next request: what it says may have changed. */
  forget(): void;
  /** Ends idle connections. */
  close(): void;
}

/** A peer that vanished without a word is noticed after so many milliseconds and ten probes, one a second. */
const keepAliveMs = 15_000;
const fixedHeaders = { accept: 'application/json', 'user-agent': 'meshtrust' };

/**
 * A client with the server, the TLS options and the credentials of a kubeconfig. client-node knows how to read
 * those (files, tokens that rotate, exec plugins, OIDC); the requests are our own (docs/adr/0013).
 */
export function createApiClient(load: () => KubeConfig): ApiClient {
  const agents = {
    'http:': new http.Agent({ keepAlive: true }),
    'https:': new https.Agent({ keepAlive: true }),
  };
  let config: KubeConfig | undefined = load();

  const get = async (path: string, signal: AbortSignal): Promise<ApiAnswer> => {
    config ??= load();
    const cluster = config.getCurrentCluster();
    if (cluster === null) throw new Error('the kubeconfig has no current cluster');
    const options: https.RequestOptions = { headers: {} };
    await config.applyToHTTPSOptions(options);
    signal.throwIfAborted();
    const url = new URL(cluster.server.replace(/\/+$/, '') + path);
    const secure = url.protocol === 'https:';
    // The agent of client-node keeps the certificates that it was made with; only behind a proxy is it needed.
    if (cluster.proxyUrl === undefined || cluster.proxyUrl === '') {
      options.agent = agents[secure ? 'https:' : 'http:'];
    }
    options.headers = Object.assign({}, options.headers, fixedHeaders);
    return send((secure ? https : http).request(url, { ...options, signal }));
  };

  return {
    get,
    forget: () => {
      config = undefined;
    },
    close: () => {
      for (const agent of Object.values(agents)) agent.destroy();
    },
  };
}

function send(request: http.ClientRequest): Promise<ApiAnswer> {
  return new Promise((resolve, reject) => {
    // Stays after the answer: an abort later is told to the body, and to the request once more.
    request.on('error', reject);
    request.on('socket', (socket) => socket.setKeepAlive(true, keepAliveMs));
    request.on('response', (body) => {
      const retryAfterMs = readRetryAfter(body.headers['retry-after']);
      resolve({ status: body.statusCode ?? 0, retryAfterMs, body });
    });
    request.end();
  });
}

/** Seconds; the API server sends no dates. */
function readRetryAfter(value: string | undefined): number | undefined {
  return value !== undefined && /^\d{1,6}$/.test(value) ? Number(value) * 1000 : undefined;
}
