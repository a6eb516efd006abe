import { connect } from 'node:tls';

/** The chain that a client presents: its leaf, and the intermediates between the leaf and a trust anchor. */
export interface ClientIdentity {
  readonly certPem: string;
  readonly keyPem: string;
  /** Sent after the leaf, in order. */
  readonly chainPem?: string;
}

/** The server's decision about a client. `reason`: the code of OpenSSL or the system, e.g. of the TLS alert. */
export type Decision = 'accepted' | { readonly refused: string };

const probeTimeoutMs = 5_000;

/**
 * Connects to 127.0.0.1:`port` with TLS, sends a request and reads the response. In TLS 1.3 the client's
 * handshake is complete before the server has verified its certificate, so only a response counts as accepted.
 * Without an identity, the client sends no certificate.
 * @throws {Error} if there is neither a response nor an end of the connection within 5 s, or if the status is not
 *   200: neither case shows a decision about trust.
 */
export function tryClient(port: number, identity?: ClientIdentity): Promise<Decision> {
  const { promise, resolve, reject } = Promise.withResolvers<Decision>();
  const socket = connect({
    host: '127.0.0.1',
    port,
    // The server's certificate is not under test.
    rejectUnauthorized: false,
    // The rules of the client are not under test either: it may present small keys and old digests.
    ciphers: 'DEFAULT:@SECLEVEL=0',
    ...(identity && { cert: identity.certPem + (identity.chainPem ?? ''), key: identity.keyPem }),
  });
  socket.setTimeout(probeTimeoutMs, () => {
    socket.destroy();
    reject(new Error(`no decision of port ${port} within ${probeTimeoutMs} ms`));
  });
  socket.on('error', (error: NodeJS.ErrnoException) => resolve({ refused: error.code ?? error.message }));
  socket.on('close', () => resolve({ refused: 'closed' }));
  socket.on('data', (chunk: Buffer) => {
    socket.destroy();
    const status = chunk.toString('latin1').split('\r\n', 1)[0] ?? '';
    if (status.startsWith('HTTP/1.1 200')) resolve('accepted');
    else reject(new Error(`port ${port} answered ${status}`));
  });
  socket.write('GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n');
  return promise;
}

/** The result of waiting for a decision. */
export interface Decided {
  /** Number of handshakes, including the last one with the wanted decision. */
  readonly probes: number;
  readonly elapsedMs: number;
}

/**
 * Connects repeatedly, without a pause, until the server makes the wanted decision.
 * @throws {Error} with the last decision after `timeoutMs` (10,000 by default).
 */
export async function untilDecision(
  port: number,
  identity: ClientIdentity | undefined,
  wanted: 'accepted' | 'refused',
  { timeoutMs = 10_000 }: { readonly timeoutMs?: number } = {},
): Promise<Decided> {
  const start = performance.now();
  for (let probes = 1; ; probes++) {
    const decision = await tryClient(port, identity);
    const elapsedMs = performance.now() - start;
    if ((decision === 'accepted' ? 'accepted' : 'refused') === wanted) return { probes, elapsedMs };
    if (elapsedMs > timeoutMs) {
      throw new Error(`not ${wanted} after ${probes} probes in ${timeoutMs} ms: ${JSON.stringify(decision)}`);
    }
  }
}
