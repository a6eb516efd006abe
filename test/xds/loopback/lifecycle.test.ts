import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { discoveryServices, typeUrls } from '../../../src/xds/index.ts';
import type { StreamEnd, StreamInfo, XdsObserver } from '../../../src/xds/index.ts';
import { sotwRequests } from '../codec.ts';
import { setOf } from '../vocabulary.ts';
import { ads, sds, serve } from './serving.ts';
import { createSlowReader } from './slow-reader.ts';

/** An observer whose promise resolves when a stream has closed. */
function closing(): { observer: XdsObserver; closed: Promise<{ stream: StreamInfo; end: StreamEnd }> } {
  const { promise, resolve } = Promise.withResolvers<{ stream: StreamInfo; end: StreamEnd }>();
  return { observer: { streamClosed: (stream, end) => resolve({ stream, end }) }, closed: promise };
}

suite('lifetime of a stream', () => {
  test('stream that the client cancels: ends without an error', async () => {
    const { observer, closed } = closing();
    await using serving = await serve({ observer });
    serving.store.set('', typeUrls.secret, setOf({ a: '1' }));
    const client = serving.connect();
    using stream = client.delta(ads.delta);
    stream.send({ type_url: typeUrls.secret, node: { id: 'n' }, resource_names_subscribe: ['a'] });
    await stream.next();
    assert.equal(serving.xds.streams(), 1);
    stream.cancel();
    const { stream: info, end } = await closed;
    assert.equal(end.code, 'CANCELLED');
    assert.deepEqual(
      { transport: info.transport, protocol: info.protocol, nodeId: info.nodeId, group: info.group },
      { transport: 'ads', protocol: 'delta', nodeId: 'n', group: '' },
    );
    assert.equal(serving.xds.streams(), 0);
    serving.store.set('', typeUrls.secret, setOf({ a: '2' }));
  });

  test('stream that is cancelled during a write: ends without an error', async () => {
    const { observer, closed } = closing();
    const failures: unknown[] = [];
    await using serving = await serve({
      observer: { ...observer, failed: (_, error) => void failures.push(error) },
    });
    const big = { name: 'big', version: '1', body: Buffer.alloc(8_000_000) };
    serving.store.set('', typeUrls.secret, { version: '1', resources: new Map([['big', big]]) });
    using slow = createSlowReader(serving.address, sds.sotw);
    slow.send(sotwRequests.serialize({ resource_names: ['big'] }));
    await slow.started;
    assert.equal(serving.xds.streams(), 1);
    slow.destroy();
    assert.equal((await closed).end.code, 'CANCELLED');
    assert.deepEqual(failures, []);
  });

  test('client that half-closes: the stream ends with OK', async () => {
    const { observer, closed } = closing();
    await using serving = await serve({ observer });
    serving.store.set('', typeUrls.secret, setOf({ a: '1' }));
    const client = serving.connect();
    using stream = client.sotw(sds.sotw);
    stream.send({ resource_names: ['a'] });
    stream.halfClose();
    await stream.next();
    assert.equal((await stream.ended).code, status.OK);
    assert.equal((await closed).end.code, 'OK');
  });

  test('broken connection: its streams end', async () => {
    await using serving = await serve();
    serving.store.set('', typeUrls.secret, setOf({ a: '1' }));
    const client = serving.connect();
    const streams = [client.delta(ads.delta), client.delta(sds.delta)];
    for (const stream of streams) {
      stream.send({ type_url: typeUrls.secret, resource_names_subscribe: ['a'] });
      await stream.next();
    }
    assert.equal(serving.xds.streams(), 2);
    for (const stream of streams) stream.cancel();
    await Promise.all(streams.map(({ ended }) => ended));
    await serving.until(() => serving.xds.streams() === 0);
  });

  test('drain: ends open streams after the grace time and refuses new ones, with UNAVAILABLE', async () => {
    await using serving = await serve();
    serving.store.set('', typeUrls.secret, setOf({ a: '1' }));
    const client = serving.connect();
    using stream = client.delta(ads.delta);
    stream.send({ type_url: typeUrls.secret, resource_names_subscribe: ['a'] });
    const { nonce } = await stream.next();
    // Long enough for the round trips before its end on a busy machine.
    const drained = serving.xds.drain(1_000);
    stream.send({ type_url: typeUrls.secret, response_nonce: nonce });
    serving.store.set('', typeUrls.secret, setOf({ a: '2' }));
    assert.equal((await stream.next()).resources[0]?.version, '2');
    using late = client.delta(ads.delta);
    assert.equal((await late.ended).code, status.UNAVAILABLE);
    await assert.rejects(client.fetch(sds.fetch, {}), { code: status.UNAVAILABLE });
    assert.equal((await stream.ended).code, status.UNAVAILABLE);
    await drained;
    assert.equal(serving.xds.streams(), 0);
  });

  test('drain: ends with the last stream', async () => {
    await using serving = await serve();
    const client = serving.connect();
    using stream = client.delta(ads.delta);
    stream.send({ type_url: typeUrls.secret });
    await serving.until(() => serving.xds.streams() === 1);
    const drained = serving.xds.drain(3_600_000);
    stream.cancel();
    await drained;
    assert.equal(serving.xds.streams(), 0);
  });

  test('connection age: a stream ends within age and grace time, and its next stream is sent nothing', async () => {
    const quoted: string[] = [];
    await using serving = await serve(
      { observer: { quoted: (_, { name, version }) => void quoted.push(`${name}@${version}`) } },
      { maxConnectionAgeMs: 100, maxConnectionAgeGraceMs: 50 },
    );
    serving.store.set('', typeUrls.secret, setOf({ a: '1' }));
    const client = serving.connect();
    using stream = client.delta(ads.delta);
    stream.send({ type_url: typeUrls.secret, node: { id: 'n' }, resource_names_subscribe: ['a'] });
    const { nonce } = await stream.next();
    stream.send({ type_url: typeUrls.secret, response_nonce: nonce });
    await stream.ended;
    using again = client.delta(ads.delta);
    again.send({
      type_url: typeUrls.secret,
      node: { id: 'n' },
      resource_names_subscribe: ['a'],
      initial_resource_versions: { a: '1' },
    });
    await serving.until(() => quoted.length > 0);
    assert.equal(again.received, 0);
    assert.deepEqual(quoted, ['a@1']);
  });

  test('connection age: a stream ends with OK long before the grace time is over', async () => {
    const { observer, closed } = closing();
    await using serving = await serve(
      { observer, sweepMs: 5 },
      { maxConnectionAgeMs: 50, maxConnectionAgeGraceMs: 60_000 },
    );
    using stream = serving.connect().delta(ads.delta);
    stream.send({ type_url: typeUrls.secret });
    assert.deepEqual((await closed).end, {
      code: 'OK',
      message: 'the connection has reached its age',
      by: 'server',
    });
    assert.equal((await stream.ended).code, status.OK);
    assert.equal(serving.xds.streams(), 0);
  });

  test('every service: has streams of both protocols', async () => {
    await using serving = await serve();
    const client = serving.connect();
    assert.equal(discoveryServices.length, 6);
    for (const { name, delta, sotw, typeUrl = typeUrls.secret } of discoveryServices) {
      serving.store.set('', typeUrl, setOf({ x: '1' }));
      using deltaStream = client.delta(`/${name}/${delta}`);
      deltaStream.send({ type_url: typeUrl, resource_names_subscribe: ['x'] });
      assert.equal((await deltaStream.next()).resources[0]?.version, '1');
      using sotwStream = client.sotw(`/${name}/${sotw}`);
      sotwStream.send({ type_url: typeUrl, resource_names: ['x'] });
      assert.equal((await sotwStream.next()).resources[0]?.value.toString(), 'x@1');
    }
  });
});

