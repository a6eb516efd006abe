import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import { setTimeout as delay } from 'node:timers/promises';
import { suite, test } from 'node:test';
import type { ServerDuplexStream, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { GrpcCall } from '../../src/transport/grpc-call.ts';
import { grpcStatus } from '../../src/transport/status.ts';
import { echo, framed, openCall, startRig } from './rig.ts';

type Chat = ServerDuplexStream<string, string>;

/** Returns the header fields with the status: of the trailers, or of a response that consists of them. */
async function statusOf(stream: ClientHttp2Stream): Promise<IncomingHttpHeaders> {
  stream.resume();
  const trailers = once(stream, 'trailers');
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  if (headers['grpc-status'] !== undefined) return headers;
  return ((await trailers) as [IncomingHttpHeaders])[0];
}

/** Handlers of a bidirectional call that throw an error, each at another moment. */
const throwing: Readonly<Record<string, (call: Chat) => void>> = {
  'when the call begins': () => {
    throw new Error('broken');
  },
  'at a message': (call) =>
    call.on('data', () => {
      throw new Error('broken');
    }),
  'at a message that waited for the handler': (call) => {
    setImmediate(() =>
      call.on('data', () => {
        throw new Error('broken');
      }),
    );
  },
  'at the end of the request': (call) => {
    call.resume();
    call.on('end', () => {
      throw new Error('broken');
    });
  },
  'once a response was written': (call) => {
    call.write('response', () => {
      throw new Error('broken');
    });
  },
  'at the event drain': (call) => {
    call.on('drain', () => {
      throw new Error('broken');
    });
    setImmediate(() => {
      while (call.write('response'));
    });
  },
};

suite(
  'handler that throws an error: its call ends with UNKNOWN, and other calls of the connection continue',
  () => {
    for (const [when, chat] of Object.entries(throwing))
      test(`service, ${when}`, async () => {
        let isFirst = true;
        const implementation: UntypedServiceImplementation = {
          chat(call: Chat) {
            if (!isFirst) return chat(call);
            isFirst = false;
            call.on('data', (text: string) => call.write(text));
            call.on('end', () => call.end());
          },
        };
        using rig = await startRig(implementation);
        const session = rig.session();
        const healthy = openCall(session, echo.chat.path);
        healthy.write(framed('before'));
        await once(healthy, 'data');
        const broken = openCall(session, echo.chat.path);
        broken.resume();
        broken.end(framed('x'));
        const trailers = await statusOf(broken);
        assert.equal(trailers['grpc-status'], String(grpcStatus.UNKNOWN));
        assert.equal(trailers['grpc-message'], 'broken');
        healthy.write(framed('after'));
        await once(healthy, 'data');
        healthy.end();
        await once(healthy, 'end');
      });

    const messages: Readonly<Record<string, (call: GrpcCall) => void>> = {
      'when the call begins': () => {
        throw new Error('broken');
      },
      'at a message': (call) =>
        call.handleWith({
          message() {
            throw new Error('broken');
          },
          halfClosed: () => undefined,
          aborted: () => undefined,
        }),
      'at the end of the request': (call) =>
        call.handleWith({
          message: () => undefined,
          halfClosed() {
            throw new Error('broken');
          },
          aborted: () => undefined,
        }),
    };
    for (const [when, handler] of Object.entries(messages))
      test(`stream of bytes, ${when}`, async () => {
        using rig = await startRig({
          unary: (_: unknown, respond: (error: null, text: string) => void) => respond(null, 'ok'),
        });
        rig.server.addStream('/test.Bytes/Chat', handler);
        const session = rig.session();
        const broken = openCall(session, '/test.Bytes/Chat');
        broken.end(framed('x'));
        assert.equal((await statusOf(broken))['grpc-status'], String(grpcStatus.UNKNOWN));
        const healthy = openCall(session, echo.unary.path);
        healthy.end(framed('x'));
        assert.equal((await statusOf(healthy))['grpc-status'], String(grpcStatus.OK));
      });
  },
);

type Respond = (error: null, value: unknown) => void;

/** Handlers that send a number some time later, which the service cannot serialize. */
const unserializable: Readonly<Record<string, readonly [path: string, UntypedServiceImplementation]>> = {
  'response of a unary call': [
    echo.unary.path,
    { unary: (_: unknown, respond: Respond) => void setImmediate(() => respond(null, 7)) },
  ],
  'message of a stream': [
    echo.chat.path,
    { chat: (call: ServerDuplexStream<string, unknown>) => void setImmediate(() => call.write(7)) },
  ],
};

for (const [what, [path, implementation]] of Object.entries(unserializable))
  test(`${what} cannot be serialized: the call ends with INTERNAL, and the handler gets no error`, async () => {
    using rig = await startRig(implementation);
    const call = openCall(rig.session(), path);
    call.end(framed('x'));
    assert.equal((await statusOf(call))['grpc-status'], String(grpcStatus.INTERNAL));
  });

test('empty messages that wait for a handler: take 4 bytes each, and are no objects', async () => {
  const started = Promise.withResolvers<undefined>();
  using rig = await startRig({ chat: () => started.resolve(undefined) });
  let call: GrpcCall | undefined;
  rig.server.guardWith({
    enter(_, entered) {
      call = entered;
      entered.serve();
    },
    failed: () => undefined,
  });
  const session = rig.session();
  const stream = openCall(session, echo.chat.path);
  await started.promise;
  const count = 1_000;
  stream.write(Buffer.concat(Array.from({ length: count }, () => framed(''))));
  // When the PING is answered, the messages have arrived.
  await new Promise((resolve) => session.ping(resolve));
  await delay(0);
  assert.equal(call?.unreadBytes, 4 * count);
});
