import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:http2';
import type { OutgoingHttpHeaders } from 'node:http2';
import { duplexPair } from 'node:stream';
import { test } from 'node:test';
import { ServerConnection } from '../../../src/http2/connection.ts';
import { encodeIndexed, emptyTable } from '../../../src/http2/hpack/encode-field.ts';
import * as fc from '../../kit/fast-check.ts';
import { makeSharedServer } from './recorded-server.ts';

/** Names and values of which some come again, so that the encoder uses its dynamic table, and evicts from it. */
const name = fc.oneof(
  fc.constantFrom('user-agent', 'accept', 'x-a', 'x-b', 'cookie', 'grpc-timeout'),
  fc.stringMatching(/^x-[a-z0-9!#$%&'*+.^_`|~-]{1,12}$/),
);
const value = fc.oneof(
  fc.constantFrom('', '1', 'gzip', 'meshtrust/1.0', 'v'.repeat(1500)),
  fc.stringMatching(/^[\x21-\x7e]([\x20-\x7e]{0,60}[\x21-\x7e])?$/),
  fc.stringMatching(/^[\x80-\xff]{1,20}$/),
);
const headerList = fc.dictionary(name, value, { maxKeys: 12 });

test('header lists that the HPACK encoder of node:http2 encodes: are decoded to the same fields', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(headerList, { minLength: 1, maxLength: 12 }), async (lists) => {
      const received: (readonly string[])[] = [];
      const server = makeSharedServer();
      const [clientEnd, serverEnd] = duplexPair();
      const wire = {
        write: (bytes: Buffer) => serverEnd.write(bytes),
        unsent: 0,
        end: () => serverEnd.end(),
      };
      const connection = new ServerConnection(server.shared, wire, {
        request(stream, { path, fields }) {
          assert.equal(path, '/x');
          received.push(fields.map((field) => `${field.name}: ${field.value}`).sort());
          stream.end(() => Buffer.concat([emptyTable, encodeIndexed(8)]));
          return undefined;
        },
      });
      serverEnd.on('data', (bytes: Buffer) => {
        connection.receive(bytes, 0, bytes.length, 0);
        server.tick();
      });
      const session = connect('http://loopback.test', { createConnection: () => clientEnd });
      for (const list of lists) {
        const headers: OutgoingHttpHeaders = { ...list, ':method': 'POST', ':path': '/x' };
        const stream = session.request(headers, { endStream: true });
        await once(stream.resume(), 'close');
      }
      session.destroy();
      assert.deepEqual(
        received,
        lists.map((list) =>
          Object.entries(list)
            .map(([key, text]) => `${key}: ${text}`)
            .sort(),
        ),
      );
    }),
    { numRuns: 40 },
  );
});
