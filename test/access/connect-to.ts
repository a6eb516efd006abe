import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:tls';
import { makeCa, makeLeaf } from '../kit/certificates.ts';
import type { Certificate } from '../kit/certificates.ts';

const own = makeLeaf(makeCa({ commonName: 'Server CA' }));

/** Connects to a server that has these CA certificates of clients, and returns what TLS decides. */
export async function connectTo(
  cas: readonly Certificate[],
  leaf: Certificate,
  chain: readonly Certificate[],
): Promise<'accepted' | 'refused'> {
  const { promise, resolve } = Promise.withResolvers<'accepted' | 'refused'>();
  const server = createServer({
    cert: own.certPem,
    key: own.keyPem,
    ca: cas.map(({ certPem }) => certPem),
    requestCert: true,
    rejectUnauthorized: false,
  });
  server.on('secureConnection', (socket) => {
    resolve(socket.authorized ? 'accepted' : 'refused');
    socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connect({
    port,
    host: '127.0.0.1',
    cert: [leaf, ...chain].map(({ certPem }) => certPem).join(''),
    key: leaf.keyPem,
    rejectUnauthorized: false,
  });
  client.on('error', () => undefined);
  const decision = await promise;
  client.destroy();
  server.close();
  return decision;
}
