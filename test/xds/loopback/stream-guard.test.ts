import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { suite, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import { defaultClientLimits, typeUrls } from '../../../src/xds/index.ts';
import type { ClosedConnection, RefusedStream } from '../../../src/xds/index.ts';
import { setOf } from '../vocabulary.ts';
import { ads, sds, serve } from './serving.ts';
import type { Serving } from './serving.ts';

/** The events of a server, as promises. */
function reports() {
  const [refused, closed] = [
    Promise.withResolvers<RefusedStream>(),
    Promise.withResolvers<ClosedConnection>(),
  ];
  return {
    refused: refused.promise,
    closed: closed.promise,
    observer: { streamRefused: refused.resolve, connectionClosed: closed.resolve },
  };
}

function rawClient({ address }: Serving): ClientHttp2Session & Disposable {
  const session = connect(`http://${address}`);
  session.on('error', () => undefined);
  return Object.assign(session, { [Symbol.dispose]: () => session.destroy() });
}

/** Returns the code of the GOAWAY that ends a connection. `events.once` would reject at the error after it. */
function goawayOf(session: ClientHttp2Session): Promise<number> {
  return new Promise((resolve) => session.once('goaway', resolve));
}

/** Resolves when the stream is closed. `events.once` would reject at the error before it. */
function closeOf(stream: ClientHttp2Stream): Promise<void> {
  return new Promise((resolve) => stream.once('close', resolve));
}

function open(session: ClientHttp2Session, path = ads.delta): ClientHttp2Stream {
  const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
  return session.request(headers).on('error', () => undefined);
}

/** The header of a message of 64 KiB. */
const unfinishedHeader = Buffer.from([0, 0, 1, 0, 0]);

const chatPath = '/test.Chat/Talk';

/** Adds a method that takes several requests, and responds to each with its own bytes. */
function addChat({ server }: Serving): void {
  const same = (bytes: Buffer): Buffer => bytes;
  const codec = {
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
  server.addService(
    { Talk: { path: chatPath, requestStream: true, responseStream: true, ...codec } },
    {
      Talk(call: ServerDuplexStream<Buffer, Buffer>) {
        call.on('data', (bytes: Buffer) => void call.write(bytes));
        call.on('error', () => undefined);
        call.on('end', () => call.end());
      },
    },
  );
}

suite('stream guard', () => {
  test('stream without a request: ends with DEADLINE_EXCEEDED, and never counts as a stream', async () => {
    const { observer, refused } = reports();
    await using serving = await serve({ observer, maxStreams: 1, clientLimits: { requestTimeoutMs: 50 } });
    serving.store.set('', typeUrls.secret, setOf({ a: '1' }));
    const client = serving.connect();
    using idle = client.delta(ads.delta);
    using stream = client.delta(ads.delta);
    stream.send({ type_url: typeUrls.secret, resource_names_subscribe: ['a'] });
    await stream.next();
    assert.equal((await idle.ended).code, status.DEADLINE_EXCEEDED);
    assert.equal(await refused, 'no-request');
    assert.equal(serving.xds.streams(), 1);
  });

  test('request that is not complete in time: ends its stream with DEADLINE_EXCEEDED', async () => {
    await using serving = await serve({ sweepMs: 5, clientLimits: { requestTimeoutMs: 50 } });
    using session = rawClient(serving);
    const stream = open(session);
    stream.write(Buffer.from([0, 0, 0, 1, 0, 1, 2, 3]));
    const [headers] = (await once(stream, 'response')) as [Record<string, string>];
    assert.equal(Number(headers['grpc-status']), status.DEADLINE_EXCEEDED);
  });

  test('incomplete requests above the budget of a connection: it is closed, and no other', async () => {
    const { observer, closed } = reports();
    await using serving = await serve({ observer, clientLimits: { connectionBytes: 100_000 } });
    serving.store.set('', typeUrls.secret, setOf({ a: '1' }));
    using bystander = serving.connect().delta(ads.delta);
    bystander.send({ type_url: typeUrls.secret, resource_names_subscribe: ['a'] });
    const { nonce } = await bystander.next();
    bystander.send({ type_url: typeUrls.secret, response_nonce: nonce });
    using session = rawClient(serving);
    const goaway = goawayOf(session);
    const header = Buffer.from([0, 0, 1, 0, 0]);
    for (let count = 0; count < 4; count += 1)
      open(session).write(Buffer.concat([header, Buffer.alloc(60_000)]));
    assert.equal(await goaway, 11);
    assert.equal(await closed, 'request-bytes');
    serving.store.set('', typeUrls.secret, setOf({ a: '2' }));
    assert.equal((await bystander.next()).resources[0]?.version, '2');
  });

  test('incomplete requests, one after another, above the default budget: their connection is closed', async () => {
    const { observer, closed } = reports();
    await using serving = await serve({ observer });
    using session = rawClient(serving);
    const goaway = goawayOf(session);
    const length = 500_000;
    const incomplete = Buffer.alloc(length);
    incomplete.writeUInt32BE(length, 1);
    const count = Math.ceil(defaultClientLimits.connectionBytes / length) + 1;
    for (let index = 0; index < count; index += 1) {
      const stream = open(session);
      await Promise.race([new Promise((resolve) => stream.write(incomplete, resolve)), goaway]);
    }
    assert.equal(await goaway, 11);
    assert.equal(await closed, 'request-bytes');
  });

  test('incomplete requests above the total budget: the connection that holds most is closed', async () => {
    const { observer, closed } = reports();
    await using serving = await serve({ observer, clientLimits: { totalBytes: 100_000 } });
    using large = rawClient(serving);
    using small = rawClient(serving);
    const goaway = goawayOf(large);
    const header = Buffer.from([0, 0, 1, 0, 0]);
    open(small).write(Buffer.concat([header, Buffer.alloc(20_000)]));
    open(large).write(Buffer.concat([header, Buffer.alloc(60_000)]));
    open(large).write(Buffer.concat([header, Buffer.alloc(60_000)]));
    assert.equal(await goaway, 11);
    assert.equal(await closed, 'request-bytes');
    assert.equal(small.destroyed, false);
  });

  test('many useless streams in a row: GOAWAY with ENHANCE_YOUR_CALM', async () => {
    const { observer, closed } = reports();
    const uselessStreams = { perSecond: 1, burst: 5 };
    await using serving = await serve({ observer, clientLimits: { uselessStreams } });
    using session = rawClient(serving);
    const goaway = goawayOf(session);
    for (let count = 0; count < 6; count += 1) open(session, '/no.Service/Method').resume();
    assert.equal(await goaway, 11);
    assert.equal(await closed, 'useless-streams');
  });

  test('calls above the limit of a connection: RESOURCE_EXHAUSTED', async () => {
    const { observer, refused } = reports();
    await using serving = await serve({ observer, clientLimits: { connectionCalls: 1 } });
    using session = rawClient(serving);
    open(session, sds.fetch).write(Buffer.from([0]));
    const second = open(session, sds.fetch);
    const [headers] = (await once(second, 'response')) as [Record<string, string>];
    assert.equal(Number(headers['grpc-status']), status.RESOURCE_EXHAUSTED);
    assert.equal(await refused, 'too-many-calls');
  });

  const names = Array.from({ length: 40 }, (_, index) => `${index}`.padEnd(1_000, 'x'));
  const keeping: Readonly<Record<string, object>> = {
    'subscribed names': { resource_names_subscribe: names },
    'quoted names': { initial_resource_versions: Object.fromEntries(names.map((name) => [name, '1'])) },
  };
  for (const [what, request] of Object.entries(keeping)) {
    test(`${what} of all streams above the budget of a connection: it is closed`, async () => {
      const { observer, closed } = reports();
      await using serving = await serve({ observer, clientLimits: { connectionBytes: 100_000 } });
      const client = serving.connect();
      for (let count = 0; count < 4; count += 1)
        client.delta(ads.delta).send({ type_url: typeUrls.secret, ...request });
      assert.equal(await closed, 'request-bytes');
    });
  }

  test('names that the client unsubscribes from, and those of ended streams: count no longer', async () => {
    const { observer, closed } = reports();
    await using serving = await serve({ observer, clientLimits: { connectionBytes: 200_000 } });
    serving.store.set('', typeUrls.secret, setOf({}));
    const client = serving.connect();
    void closed.then(() => assert.fail('a connection was closed'));
    for (let count = 0; count < 10; count += 1) {
      using stream = client.delta(ads.delta);
      stream.send({ type_url: typeUrls.secret, resource_names_subscribe: names });
      await stream.next();
      stream.send({ type_url: typeUrls.secret, resource_names_unsubscribe: names });
      stream.send({ type_url: typeUrls.secret, resource_names_subscribe: names });
      stream.halfClose();
      await stream.ended;
    }
    assert.equal(serving.xds.streams(), 0);
  });

  /** A request for other names than those of the request before. */
  const otherNames = (count: number): object => ({
    type_url: typeUrls.secret,
    resource_names_subscribe: names.map((name) => `${count}-${name}`),
    resource_names_unsubscribe: count === 0 ? [] : names.map((name) => `${count - 1}-${name}`),
  });

  test('subscribes to ever other names and answers no response: the responses above the budget close the connection', async () => {
    const { observer, closed } = reports();
    await using serving = await serve({ observer, clientLimits: { connectionBytes: 400_000 } });
    serving.store.set('', typeUrls.secret, setOf({}));
    const stream = serving.connect().delta(ads.delta);
    for (let count = 0; count < 20; count += 1) {
      stream.send(otherNames(count));
      if ((await Promise.race([stream.next(), closed])) === 'request-bytes') return;
    }
    assert.fail('the connection is open');
  });

  test('subscribes to ever other names and answers each response: is not closed', async () => {
    const { observer, closed } = reports();
    await using serving = await serve({ observer, clientLimits: { connectionBytes: 400_000 } });
    serving.store.set('', typeUrls.secret, setOf({}));
    using stream = serving.connect().delta(ads.delta);
    void closed.then(() => assert.fail('a connection was closed'));
    for (let count = 0; count < 20; count += 1) {
      stream.send(otherNames(count));
      const { nonce } = await stream.next();
      stream.send({ type_url: typeUrls.secret, response_nonce: nonce });
    }
    stream.halfClose();
    await stream.ended;
  });

  for (const [kind, path] of Object.entries({ Fetch: sds.fetch, 'streaming call': chatPath })) {
    test(`${kind}: incomplete requests above the budget close their connection`, async () => {
      const { observer, closed } = reports();
      await using serving = await serve({ observer, clientLimits: { connectionBytes: 100_000 } });
      addChat(serving);
      using session = rawClient(serving);
      const goaway = goawayOf(session);
      for (let count = 0; count < 4; count += 1) {
        const stream = open(session, path);
        // Two writes, so that the server has taken the first one by the time it counts.
        stream.write(Buffer.concat([unfinishedHeader, Buffer.alloc(30_000)]), () =>
          stream.write(Buffer.alloc(30_000)),
        );
      }
      assert.equal(await goaway, 11);
      assert.equal(await closed, 'request-bytes');
    });
  }

  test('streaming call: a request that is not complete in time resets the call', async () => {
    const { observer, refused } = reports();
    await using serving = await serve({ observer, clientLimits: { requestTimeoutMs: 50 } });
    addChat(serving);
    using session = rawClient(serving);
    const call = open(session, chatPath);
    const response = once(call, 'data');
    call.write(Buffer.from([0, 0, 0, 0, 1, 7]));
    await response;
    call.write(Buffer.from([0, 0, 0, 0, 9, 1, 2]));
    await closeOf(call);
    assert.equal(call.rstCode, 11);
    assert.equal(await refused, 'no-request');
  });

  test('streaming call: may be silent between requests', async () => {
    await using serving = await serve({ clientLimits: { requestTimeoutMs: 50 } });
    addChat(serving);
    using session = rawClient(serving);
    const [silent, late] = [open(session, chatPath), open(session, chatPath)];
    silent.write(Buffer.from([0, 0, 0, 0, 1, 7]));
    await once(silent, 'data');
    late.write(Buffer.from([0, 0, 0, 0, 9, 1, 2]));
    await closeOf(late);
    const response = once(silent, 'data');
    silent.write(Buffer.from([0, 0, 0, 0, 1, 8]));
    assert.equal(((await response) as [Buffer])[0].at(-1), 8);
  });
});
