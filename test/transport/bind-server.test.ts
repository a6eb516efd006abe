import assert from 'node:assert/strict';
import dns from 'node:dns/promises';
import { once } from 'node:events';
import { syncBuiltinESMExports } from 'node:module';
import { connect } from 'node:net';
import { suite, test } from 'node:test';
import { Client, credentials } from '@grpc/grpc-js';
import type { ChannelCredentials, sendUnaryData, ServerUnaryCall } from '@grpc/grpc-js';
import { GrpcServer } from '../../src/transport/index.ts';
import type { AcceptorMaterial, ServerTls } from '../../src/transport/index.ts';
import { makeCa, makeLeaf } from '../kit/certificates.ts';
import type { Certificate } from '../kit/certificates.ts';
import { makeTempDir } from '../kit/temp-dir.ts';
import { echo } from './rig.ts';

const nothing = (): void => undefined;

function startServer(): GrpcServer & Disposable {
  const server = new GrpcServer();
  server.addService(echo, {
    unary: (call: ServerUnaryCall<string, string>, respond: sendUnaryData<string>) =>
      respond(null, call.request),
    collect: nothing,
    repeat: nothing,
    chat: nothing,
  });
  return Object.assign(server, { [Symbol.dispose]: () => server.forceShutdown() });
}

const bind = (server: GrpcServer, address: string, tls?: ServerTls): Promise<number> =>
  new Promise((resolve, reject) =>
    server.bindAsync(address, tls, (error, port) => (error === null ? resolve(port) : reject(error))),
  );

/** Makes a call on a connection of its own, and returns the reply. */
async function callEcho(
  target: string,
  secure: ChannelCredentials = credentials.createInsecure(),
): Promise<string> {
  const client = new Client(target, secure);
  try {
    return await new Promise((resolve, reject) =>
      client.makeUnaryRequest(
        echo.unary.path,
        echo.unary.requestSerialize,
        echo.unary.responseDeserialize,
        'hello',
        { deadline: Date.now() + 10_000 },
        (error, value?: string) => (error === null ? resolve(value ?? '') : reject(error)),
      ),
    );
  } finally {
    client.close();
  }
}

const materialOf = ({ certPem, keyPem }: Certificate): AcceptorMaterial => ({
  certificate: Buffer.from(certPem),
  key: Buffer.from(keyPem),
  clientCa: undefined,
});

