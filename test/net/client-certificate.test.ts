import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { suite, test } from 'node:test';
import { TLSSocket, connect, createServer } from 'node:tls';
import { clientCertificateOf } from '../../src/net/client-certificate.ts';
import { makeCa, makeLeaf } from '../kit/certificates.ts';
import type { Certificate } from '../kit/certificates.ts';

const ca = makeCa();
const leaf = makeLeaf(ca);

/** Connects a client that sends these certificates. Returns the socket of the server. */
async function connectWith(...sent: readonly Certificate[]) {
  await using stack = new AsyncDisposableStack();
  const server = createServer({
    cert: leaf.certPem,
    key: leaf.keyPem,
    requestCert: true,
    rejectUnauthorized: false,
    ca: [],
  });
  stack.defer(() => void server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const identity = { cert: sent.map(({ certPem }) => certPem).join(''), key: leaf.keyPem };
  const client = connect({
    port,
    host: '127.0.0.1',
    rejectUnauthorized: false,
    ...(sent.length > 0 && identity),
  });
  stack.defer(() => void client.destroy());
  client.on('error', () => undefined);
  const [socket] = (await once(server, 'secureConnection')) as [TLSSocket];
  const owned = stack.move();
  return { socket, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

suite('certificate of a TLS client', () => {
  for (const count of [0, 2, 50])
    test(`chain of ${count}: all that it sent, in order`, async () => {
      const chain = Array.from({ length: count }, (_, index) =>
        makeCa({ commonName: `CA ${index}`, key: ca }),
      );
      await using connected = await connectWith(leaf, ...chain);
      for (let times = 0; times < 2; times += 1) {
        const found = clientCertificateOf(connected.socket);
        assert.deepEqual(found?.certificate.raw, leaf.der);
        assert.deepEqual(
          found.chain,
          chain.map(({ der }) => der),
        );
      }
    });

  test('no certificate: none', async () => {
    await using connected = await connectWith();
    assert.equal(clientCertificateOf(connected.socket), undefined);
  });

  test('long chain, which takes Node.js milliseconds to copy: is read once for each connection', async (t) => {
    const chain = Array.from({ length: 50 }, (_, index) => makeCa({ commonName: `CA ${index}`, key: ca }));
    await using connected = await connectWith(leaf, ...chain);
    await using other = await connectWith(leaf, ...chain);
    const read = t.mock.method(TLSSocket.prototype, 'getPeerX509Certificate');
    for (const { socket } of [connected, other, connected, other]) clientCertificateOf(socket);
    assert.equal(read.mock.callCount(), 2);
  });
});
