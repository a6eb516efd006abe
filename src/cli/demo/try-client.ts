import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { reasonWithPlace } from '../../text/system-error.ts';
import type { KeyPair } from './demo-files.ts';

/** The result of one HTTPS request with a client certificate. */
export type Attempt =
  | { readonly kind: 'accepted'; readonly body: string }
  /** The server ended the handshake. `reason` names its TLS alert. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** Nothing listens, or the listener does not have its secrets yet. */
  | { readonly kind: 'not-ready'; readonly reason: string };

/** Time-out of a request, in milliseconds. */
const timeoutMs = 5_000;

/**
 * Requests `https://localhost:port/` with a client certificate. Uses TLS 1.2, so that the alert that refuses the
 * certificate arrives within the handshake: in TLS 1.3 the client's handshake ends before the server checks it.
 */
export async function tryClient(port: number, ca: string, client: KeyPair): Promise<Attempt> {
  const [authority, cert, key] = await Promise.all(
    [ca, client.cert, client.key].map((file) => readFile(file)),
  );
  const { promise, resolve } = Promise.withResolvers<Attempt>();
  const call = request({
    host: '127.0.0.1',
    port,
    servername: 'localhost',
    ca: authority,
    cert,
    key,
    maxVersion: 'TLSv1.2',
    agent: false,
    timeout: timeoutMs,
  });
  call.once('timeout', () => call.destroy(new Error('no answer in time')));
  call.once('error', (error) => resolve(failure(error)));
  call.once('response', (response) => {
    text(response).then(
      (body) => resolve({ kind: 'accepted', body: body.trim() }),
      (error: unknown) => resolve(failure(error)),
    );
  });
  call.end();
  return promise;
}

function failure(error: unknown): Attempt {
  const reason = reasonWithPlace(error);
  return { kind: reason.startsWith('TLS alert: ') ? 'refused' : 'not-ready', reason };
}
