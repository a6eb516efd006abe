import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http2';
import { suite, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { echo, framed, openCall, startRig } from './rig.ts';

const path = '/test.Bytes/Chat';
const windowBytes = 65_535;

suite('reading of requests', () => {
  test('handler pauses at a message that waited for its turn: the client stops at the window', async () => {
    using rig = await startRig({}, { limits: { streamWindow: windowBytes } });
    let received = 0;
    let resume = (): void => undefined;
    const ended = Promise.withResolvers<void>();
    const turn = Promise.withResolvers<() => void>();
    rig.server.addStream(path, (call) => {
      resume = () => call.resumeReading();
      call.handleWith({
        message(bytes) {
          received += bytes.length;
          if (received === bytes.length) call.pauseReading();
        },
        halfClosed: ended.resolve,
        aborted: ended.reject,
      });
    });
    // The call is served once its first bytes have arrived.
    rig.server.guardWith({
      enter: (_, call) => call.whenReadable({ readable: () => turn.resolve(() => call.serve()) }),
      failed: () => undefined,
    });
    const stream = openCall(rig.session(), path);
    // More than half of the window, so that reading on would send an update.
    stream.write(framed('x'.repeat(40_000)));
    const serve = await turn.promise;
    const ping = (): Promise<void> => new Promise((resolve) => stream.session?.ping(() => resolve()));
    await ping();
    serve();
    assert.equal(received, 40_000);
    for (let count = 0; count < 40; count += 1) stream.write(framed('x'.repeat(10_000)));
    stream.end();
    // When the PINGs are answered, all data that the window allows has arrived.
    await ping();
    await ping();
    assert.ok(received < windowBytes, `${received} bytes`);
    resume();
    await ended.promise;
    assert.equal(received, 440_000);
  });
});

/** Returns the status of a call, which the server ends without a message. */
async function statusOf(stream: ReturnType<typeof openCall>): Promise<Readonly<Record<string, unknown>>> {
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  return {
    http: headers[':status'],
    code: Number(headers['grpc-status']),
    message: headers['grpc-message'],
    accepts: headers['grpc-accept-encoding'],
  };
}

suite('compression of requests', () => {
  const unsupported = {
    http: 200,
    code: status.UNIMPLEMENTED,
    message: 'the server does not accept compressed messages',
    accepts: 'identity',
  };

  for (const encoding of ['gzip', 'deflate', 'snappy', 'unknown', 'GZIP', 'identity, gzip'])
    test(`grpc-encoding ${encoding}: UNIMPLEMENTED with the encodings that are accepted`, async () => {
      using rig = await startRig({});
      const headers = { 'grpc-encoding': encoding };
      assert.deepEqual(await statusOf(openCall(rig.session(), echo.unary.path, headers)), unsupported);
      // Whether the message itself is compressed makes no difference.
      for (const flags of [0, 1]) {
        const stream = openCall(rig.session(), echo.chat.path, headers);
        stream.end(framed('x', flags));
        assert.deepEqual(await statusOf(stream), unsupported);
      }
    });

  for (const headers of [{}, { 'grpc-encoding': 'identity' }])
    test(`${JSON.stringify(headers)}: a plain message is read, a message that is marked as compressed is INTERNAL`, async () => {
      using rig = await startRig({
        unary: ({ request }: { readonly request: string }, respond: (error: null, value: string) => void) =>
          respond(null, request),
      });
      const plain = openCall(rig.session(), echo.unary.path, headers);
      plain.end(framed('hello'));
      const [body] = (await once(plain, 'data')) as [Buffer];
      assert.deepEqual(body, framed('hello'));
      const marked = openCall(rig.session(), echo.unary.path, headers);
      marked.end(framed('hello', 1));
      assert.deepEqual(await statusOf(marked), {
        http: 200,
        code: status.INTERNAL,
        message: 'a message is marked as compressed, but the request names no compression',
        accepts: undefined,
      });
    });
});
