import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { suite, test } from 'node:test';
import { connect } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { createTlsAcceptor } from '../../src/transport/tls-acceptor.ts';
import type { AcceptorMaterial, TlsAcceptor } from '../../src/transport/tls-acceptor.ts';
import { makeCa, makeLeaf } from '../kit/certificates.ts';
import type { Certificate } from '../kit/certificates.ts';

const ca = makeCa();
const [oldClients, newClients] = [makeCa({ commonName: 'Old' }), makeCa({ commonName: 'New' })];
const leaf = (): Certificate => makeLeaf(ca, { commonName: 'server', dnsNames: ['localhost'] });

function materialOf({ certPem, keyPem }: Certificate, clientCa?: Certificate): AcceptorMaterial {
  return {
    certificate: Buffer.from(certPem),
    key: Buffer.from(keyPem),
    clientCa: clientCa && Buffer.from(clientCa.certPem),
  };
}

interface Rig extends Disposable {
  readonly acceptor: TlsAcceptor;
  readonly failures: string[];
  /** Connects. `accepted` is true if the server sent data, false if it closed the connection. */
  connect(options?: ConnectionOptions): Promise<{ readonly accepted: boolean; readonly socket: TLSSocket }>;
  /** Connects without a handshake. */
  connectSilently(): Promise<Socket>;
}

async function start(material: AcceptorMaterial, handshakeTimeoutMs = 10_000): Promise<Rig> {
  const failures: string[] = [];
  const acceptor = createTlsAcceptor({
    material,
    handshakeTimeoutMs,
    secured: (socket) => socket.write('hello'),
    failed: ({ message }) => void failures.push(message),
  });
  const listener = createServer((socket) => acceptor.accept(socket));
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  const sockets: Socket[] = [];
  return {
    acceptor,
    failures,
    async connect(options = {}) {
      const socket = connect({
        host: '127.0.0.1',
        port,
        ca: ca.certPem,
        servername: 'localhost',
        ALPNProtocols: ['h2'],
        ...options,
      });
      sockets.push(socket);
      socket.on('error', () => undefined);
      const accepted = await new Promise<boolean>((resolve) => {
        socket.once('data', () => resolve(true));
        socket.once('close', () => resolve(false));
      });
      return { accepted, socket };
    },
    async connectSilently() {
      const socket = connectTcp(port, '127.0.0.1');
      sockets.push(socket);
      socket.on('error', () => undefined);
      const [accepted] = await Promise.all([once(listener, 'connection'), once(socket, 'connect')]);
      assert.ok(accepted.length > 0);
      return socket.resume();
    },
    [Symbol.dispose]() {
      for (const socket of sockets) socket.destroy();
      listener.close();
    },
  };
}

const identity = (issuer: Certificate): ConnectionOptions => {
  const { certPem, keyPem } = makeLeaf(issuer);
  return { cert: certPem, key: keyPem };
};

suite('TLS acceptor', () => {
  test('client without ALPN, or with another protocol: is rejected', async () => {
    using rig = await start(materialOf(leaf()));
    assert.equal((await rig.connect()).accepted, true);
    assert.equal((await rig.connect({ ALPNProtocols: undefined })).accepted, false);
    assert.equal((await rig.connect({ ALPNProtocols: ['http/1.1'] })).accepted, false);
  });

  test('renewed certificate: new connections get it, and open connections stay open', async () => {
    const [before, after] = [leaf(), leaf()];
    using rig = await start(materialOf(before));
    const first = await rig.connect();
    rig.acceptor.update(materialOf(after));
    const second = await rig.connect();
    assert.equal(second.socket.getPeerCertificate().serialNumber.toLowerCase(), after.serial.toString(16));
    assert.equal(first.socket.destroyed, false);
  });

  test('client CA: its clients are accepted, all others are rejected and reported', async () => {
    using rig = await start(materialOf(leaf(), oldClients));
    assert.equal((await rig.connect(identity(oldClients))).accepted, true);
    assert.equal((await rig.connect()).accepted, false);
    assert.equal((await rig.connect(identity(newClients))).accepted, false);
    assert.equal(rig.failures.length, 2);
  });

  test('client that sends nothing: is reported once, and its connection is closed after the time-out', async () => {
    using rig = await start(materialOf(leaf()), 50);
    const socket = await rig.connectSilently();
    await once(socket, 'close', { signal: AbortSignal.timeout(5_000) });
    assert.deepEqual(rig.failures, ['TLS handshake timeout']);
  });

  test('client that sends its handshake byte by byte: its connection is closed after the time-out', async () => {
    using rig = await start(materialOf(leaf()), 100);
    const socket = await rig.connectSilently();
    // The beginning of a handshake record of 512 bytes.
    const bytes = Buffer.of(22, 3, 1, 2, 0, 1, ...Buffer.alloc(100));
    const writer = setInterval(() => socket.write(bytes.subarray(socket.bytesWritten).subarray(0, 1)), 10);
    // Not `once`, which rejects at the error of a write to a closed connection.
    await new Promise((resolve) => socket.once('close', resolve));
    clearInterval(writer);
    assert.equal(rig.failures.length, 1);
  });

  test('close: connections within a handshake are closed without a report, and complete ones stay open', async () => {
    using rig = await start(materialOf(leaf()));
    const complete = await rig.connect();
    const closed = once(await rig.connectSilently(), 'close');
    rig.acceptor.close();
    await closed;
    assert.equal((await rig.connect()).accepted, false);
    assert.deepEqual(rig.failures, []);
    assert.equal(complete.socket.destroyed, false);
  });

  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`${maxVersion}, replaced client CA: clients of the old CA cannot resume a session`, async () => {
      const server = leaf();
      using rig = await start(materialOf(server, oldClients));
      const old = { ...identity(oldClients), maxVersion };
      const { socket, accepted } = await rig.connect(old);
      assert.equal(accepted, true);
      const session = socket.getSession();
      assert.ok(session !== undefined);
      assert.equal((await rig.connect({ ...old, session })).accepted, true);
      rig.acceptor.update(materialOf(server, newClients));
      assert.equal((await rig.connect({ ...old, session })).accepted, false);
      assert.equal((await rig.connect({ ...identity(newClients), maxVersion })).accepted, true);
    });
  }
});
