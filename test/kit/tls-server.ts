import { createServer } from 'node:https';

import type { Certificate } from './certificates.ts';

/** Starts an HTTPS server that requires a client certificate of any CA, and responds with 200. */
export async function startTlsServer(
  port: number,
  leaf: Pick<Certificate, 'certPem' | 'keyPem'>,
  text: string,
): Promise<AsyncDisposable> {
  const options = { cert: leaf.certPem, key: leaf.keyPem, requestCert: true, rejectUnauthorized: false };
  const server = createServer(options, (_, response) => response.end(text));
  const listening = Promise.withResolvers<void>();
  server.once('error', listening.reject);
  server.listen(port, '127.0.0.1', listening.resolve);
  await listening.promise;
  return {
    [Symbol.asyncDispose]: async () => {
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      server.closeAllConnections();
      await closed.promise;
    },
  };
}
