import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http2';
import { suite, test } from 'node:test';
import { Metadata, status } from '@grpc/grpc-js';
import type {
  Client,
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
  ServiceError,
  StatusObject,
  sendUnaryData,
} from '@grpc/grpc-js';
import { echo, framed, openCall, startRig } from './rig.ts';

type Unary = (call: ServerUnaryCall<string, string>, respond: sendUnaryData<string>) => void;

interface Outcome {
  readonly error: ServiceError | null;
  readonly value: string | undefined;
  readonly headers: Metadata | undefined;
}

function callUnary(
  client: Client,
  request: string,
  metadata = new Metadata(),
  deadline?: number,
): Promise<Outcome> {
  return new Promise((resolve) => {
    let headers: Metadata | undefined;
    const { path, requestSerialize, responseDeserialize } = echo.unary;
    client
      .makeUnaryRequest<string, string>(
        path,
        requestSerialize,
        responseDeserialize as (bytes: Buffer) => string,
        request,
        metadata,
        deadline === undefined ? {} : { deadline },
        (error, value) => resolve({ error, value, headers }),
      )
      .on('metadata', (received) => (headers = received));
  });
}

const headersOf = async (stream: NodeJS.EventEmitter): Promise<IncomingHttpHeaders> =>
  ((await once(stream, 'response')) as [IncomingHttpHeaders])[0];

