import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { EventEmitter } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { suite, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { ServerCredentials } from '@grpc/grpc-js';
import { endHalfClosed } from '../../src/grpc/listeners.ts';
import { makeCa, makeLeaf } from '../kit/certificates.ts';
import { startServer } from './server.ts';

/** The first bytes of an HTTP/2 client: the preface and empty SETTINGS (RFC 9113, section 3.4). */
const hello = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from('000000040000000000', 'hex'),
]);

const leaf = makeLeaf(makeCa(), { commonName: 'server', dnsNames: ['localhost'] });
const cases = [
  {
    what: 'plain',
    event: 'connection',
    credentials: ServerCredentials.createInsecure(),
    dial: (host: string, port: number): Socket => connect({ host, port, allowHalfOpen: true }),
  },
  {
    what: 'TLS',
    event: 'secureConnection',
    credentials: ServerCredentials.createSsl(null, [
      { private_key: Buffer.from(leaf.keyPem), cert_chain: Buffer.from(leaf.certPem) },
    ]),
    dial: (host: string, port: number): Socket =>
      connectTls({
        socket: connect({ host, port, allowHalfOpen: true }),
        ALPNProtocols: ['h2'],
        rejectUnauthorized: false,
      }),
  },
] as const;

suite('connection that the server has ended', () => {
  for (const { what, event, credentials, dial } of cases) {
    test(`client keeps its side open: is closed: ${what}`, { timeout: 10_000 }, async () => {
      using rig = await startServer({ credentials, maxConnectionAgeMs: 100 });
      endHalfClosed(rig.server, 50);
      const [listener] = Reflect.get(rig.server, 'http2Servers') as Map<EventEmitter, unknown>;
      assert.ok(listener !== undefined);
      const accepted = once(listener[0], event);
      const [host = '', port = ''] = rig.address.split(':');
      const client = dial(host, Number(port));
      client.on('error', () => undefined);
      client.write(hello);
      client.resume();
      const [socket] = (await accepted) as [Socket];
      // Half open: the client never closes its side.
      await once(socket, 'close');
      assert.equal(socket.destroyed, true);
      client.destroy();
    });
  }
});
