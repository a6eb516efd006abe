import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { suite, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Metadata, Server, ServerCredentials, status } from '@grpc/grpc-js';
import type {
  sendUnaryData,
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { flag, frameType } from '../../src/http2/frame.ts';
import type { GrpcServer } from '../../src/transport/grpc-server.ts';
import type { GrpcServerOptions } from '../../src/transport/grpc-server.ts';
import { frame, postBlock, preface } from '../http2/rig.ts';
import { echo, framed, openCall, startRig } from './rig.ts';

type Chat = ServerDuplexStream<string, string>;
type Unary = ServerUnaryCall<string, string>;
type Repeat = ServerWritableStream<string, string>;

/** The first frames of a client with large windows. */
const largeWindow = [
  preface.subarray(0, 24),
  frame(frameType.settings, 0, 0, Buffer.from([0, 4, 0x7f, 0xff, 0xff, 0xff])),
  frame(frameType.windowUpdate, 0, 0, Buffer.from([0x7f, 0, 0, 0])),
];

interface ServerRig extends Disposable {
  readonly server: Server | GrpcServer;
  readonly port: number;
  session(): ClientHttp2Session;
}

const nothing = (): void => undefined;

/** Passes an async function as a handler, as services in JavaScript do. */
function asHandler(handler: (...values: never[]) => Promise<void>): UntypedServiceImplementation[string] {
  return handler as unknown as UntypedServiceImplementation[string];
}

async function startGrpcJs(implementation: UntypedServiceImplementation): Promise<ServerRig> {
  const server = new Server();
  const none = { unary: nothing, collect: nothing, repeat: nothing, chat: nothing };
  server.addService(echo, { ...none, ...implementation });
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
    error === null ? resolve(bound) : reject(error),
  );
  const port = await promise;
  const sessions: ClientHttp2Session[] = [];
  return {
    server,
    port,
    session() {
      const session = connectHttp2(`http://127.0.0.1:${port}`);
      session.on('error', nothing);
      sessions.push(session);
      return session;
    },
    [Symbol.dispose]() {
      for (const session of sessions) session.destroy();
      server.forceShutdown();
    },
  };
}

/** Returns the header fields with the status: of the trailers, or of a response that consists of them. */
async function statusOf(stream: ClientHttp2Stream): Promise<IncomingHttpHeaders> {
  stream.resume();
  const trailers = once(stream, 'trailers');
  trailers.catch(nothing);
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  if (headers['grpc-status'] !== undefined) return headers;
  return ((await trailers) as [IncomingHttpHeaders])[0];
}

/** A client that writes its frames itself. */
function rawClient(port: number): Disposable & { write(...frames: readonly Uint8Array[]): void } {
  const socket = connectTcp(port, '127.0.0.1');
  socket.on('error', nothing);
  return {
    write: (...frames) => void socket.write(Buffer.concat(frames)),
    [Symbol.dispose]: () => void socket.destroy(),
  };
}

const grpcFields = [
  ['content-type', 'application/grpc'],
  ['te', 'trailers'],
] as const;
const grpcFieldsWithHost = [...grpcFields, ['host', 'example.com']] as const;
const repeatHead = postBlock(echo.repeat.path, grpcFieldsWithHost);

const servers: Readonly<
  Record<
    string,
    (implementation: UntypedServiceImplementation, options?: GrpcServerOptions) => Promise<ServerRig>
  >
> = { 'grpc-js': startGrpcJs, 'own transport': startRig };

