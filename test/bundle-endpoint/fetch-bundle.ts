import { request } from 'node:https';
import type { RequestOptions } from 'node:https';
import type { TLSSocket } from 'node:tls';

/** A response with its whole body. */
export interface Fetched {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string;
  /** SHA-256 of the certificate of the server, as Node.js formats it. */
  readonly fingerprint: string;
}

/** Sends one request over a new connection to `localhost` at an address, and verifies the server by `ca`. */
export function fetchBundle(
  address: string,
  path: string,
  { ca, ...options }: RequestOptions & { readonly ca: string },
): Promise<Fetched> {
  const port = Number(address.split(':').at(-1));
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: '127.0.0.1', port, path, ca, servername: 'localhost', agent: false, ...options },
      (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (text: string) => (body += text));
        response.once('error', reject);
        response.once('end', () => {
          const { statusCode = 0, headers, socket } = response;
          const { fingerprint256 } = (socket as TLSSocket).getPeerCertificate();
          resolve({ status: statusCode, headers, body, fingerprint: fingerprint256 });
        });
      },
    );
    sent.once('error', reject);
    sent.end();
  });
}