suite('calls with grpc-js handlers', () => {
  test('unary call: request, metadata and response arrive', async () => {
    const unary: Unary = (call, respond) => {
      const back = new Metadata();
      back.set('a', String(call.metadata.get('a')[0]));
      back.set('raw-bin', call.metadata.get('raw-bin')[0] as Buffer);
      call.sendMetadata(back);
      respond(null, call.request.toUpperCase());
    };
    using rig = await startRig({ unary });
    const metadata = new Metadata();
    metadata.set('a', '1');
    metadata.set('raw-bin', Buffer.from([0, 255, 7]));
    const { error, value, headers } = await callUnary(rig.client(), 'hello', metadata);
    assert.equal(error, null);
    assert.equal(value, 'HELLO');
    assert.deepEqual(headers?.get('a'), ['1']);
    assert.deepEqual(headers.get('raw-bin'), [Buffer.from([0, 255, 7])]);
  });

  test('error with metadata and a non-ASCII message: code, message and trailers arrive', async () => {
    const unary: Unary = (_, respond) => {
      const metadata = new Metadata();
      metadata.set('why', 'because');
      respond({ code: status.NOT_FOUND, details: 'größer % als 100 €', metadata });
    };
    using rig = await startRig({ unary });
    const { error } = await callUnary(rig.client(), 'x');
    assert.equal(error?.code, status.NOT_FOUND);
    assert.equal(error.details, 'größer % als 100 €');
    assert.deepEqual(error.metadata.get('why'), ['because']);
  });

  test('handler that throws: the call ends with UNKNOWN, and the next call is served', async () => {
    let calls = 0;
    const unary: Unary = (_, respond) => {
      calls += 1;
      if (calls === 1) throw new Error('broken');
      respond(null, 'fine');
    };
    using rig = await startRig({ unary });
    const client = rig.client();
    assert.equal((await callUnary(client, 'x')).error?.code, status.UNKNOWN);
    assert.equal((await callUnary(client, 'x')).value, 'fine');
  });

  test('call past its deadline: DEADLINE_EXCEEDED, and the handler gets cancelled', async () => {
    const cancelled = Promise.withResolvers<void>();
    const unary: Unary = (call) => void call.on('cancelled', cancelled.resolve);
    using rig = await startRig({ unary });
    const { error } = await callUnary(rig.client(), 'x', new Metadata(), Date.now() + 100);
    assert.equal(error?.code, status.DEADLINE_EXCEEDED);
    await cancelled.promise;
  });

  test('client-streaming, server-streaming and bidirectional calls: all messages arrive', async () => {
    using rig = await startRig({
      collect(call: ServerReadableStream<string, string>, respond: sendUnaryData<string>) {
        const parts: string[] = [];
        call.on('data', (part: string) => void parts.push(part));
        call.on('end', () => respond(null, parts.join()));
      },
      repeat(call: ServerWritableStream<string, string>) {
        for (let count = 0; count < 3; count += 1) call.write(call.request);
        call.end();
      },
      chat(call: ServerDuplexStream<string, string>) {
        call.on('data', (part: string) => void call.write(`<${part}>`));
        call.on('end', () => call.end());
      },
    });
    const client = rig.client();
    const serialize = echo.chat.requestSerialize as (value: string) => Buffer;
    const deserialize = echo.chat.responseDeserialize as (bytes: Buffer) => string;
    const collected = await new Promise<string | undefined>((resolve) => {
      const call = client.makeClientStreamRequest<string, string>(
        echo.collect.path,
        serialize,
        deserialize,
        (_, value) => resolve(value),
      );
      call.write('a');
      call.write('b');
      call.end();
    });
    assert.equal(collected, 'a,b');
    const repeated = client.makeServerStreamRequest(echo.repeat.path, serialize, deserialize, 'x');
    assert.deepEqual(await repeated.toArray(), ['x', 'x', 'x']);
    const chat = client.makeBidiStreamRequest(echo.chat.path, serialize, deserialize);
    const ended = once(chat, 'status') as Promise<[StatusObject]>;
    chat.write('1');
    chat.write('2');
    chat.end();
    assert.deepEqual(await chat.toArray(), ['<1>', '<2>']);
    assert.equal((await ended)[0].code, status.OK);
  });

  test('responses longer than the window, of two calls at a time: the client can decode all trailers', async () => {
    const unary: Unary = (_, respond) => respond(null, 'x'.repeat(100_000));
    using rig = await startRig({ unary });
    const client = rig.client();
    const outcomes = await Promise.all([callUnary(client, 'a'), callUnary(client, 'b')]);
    assert.deepEqual(
      outcomes.map(({ error, value }) => [error, value?.length]),
      [
        [null, 100_000],
        [null, 100_000],
      ],
    );
    assert.equal(rig.server.connections, 1);
  });

  test('metadata longer than a frame: the client gets all of it', async () => {
    const keys = Array.from({ length: 5 }, (_, index) => `key-${index}`);
    const metadata = new Metadata();
    for (const key of keys) metadata.set(key, key.padEnd(8000, '.'));
    const unary: Unary = (call, respond) => {
      call.sendMetadata(metadata);
      respond(null, 'x', metadata);
    };
    using rig = await startRig({ unary });
    const { headers, value } = await callUnary(rig.client(), 'x');
    assert.equal(value, 'x');
    assert.deepEqual(
      keys.map((key) => headers?.get(key)[0]),
      keys.map((key) => key.padEnd(8000, '.')),
    );
  });

  test('paused call: the client stops at the window, and continues when the handler resumes', async () => {
    const paused = Promise.withResolvers<ServerDuplexStream<string, string>>();
    let received = 0;
    using rig = await startRig(
      {
        chat(call: ServerDuplexStream<string, string>) {
          call.on('data', (part: string) => {
            received += part.length;
            if (received > 100) return;
            call.pause();
            paused.resolve(call);
          });
          call.on('end', () => call.end());
        },
      },
      { limits: { streamWindow: 100_000 } },
    );
    const stream = openCall(rig.session(), echo.chat.path);
    stream.write(framed('x'.repeat(50)));
    const call = await paused.promise;
    const total = 40 * 10_000;
    for (let count = 0; count < 40; count += 1) stream.write(framed('x'.repeat(10_000)));
    stream.end();
    const ended = once(stream, 'end');
    stream.resume();
    // When the PING is answered, all data that the window allows has arrived.
    await new Promise((resolve) => stream.session?.ping(resolve));
    assert.equal(received, 50);
    call.resume();
    await ended;
    assert.equal(received, 50 + total);
  });
});