for (const [name, start] of Object.entries(servers))
  suite(`services on the server of ${name}`, () => {
    test('handler pauses longer than the time limit of a message: its call goes on', async () => {
      let received = 0;
      const paused = Promise.withResolvers<Chat>();
      const chat = (call: Chat): void => {
        call.on('data', (text: string) => {
          received += text.length;
          if (received > 100_000) return;
          call.pause();
          paused.resolve(call);
        });
        call.on('end', () => call.end());
      };
      using rig = await start({ chat }, { times: { messageMs: 100 } });
      const stream = openCall(rig.session(), echo.chat.path);
      for (let count = 0; count < 8; count += 1) stream.write(framed('x'.repeat(100_000)));
      stream.end();
      const call = await paused.promise;
      // The server checks once a second at most.
      await delay(1_200);
      call.resume();
      assert.equal((await statusOf(stream))['grpc-status'], '0');
      assert.equal(received, 800_000);
    });

    test('handler listens and pauses at once: gets nothing until it resumes', async () => {
      const got: string[] = [];
      const began = Promise.withResolvers<Chat>();
      const chat = (call: Chat): void => {
        call.on('data', (text: string) => got.push(text));
        call.on('end', () => call.end());
        call.pause();
        began.resolve(call);
      };
      using rig = await start({ chat });
      const session = rig.session();
      const stream = openCall(session, echo.chat.path);
      stream.end(framed('x'));
      const call = await began.promise;
      await new Promise((resolve) => session.ping(resolve));
      assert.deepEqual(got, []);
      call.resume();
      assert.equal((await statusOf(stream))['grpc-status'], '0');
      assert.deepEqual(got, ['x']);
    });

    test('messages that wait for the handler: come in order, empty ones, too', async () => {
      const texts = ['a', '', 'b'.repeat(10_000), '', 'c'];
      const collect = (call: ServerReadableStream<string, string>, respond: sendUnaryData<string>): void => {
        const got: string[] = [];
        setImmediate(() => {
          call.on('data', (text: string) => got.push(text));
          call.on('end', () =>
            respond({ code: status.ABORTED, details: got.map((text) => text.length).join() }),
          );
        });
      };
      using rig = await start({ collect });
      const stream = openCall(rig.session(), echo.collect.path);
      for (const text of texts) stream.write(framed(text));
      stream.end();
      assert.equal((await statusOf(stream))['grpc-message'], '1,0,10000,0,1');
    });

    test('handler ends the call within its iteration of the requests: the iteration fails', async () => {
      const failed = Promise.withResolvers<void>();
      const chat = async (call: Chat): Promise<void> => {
        try {
          for await (const message of call) if (message === 'last') call.end();
        } catch {
          failed.resolve();
        }
      };
      using rig = await start({ chat: asHandler(chat) });
      const stream = openCall(rig.session(), echo.chat.path);
      stream.write(framed('last'));
      assert.equal((await statusOf(stream))['grpc-status'], '0');
      await failed.promise;
    });

    test('asynchronous iteration of the requests', async () => {
      const collect = async (
        call: ServerReadableStream<string, string>,
        respond: sendUnaryData<string>,
      ): Promise<void> => {
        const parts: string[] = [];
        for await (const part of call) parts.push(part as string);
        respond({ code: status.ABORTED, details: parts.join() });
      };
      using rig = await start({ collect: asHandler(collect) });
      const stream = openCall(rig.session(), echo.collect.path);
      stream.write(framed('a'));
      stream.end(framed('b'));
      assert.equal((await statusOf(stream))['grpc-message'], 'a,b');
    });

    const trailer = new Metadata();
    trailer.set('why', 'because');
    trailer.set('grpc-status-details-bin', Buffer.from([8, 5]));
    const refusals: Readonly<Record<string, (respond: sendUnaryData<string>) => void>> = {
      'the metadata of the error': (respond) =>
        respond({ code: status.NOT_FOUND, details: 'no', metadata: trailer }),
      'the trailer beside the error': (respond) =>
        respond({ code: status.NOT_FOUND, details: 'no' }, null, trailer),
    };
    for (const [what, refuse] of Object.entries(refusals))
      test(`response with an error: ${what} arrives, with details of the status`, async () => {
        using rig = await start({ unary: (_: Unary, respond: sendUnaryData<string>) => refuse(respond) });
        const stream = openCall(rig.session(), echo.unary.path);
        stream.end(framed('x'));
        const trailers = await statusOf(stream);
        assert.deepEqual([trailers['grpc-status'], trailers['why']], ['5', 'because']);
        assert.equal(trailers['grpc-status-details-bin'], 'CAU=');
      });

    test('grpc-trace-bin of a request: is metadata; fields of the protocol are not', async () => {
      const unary = ({ metadata }: Unary, respond: sendUnaryData<string>): void => {
        const keys = ['grpc-trace-bin', 'grpc-accept-encoding', 'content-type', 'te'];
        respond({ code: status.ABORTED, details: keys.map((key) => metadata.get(key).length).join() });
      };
      using rig = await start({ unary });
      const more = { 'grpc-trace-bin': 'AAAA', 'grpc-accept-encoding': 'identity' };
      const stream = openCall(rig.session(), echo.unary.path, more);
      stream.end(framed('x'));
      assert.equal((await statusOf(stream))['grpc-message'], '1,0,0,0');
    });

    test('write after the client has cancelled: the callback gets an error', async () => {
      const called = Promise.withResolvers<Error | null | undefined>();
      const repeat = (call: Repeat): void => {
        call.write('first');
        call.on('cancelled', () =>
          setImmediate(() => call.write('x', (error?: Error | null) => called.resolve(error))),
        );
      };
      using rig = await start({ repeat });
      const stream = openCall(rig.session(), echo.repeat.path);
      stream.end(framed('x'));
      await once(stream, 'response');
      stream.close(8);
      assert.ok((await called.promise) instanceof Error);
    });

    test('request that cannot be decoded: INTERNAL, and the call is cancelled', async () => {
      const cancelled = Promise.withResolvers<undefined>();
      const chat = (call: Chat): void => {
        call.on('data', nothing);
        call.on('cancelled', () => cancelled.resolve(undefined));
      };
      const { requestDeserialize } = echo.chat;
      echo.chat.requestDeserialize = () => {
        throw new Error('bad');
      };
      try {
        using rig = await start({ chat });
        const stream = openCall(rig.session(), echo.chat.path);
        stream.write(framed('x'));
        assert.equal((await statusOf(stream))['grpc-status'], '13');
        await cancelled.promise;
      } finally {
        echo.chat.requestDeserialize = requestDeserialize;
      }
    });

    test('request without :authority: getHost returns the field host', async () => {
      const host = Promise.withResolvers<string>();
      const unary = (call: Unary, respond: sendUnaryData<string>): void => {
        host.resolve(call.getHost());
        respond(null, 'x');
      };
      using rig = await start({ unary });
      using client = rawClient(rig.port);
      const block = postBlock(echo.unary.path, grpcFieldsWithHost);
      client.write(preface, frame(frameType.headers, flag.endHeaders, 1, block));
      client.write(frame(frameType.data, flag.endStream, 1, framed('x')));
      assert.equal(await host.promise, 'example.com');
    });

    test('handler writes in one go, to a client with a large window: write returns false in time', async () => {
      const most = 10_000;
      const written = Promise.withResolvers<number>();
      const repeat = (call: Repeat): void => {
        // Later than the read of the request, whose output is written at once.
        setImmediate(() => {
          let count = 1;
          while (call.write('x'.repeat(1_000)) && count < most) count += 1;
          written.resolve(count);
        });
      };
      using rig = await start({ repeat });
      using client = rawClient(rig.port);
      client.write(...largeWindow, frame(frameType.headers, flag.endHeaders, 1, repeatHead));
      client.write(frame(frameType.data, flag.endStream, 1, framed('x')));
      const count = await written.promise;
      assert.ok(count < 100, `${count} messages`);
    });

    for (const [writes, returned, drains] of [
      [100, 'false', 1],
      [1, 'true', 0],
    ] as const)
      test(`write has returned ${returned}: drain is emitted ${drains} times`, async () => {
        let drained = 0;
        const repeat = (call: Repeat): void => {
          call.on('drain', () => (drained += 1));
          setImmediate(() => {
            for (let count = 1; count < writes; count += 1) call.write('x');
            call.write('y', () => setTimeout(() => call.end(), 10));
          });
        };
        using rig = await start({ repeat });
        const stream = openCall(rig.session(), echo.repeat.path);
        stream.end(framed('go'));
        stream.resume();
        await once(stream, 'close');
        assert.equal(drained, drains);
      });

    test('destroy of a call: emits close', async () => {
      const closed = Promise.withResolvers<undefined>();
      const chat = (call: Chat): void => {
        call.on('close', () => closed.resolve(undefined));
        call.write('x', () => void call.destroy());
      };
      using rig = await start({ chat });
      openCall(rig.session(), echo.chat.path).resume();
      await closed.promise;
    });
  });