suite('callbacks of a stream', () => {
  test('observer that throws: streams go on, and one warning is emitted', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on('warning', onWarning);
    const throws = (): never => {
      throw new Error('broken observer');
    };
    await using serving = await serve({
      observer: {
        streamOpened: throws,
        streamClosed: throws,
        request: throws,
        response: throws,
        acked: throws,
        quoted: throws,
        nacked: throws,
        fetched: throws,
        failed: throws,
      },
    });
    serving.store.set('', typeUrls.secret, setOf({ a: '1' }));
    const client = serving.connect();
    using stream = client.delta(ads.delta);
    stream.send({ type_url: typeUrls.secret, node: { id: 'n' }, resource_names_subscribe: ['a'] });
    stream.send({ type_url: typeUrls.secret, response_nonce: (await stream.next()).nonce });
    serving.store.set('', typeUrls.secret, setOf({ a: '2' }));
    const { nonce } = await stream.next();
    stream.send({ type_url: typeUrls.secret, response_nonce: nonce, error_detail: { code: 13 } });
    assert.equal((await stream.next()).resources[0]?.version, '1');
    await client.fetch(sds.fetch, {});
    process.off('warning', onWarning);
    assert.equal(warnings.filter(({ message }) => message.includes('broken observer')).length, 1);
  });

  test('groupOf that throws: ends its stream, and no other', async () => {
    const failures: unknown[] = [];
    await using serving = await serve({
      groupOf: ({ id }) => {
        if (id === 'bad') throw new Error('no such mesh');
        return '';
      },
      observer: { failed: (_, error) => void failures.push(error) },
    });
    serving.store.set('', typeUrls.secret, setOf({ a: '1' }));
    const client = serving.connect();
    using good = client.delta(ads.delta);
    good.send({ type_url: typeUrls.secret, node: { id: 'good' }, resource_names_subscribe: ['a'] });
    await good.next();
    using bad = client.delta(ads.delta);
    bad.send({ type_url: typeUrls.secret, node: { id: 'bad' }, resource_names_subscribe: ['a'] });
    const end = await bad.ended;
    assert.equal(end.code, status.INTERNAL);
    assert.doesNotMatch(end.details, /no such mesh/);
    assert.equal(failures.length, 1);
    good.send({ type_url: typeUrls.secret, resource_names_subscribe: ['a'] });
    await good.next();
  });

  test('groups: each gets its own resources and changes only', async () => {
    await using serving = await serve({ groupOf: ({ id }) => id });
    serving.store.setDefault(typeUrls.secret, () => setOf({ a: 'default' }));
    serving.store.set('one', typeUrls.secret, setOf({ a: 'one' }));
    const client = serving.connect();
    const open = (id: string): ReturnType<typeof client.delta> => {
      const stream = client.delta(ads.delta);
      stream.send({ type_url: typeUrls.secret, node: { id }, resource_names_subscribe: ['a'] });
      return stream;
    };
    using one = open('one');
    using two = open('two');
    const versionOf = async (stream: typeof one): Promise<string | undefined> => {
      const { resources, nonce } = await stream.next();
      stream.send({ type_url: typeUrls.secret, response_nonce: nonce });
      return resources[0]?.version;
    };
    assert.equal(await versionOf(one), 'one');
    assert.equal(await versionOf(two), 'default');
    serving.store.set('two', typeUrls.secret, setOf({ a: 'two' }));
    assert.equal(await versionOf(two), 'two');
    serving.store.setDefault(typeUrls.secret, () => setOf({ a: 'other' }));
    serving.store.delete('two', typeUrls.secret);
    assert.equal(await versionOf(two), 'other');
    assert.equal(one.received, 1);
  });

  test('observer: sees each request, response, ACK and NACK', async () => {
    const seen: string[] = [];
    const { observer, closed } = closing();
    await using serving = await serve({
      instance: 'i',
      identifier: 'control-plane-1',
      observer: {
        ...observer,
        streamOpened: ({ transport, protocol }) => void seen.push(`open ${transport} ${protocol}`),
        request: (_, { kind }) => void seen.push(`request ${kind}`),
        response: (_, { resources, removed, nonce, bytes }) => {
          assert.ok(bytes.length > 0);
          seen.push(`response ${nonce} ${[...resources.map(({ version }) => version), ...removed].join()}`);
        },
        acked: ({ nodeId }, { name, version, unconfirmed }) =>
          void seen.push(`acked ${nodeId} ${name} ${version} ${unconfirmed}`),
        nacked: ({ nodeId, userAgent }, { code, message, resources }) =>
          void seen.push(`nacked ${nodeId} (${userAgent}) ${resources[0]?.name} ${code} ${message}`),
      },
    });
    serving.store.set('', typeUrls.secret, setOf({ a: '1' }));
    const client = serving.connect();
    using stream = client.delta(sds.delta);
    const node = {
      id: 'n',
      user_agent_name: 'envoy',
      user_agent_build_version: { version: { major_number: 1, minor_number: 40, patch: 2 } },
    };
    stream.send({ node, resource_names_subscribe: ['a'] });
    const first = await stream.next();
    assert.equal(first.control_plane?.identifier, 'control-plane-1');
    assert.equal(first.system_version_info, setOf({ a: '1' }).version);
    stream.send({ response_nonce: first.nonce });
    serving.store.set('', typeUrls.secret, setOf({ a: '2' }));
    const second = await stream.next();
    stream.send({ response_nonce: second.nonce, error_detail: { code: 13, message: 'no' } });
    const third = await stream.next();
    // The restored resource must not be reported under the version that the client rejected.
    assert.equal(third.system_version_info, '1');
    stream.cancel();
    await closed;
    assert.deepEqual(seen, [
      'open sds delta',
      'request initial',
      'response i-1 1',
      'acked n a 1 false',
      'request ack',
      'response i-2 2',
      'nacked n (envoy 1.40.2) a 13 no',
      'request nack',
      'response i-3 1',
    ]);
  });
});