test('metadata that is about a connection of HTTP/1.1: is omitted (RFC 9113, section 8.2.2), the rest arrives', async () => {
  const names = ['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'];
  const withAll = (last: string): Metadata => {
    const metadata = new Metadata();
    for (const name of [...names, last]) metadata.set(name, 'x');
    return metadata;
  };
  const unary: Unary = (call, respond) => {
    if (call.request === 'refused') return respond({ code: status.ABORTED, metadata: withAll('in-status') });
    call.sendMetadata(withAll('in-headers'));
    respond(null, 'done', withAll('in-trailers'));
  };
  using rig = await startRig({ unary });
  const session = rig.session();
  const call = openCall(session, echo.unary.path);
  call.end(framed('x'));
  call.resume();
  const ended = once(call, 'trailers') as Promise<[IncomingHttpHeaders]>;
  const headers = await headersOf(call);
  const [trailers] = await ended;
  const refused = openCall(session, echo.unary.path);
  refused.end(framed('refused'));
  const sent = [headers, trailers, await headersOf(refused)];
  assert.deepEqual(
    sent.map((fields) => Object.keys(fields).filter((name) => fields[name] === 'x')),
    [['in-headers'], ['in-trailers'], ['in-status']],
  );
});

suite('rejected requests', () => {
  test('unknown method: UNIMPLEMENTED', async () => {
    using rig = await startRig({});
    const headers = await headersOf(openCall(rig.session(), '/test.Echo/None'));
    assert.equal(headers['grpc-status'], String(status.UNIMPLEMENTED));
  });

  test('compressed request: UNIMPLEMENTED with grpc-accept-encoding', async () => {
    using rig = await startRig({});
    const stream = openCall(rig.session(), echo.unary.path, { 'grpc-encoding': 'gzip' });
    const headers = await headersOf(stream);
    assert.equal(headers['grpc-status'], String(status.UNIMPLEMENTED));
    assert.equal(headers['grpc-accept-encoding'], 'identity');
  });

  test('compressed message without grpc-encoding: INTERNAL', async () => {
    using rig = await startRig({});
    const stream = openCall(rig.session(), echo.unary.path);
    stream.write(framed('x', 1));
    assert.equal((await headersOf(stream))['grpc-status'], String(status.INTERNAL));
  });

  test('wrong content type, the client has made its HPACK table smaller: status 415, and later calls are served', async () => {
    const unary: Unary = (call, respond) => respond(null, call.request);
    using rig = await startRig({ unary });
    const session = rig.session();
    await once(session, 'connect');
    // The next header block has to begin with a size update (RFC 7541, section 4.2).
    await new Promise((resolve) => session.settings({ headerTableSize: 0 }, resolve));
    const json = openCall(session, echo.unary.path, { 'content-type': 'application/json' });
    assert.equal((await headersOf(json))[':status'], 415);
    const call = openCall(session, echo.unary.path);
    call.end(framed('x'));
    assert.equal((await headersOf(call))[':status'], 200);
  });

  test('wrong content type or HTTP method: status 415 or 405', async () => {
    using rig = await startRig({});
    const session = rig.session();
    const json = openCall(session, echo.unary.path, { 'content-type': 'application/json' });
    assert.equal((await headersOf(json))[':status'], 415);
    const get = session.request({ ':method': 'GET', ':path': echo.unary.path });
    assert.equal((await headersOf(get))[':status'], 405);
  });

  test('message above the limit or malformed timeout: RESOURCE_EXHAUSTED or INTERNAL', async () => {
    using rig = await startRig({}, { maxReceiveBytes: 10 });
    const session = rig.session();
    const long = openCall(session, echo.unary.path);
    long.write(framed('x'.repeat(11)));
    assert.equal((await headersOf(long))['grpc-status'], String(status.RESOURCE_EXHAUSTED));
    const odd = openCall(session, echo.unary.path, { 'grpc-timeout': 'soon' });
    odd.write(framed('x'));
    assert.equal((await headersOf(odd))['grpc-status'], String(status.INTERNAL));
  });

  test('request that ends within a message or has none: INTERNAL or UNIMPLEMENTED', async () => {
    using rig = await startRig({});
    const session = rig.session();
    const cut = openCall(session, echo.unary.path);
    cut.end(framed('hello').subarray(0, 7));
    assert.equal((await headersOf(cut))['grpc-status'], String(status.INTERNAL));
    const empty = openCall(session, echo.unary.path);
    empty.end();
    assert.equal((await headersOf(empty))['grpc-status'], String(status.UNIMPLEMENTED));
  });
});