suite('services on the server of the own transport only', () => {
  test('client with a large window that reads nothing: write returns false', async () => {
    const written = Promise.withResolvers<number>();
    const repeat = (call: Repeat): void => {
      const block = 'x'.repeat(100_000);
      let count = 0;
      const step = (): void => {
        count += 1;
        if (!call.write(block) || count === 1_000) written.resolve(count);
        else setImmediate(step);
      };
      step();
    };
    using rig = await startRig({ repeat });
    using client = rawClient(rig.port);
    client.write(...largeWindow, frame(frameType.headers, flag.endHeaders, 1, repeatHead));
    client.write(frame(frameType.data, flag.endStream, 1, framed('x')));
    // A socket without a reader takes some MB.
    assert.ok((await written.promise) < 300);
  });

  test('tryShutdown twice: both callbacks are called', async () => {
    const began = Promise.withResolvers<Chat>();
    using rig = await startRig({
      chat: (call: Chat) => {
        call.write('x');
        began.resolve(call);
      },
    });
    const stream = openCall(rig.session(), echo.chat.path);
    stream.resume();
    await once(stream, 'response');
    const done = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
    for (const one of done) rig.server.tryShutdown(() => one.resolve(undefined));
    (await began.promise).end();
    await once(stream, 'end');
    stream.session?.close();
    await Promise.all(done.map((one) => one.promise));
  });

  test('metadata with a field of the connection: is omitted, and the response arrives', async () => {
    const unary = (call: Unary, respond: sendUnaryData<string>): void => {
      const metadata = new Metadata();
      metadata.set('keep-alive', '5');
      metadata.set('kept', '1');
      call.sendMetadata(metadata);
      respond(null, 'x');
    };
    using rig = await startRig({ unary });
    const stream = openCall(rig.session(), echo.unary.path);
    stream.resume();
    stream.end(framed('x'));
    const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
    assert.deepEqual([headers['keep-alive'], headers['kept']], [undefined, '1']);
  });

  const failures: Readonly<Record<string, unknown>> = {
    null: null,
    undefined,
    'an object whose getter throws': {
      get message(): string {
        throw new Error('broken');
      },
    },
  };
  for (const [what, thrown] of Object.entries(failures))
    test(`handler throws ${what} in a callback: UNKNOWN, and other calls go on`, async () => {
      const chat = (call: Chat): void => {
        call.on('data', (text: string) =>
          call.write(text, () => {
            // oxlint-disable-next-line typescript/only-throw-error -- what is tested
            if (text === 'throw') throw thrown;
          }),
        );
        call.on('end', () => call.end());
      };
      using rig = await startRig({ chat });
      const session = rig.session();
      const healthy = openCall(session, echo.chat.path);
      healthy.write(framed('before'));
      await once(healthy, 'data');
      const broken = openCall(session, echo.chat.path);
      broken.write(framed('throw'));
      assert.equal((await statusOf(broken))['grpc-status'], '2');
      const trailers = once(healthy, 'trailers');
      healthy.end(framed('after'));
      assert.equal(((await trailers) as [IncomingHttpHeaders])[0]['grpc-status'], '0');
    });

  test('asynchronous handler that fails: its call ends with UNKNOWN, and the process goes on', async () => {
    const chat = async (): Promise<void> => {
      await Promise.resolve();
      throw new Error('broken');
    };
    using rig = await startRig({ chat: asHandler(chat) });
    const stream = openCall(rig.session(), echo.chat.path);
    assert.equal((await statusOf(stream))['grpc-status'], '2');
  });

  test('cancelled call whose handler iterates: the iteration fails, and the process goes on', async () => {
    const failed = Promise.withResolvers<unknown>();
    const chat = async (call: Chat): Promise<void> => {
      try {
        for await (const part of call) call.write(part as string);
      } catch (error) {
        failed.resolve(error);
        throw error;
      }
    };
    using rig = await startRig({ chat: asHandler(chat) });
    const session = rig.session();
    const stream = openCall(session, echo.chat.path);
    stream.write(framed('x'));
    await once(stream, 'data');
    // `stream.close` would end the request before.
    session.destroy();
    assert.ok((await failed.promise) instanceof Error);
  });

  test('call that was cancelled before its handler iterates: the iteration fails', async () => {
    const failed = Promise.withResolvers<unknown>();
    const iterate = async (call: Chat): Promise<void> => {
      try {
        for await (const part of call) assert.fail(String(part));
      } catch (error) {
        failed.resolve(error);
      }
    };
    const chat = (call: Chat): void => {
      call.on('cancelled', () => setImmediate(() => void iterate(call)));
      call.write('x');
    };
    using rig = await startRig({ chat });
    const session = rig.session();
    const stream = openCall(session, echo.chat.path);
    await once(stream, 'data');
    session.destroy();
    assert.equal(((await failed.promise) as Error).name, 'AbortError');
  });

  test('method of bytes whose promise has no reply: UNKNOWN', async () => {
    using rig = await startRig({});
    rig.server.addUnary('/test.Bytes/Nothing', () => Promise.resolve(undefined as never));
    const stream = openCall(rig.session(), '/test.Bytes/Nothing');
    stream.end(framed('x'));
    assert.equal((await statusOf(stream))['grpc-status'], '2');
  });
});
