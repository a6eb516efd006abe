import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2, constants } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { suite, test } from 'node:test';
import { typeUrls } from '../../../src/xds/index.ts';
import type { StreamEnd } from '../../../src/xds/index.ts';
import { deltaRequests } from '../codec.ts';
import { setOf } from '../vocabulary.ts';
import { ads, serve } from './serving.ts';

interface Ended {
  readonly session: ClientHttp2Session;
  readonly stream: ClientHttp2Stream;
  readonly socket: Socket;
}

/** Opens a stream on a plain HTTP/2 connection and ends it with `how`. Returns the end that the server reports. */
async function endOf(how: (ended: Ended) => void): Promise<StreamEnd> {
  const closed = Promise.withResolvers<StreamEnd>();
  await using serving = await serve({ observer: { streamClosed: (_, end) => closed.resolve(end) } });
  serving.store.set('', typeUrls.secret, setOf({ a: '1' }));
  const [host = '', port = ''] = serving.address.split(':');
  const socket = connect(Number(port), host);
  const session = connectHttp2(`http://${serving.address}`, { createConnection: () => socket });
  session.on('error', () => undefined);
  const stream = session.request({
    ':method': 'POST',
    ':path': ads.delta,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.on('error', () => undefined);
  const request = { type_url: typeUrls.secret, node: { id: 'n' }, resource_names_subscribe: ['a'] };
  const message = deltaRequests.serialize(request);
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.length, 1);
  stream.write(Buffer.concat([header, message]));
  await once(stream, 'data');
  stream.resume();
  how({ session, stream, socket });
  const end = await closed.promise;
  session.destroy();
  return end;
}

suite('stream end', () => {
  const cases: readonly (readonly [string, (ended: Ended) => void, StreamEnd['by']])[] = [
    [
      'connection closed with FIN, as by a process that ends: client',
      ({ socket }) => void socket.end(),
      'client',
    ],
    ['GOAWAY and FIN: client', ({ session }) => session.destroy(), 'client'],
    ['END_STREAM: client', ({ stream }) => void stream.end(), 'client'],
    ['RST_STREAM with CANCEL: client', ({ stream }) => stream.close(constants.NGHTTP2_CANCEL), 'client'],
    [
      'RST_STREAM with INTERNAL_ERROR: client',
      ({ stream }) => stream.close(constants.NGHTTP2_INTERNAL_ERROR),
      'client',
    ],
    ['connection reset: silence', ({ socket }) => void socket.resetAndDestroy(), 'silence'],
  ];
  for (const [name, how, by] of cases) {
    test(name, async () => assert.equal((await endOf(how)).by, by));
  }

  test('server drains: server', async () => {
    const closed = Promise.withResolvers<StreamEnd>();
    await using serving = await serve({ observer: { streamClosed: (_, end) => closed.resolve(end) } });
    serving.store.set('', typeUrls.secret, setOf({ a: '1' }));
    using client = serving.connect();
    const stream = client.delta(ads.delta);
    stream.send({ type_url: typeUrls.secret, node: { id: 'n' }, resource_names_subscribe: ['a'] });
    await stream.next();
    await serving.xds.drain(0);
    assert.equal((await closed.promise).by, 'server');
  });
});