suite('bindAsync', () => {
  test('port 0: a free port, which serves', async () => {
    using server = startServer();
    const port = await bind(server, '127.0.0.1:0');
    assert.ok(port > 0);
    assert.equal(await callEcho(`127.0.0.1:${port}`), 'hello');
  });

  test('unix socket: port 0, and it serves', async () => {
    await using dir = await makeTempDir();
    using server = startServer();
    assert.equal(await bind(server, `unix:${dir.join('socket')}`), 0);
    assert.equal(await callEcho(`unix:${dir.join('socket')}`), 'hello');
  });

  test('several addresses: each serves', async () => {
    using server = startServer();
    const ports = [await bind(server, '127.0.0.1:0'), await bind(server, '127.0.0.1:0')];
    for (const port of ports) assert.equal(await callEcho(`127.0.0.1:${port}`), 'hello');
  });

  test('host name: each of its addresses serves, and the port is free again after a shutdown', async (t) => {
    const addresses = ['127.0.0.1', '127.0.0.2'];
    t.mock.method(dns, 'lookup', () => Promise.resolve(addresses.map((address) => ({ address, family: 4 }))));
    syncBuiltinESMExports();
    t.after(syncBuiltinESMExports);
    using server = startServer();
    const port = await bind(server, 'localhost:0');
    for (const address of addresses) assert.equal(await callEcho(`${address}:${port}`), 'hello');
    server.forceShutdown();
    using next = startServer();
    assert.equal(await bind(next, `localhost:${port}`), port);
  });

  test('address in use: an error', async () => {
    using first = startServer();
    using second = startServer();
    const port = await bind(first, '127.0.0.1:0');
    await assert.rejects(bind(second, `127.0.0.1:${port}`), { code: 'EADDRINUSE' });
  });

  for (const address of ['localhost', '127.0.0.1:65536', 'unix:']) {
    test(`${address}: an error that describes the form of an address`, async () => {
      using server = startServer();
      await assert.rejects(bind(server, address), /not an address/);
    });
  }

  test('TLS: serves clients that trust the CA; later connections get the new certificate', async () => {
    const [oldCa, newCa] = [makeCa({ commonName: 'Old' }), makeCa({ commonName: 'New' })];
    const leaf = (ca: Certificate): Certificate =>
      makeLeaf(ca, { commonName: 'server', dnsNames: ['localhost'] });
    const trusting = (ca: Certificate): ChannelCredentials => credentials.createSsl(Buffer.from(ca.certPem));
    using server = startServer();
    const port = await bind(server, '127.0.0.1:0', materialOf(leaf(oldCa)));
    assert.equal(await callEcho(`localhost:${port}`, trusting(oldCa)), 'hello');
    server.updateTls(materialOf(leaf(newCa)));
    assert.equal(await callEcho(`localhost:${port}`, trusting(newCa)), 'hello');
    await assert.rejects(callEcho(`localhost:${port}`, trusting(oldCa)));
  });

  test('TLS files that are replaced while an address is being bound: apply to it', async () => {
    const [oldCa, newCa] = [makeCa({ commonName: 'Old' }), makeCa({ commonName: 'New' })];
    const leafOf = (ca: Certificate): Certificate =>
      makeLeaf(ca, { commonName: 'server', dnsNames: ['localhost'] });
    using server = startServer();
    const bound = bind(server, '127.0.0.1:0', materialOf(leafOf(oldCa)));
    server.updateTls(materialOf(leafOf(newCa)));
    const later = await bind(server, '127.0.0.1:0', materialOf(leafOf(oldCa)));
    for (const [port, ca] of [
      [await bound, newCa],
      [later, oldCa],
    ] as const)
      assert.equal(
        await callEcho(`localhost:${port}`, credentials.createSsl(Buffer.from(ca.certPem))),
        'hello',
      );
  });

  test('TLS files that cannot be used, while an address is being bound: an error, and nothing listens', async () => {
    using server = startServer();
    const leaf = makeLeaf(makeCa(), { commonName: 'server', dnsNames: ['localhost'] });
    const bound = bind(server, '127.0.0.1:0', materialOf(leaf));
    server.updateTls({ ...materialOf(leaf), certificate: Buffer.from('nothing') });
    await assert.rejects(bound);
  });

  test('handshake without TLS: the failure is reported', async () => {
    const failures: string[] = [];
    using server = startServer();
    const tls = { ...materialOf(makeLeaf(makeCa(), { commonName: 'server', dnsNames: ['localhost'] })) };
    const port = await bind(server, '127.0.0.1:0', {
      ...tls,
      failed: ({ message }) => void failures.push(message),
    });
    await assert.rejects(callEcho(`127.0.0.1:${port}`));
    assert.ok(failures.length > 0);
  });

  for (const shutDown of ['tryShutdown', 'forceShutdown'] as const)
    test(`${shutDown}: a connection within its TLS handshake is closed at once`, async () => {
      using server = startServer();
      const tls = materialOf(makeLeaf(makeCa(), { commonName: 'server', dnsNames: ['localhost'] }));
      const port = await bind(server, '127.0.0.1:0', tls);
      const client = connect(port, '127.0.0.1').on('error', nothing);
      await once(client, 'connect');
      // Not a complete handshake.
      client.write(Buffer.of(22, 3, 1));
      // The server has accepted the connection before a later one.
      await assert.rejects(callEcho(`localhost:${port}`));
      const closed = once(client.resume(), 'close', { signal: AbortSignal.timeout(5_000) });
      server[shutDown](nothing);
      await closed;
    });

  test('shut down: the port is free again, and nothing can be bound', async () => {
    using server = startServer();
    const port = await bind(server, '127.0.0.1:0');
    await new Promise<void>((resolve) => server.tryShutdown(resolve));
    await assert.rejects(bind(server, '127.0.0.1:0'), /was shut down/);
    using next = startServer();
    assert.equal(await bind(next, `127.0.0.1:${port}`), port);
  });
});
