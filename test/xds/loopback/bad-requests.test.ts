import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { typeUrls } from '../../../src/xds/index.ts';
import type { StreamEnd } from '../../../src/xds/index.ts';
import { randomBytes } from '../../kit/seed.ts';
import { deltaRequests, sotwRequests } from '../codec.ts';
import { resource, setOf, testTypes } from '../vocabulary.ts';
import { ads, sds, serve } from './serving.ts';
import type { Serving } from './serving.ts';

const secrets = { type_url: typeUrls.secret };

/** Another stream of the same server, which must not be affected. */
async function withBystander(serving: Serving, meanwhile: () => Promise<void>): Promise<void> {
  serving.store.set('', typeUrls.secret, setOf({ a: '1' }));
  using client = serving.connect();
  using bystander = client.delta(ads.delta);
  bystander.send({ ...secrets, node: { id: 'bystander' }, resource_names_subscribe: ['a'] });
  const first = await bystander.next();
  bystander.send({ ...secrets, response_nonce: first.nonce });
  await meanwhile();
  serving.store.set('', typeUrls.secret, setOf({ a: '2' }));
  assert.equal((await bystander.next()).resources[0]?.version, '2');
  assert.equal(bystander.received, 2);
}

suite('bad request: ends its stream with a reason, and no other stream', () => {
  const refused: Readonly<
    Record<string, { path: string; code: status; bytes: () => Uint8Array; details: RegExp }>
  > = {
    'bytes that are not a message, delta': {
      path: ads.delta,
      code: status.INVALID_ARGUMENT,
      bytes: () => Buffer.from('ffffffffffff', 'hex'),
      details: /cannot be decoded/,
    },
    'bytes that are not a message, SotW': {
      path: ads.sotw,
      code: status.INVALID_ARGUMENT,
      bytes: () => Buffer.from('0aff', 'hex'),
      details: /cannot be decoded/,
    },
    'no type URL on the aggregated service, delta': {
      path: ads.delta,
      code: status.INVALID_ARGUMENT,
      bytes: () => deltaRequests.serialize({ resource_names_subscribe: ['a'] }),
      details: /type_url is required/,
    },
    'no type URL on the aggregated service, SotW': {
      path: ads.sotw,
      code: status.INVALID_ARGUMENT,
      bytes: () => sotwRequests.serialize({ resource_names: ['a'] }),
      details: /type_url is required/,
    },
    'another type on DeltaSecrets': {
      path: sds.delta,
      code: status.INVALID_ARGUMENT,
      bytes: () => deltaRequests.serialize({ type_url: typeUrls.cluster }),
      details: /type_url is not .*Secret/,
    },
    'another type on StreamSecrets': {
      path: sds.sotw,
      code: status.INVALID_ARGUMENT,
      bytes: () => sotwRequests.serialize({ type_url: typeUrls.cluster }),
      details: /type_url is not .*Secret/,
    },
    '100,000 names, delta': {
      path: ads.delta,
      code: status.RESOURCE_EXHAUSTED,
      bytes: () => deltaRequests.serialize({ ...secrets, resource_names_subscribe: manyNames(100_000) }),
      details: /1000 resource names/,
    },
    '100,000 names, SotW': {
      path: ads.sotw,
      code: status.RESOURCE_EXHAUSTED,
      bytes: () => sotwRequests.serialize({ ...secrets, resource_names: manyNames(100_000) }),
      details: /1000 resource names/,
    },
    '100,000 times one name': {
      path: ads.delta,
      code: status.RESOURCE_EXHAUSTED,
      bytes: () =>
        deltaRequests.serialize({ ...secrets, resource_names_subscribe: Array(100_000).fill('a') }),
      details: /1000 resource names/,
    },
    '100,000 unsubscribed names': {
      path: ads.delta,
      code: status.RESOURCE_EXHAUSTED,
      bytes: () =>
        deltaRequests.serialize({ ...secrets, resource_names_unsubscribe: Array(100_000).fill('a') }),
      details: /1000 resource names/,
    },
    '100,000 quoted versions': {
      path: ads.delta,
      code: status.RESOURCE_EXHAUSTED,
      bytes: () =>
        deltaRequests.serialize({
          ...secrets,
          initial_resource_versions: Object.fromEntries(manyNames(100_000).map((name) => [name, '1'])),
        }),
      details: /10000 quoted versions/,
    },
    'request above the size limit': {
      path: ads.delta,
      code: status.RESOURCE_EXHAUSTED,
      bytes: () => deltaRequests.serialize({ ...secrets, resource_names_subscribe: ['x'.repeat(5_000_000)] }),
      details: /larger than max/,
    },
    'name above the length limit': {
      path: ads.delta,
      code: status.INVALID_ARGUMENT,
      bytes: () => deltaRequests.serialize({ ...secrets, resource_names_subscribe: ['x'.repeat(4_097)] }),
      details: /a resource name is longer than 4096 bytes/,
    },
    'name above the length limit, SotW': {
      path: ads.sotw,
      code: status.INVALID_ARGUMENT,
      bytes: () => sotwRequests.serialize({ ...secrets, resource_names: ['x'.repeat(4_097)] }),
      details: /a resource name is longer than 4096 bytes/,
    },
    'node id above the length limit': {
      path: ads.delta,
      code: status.INVALID_ARGUMENT,
      bytes: () => deltaRequests.serialize({ ...secrets, node: { id: 'x'.repeat(4_097) } }),
      details: /node\.id is longer than 4096 bytes/,
    },
    'node id whose UTF-8 form is above the length limit': {
      path: ads.sotw,
      code: status.INVALID_ARGUMENT,
      bytes: () => sotwRequests.serialize({ ...secrets, node: { id: '\u{1f512}'.repeat(1_025) } }),
      details: /node\.id is longer than 4096 bytes/,
    },
    'user agent above the length limit': {
      path: ads.delta,
      code: status.INVALID_ARGUMENT,
      bytes: () => deltaRequests.serialize({ ...secrets, node: { user_agent_name: 'x'.repeat(4_097) } }),
      details: /user agent of the node is longer than 4096 bytes/,
    },
    'mesh above the length limit': {
      path: ads.delta,
      code: status.INVALID_ARGUMENT,
      bytes: () =>
        deltaRequests.serialize({
          ...secrets,
          node: { metadata: { fields: { mesh: { stringValue: 'x'.repeat(4_097) } } } },
        }),
      details: /group of the node is longer than 4096 bytes/,
    },
  };

  for (const [name, { path, code, bytes, details }] of Object.entries(refused)) {
    test(name, async () => {
      await using serving = await serve(
        {
          types: testTypes,
          groupOf: ({ metadata }) => (typeof metadata['mesh'] === 'string' ? metadata['mesh'] : ''),
        },
        { maxRequestBytes: 4 * 1024 * 1024 },
      );
      await withBystander(serving, async () => {
        const client = serving.connect();
        using stream = client.delta(path);
        stream.sendBytes(bytes());
        const end = await stream.ended;
        assert.equal(end.code, code);
        assert.match(end.details, details);
        assert.equal(serving.xds.streams(), 1);
      });
    });
  }

  test('random bytes, on both protocols: end their streams alone', async () => {
    const ends: StreamEnd[] = [];
    await using serving = await serve({
      types: testTypes,
      observer: { streamClosed: (_, end) => void ends.push(end) },
    });
    await withBystander(serving, async () => {
      const client = serving.connect();
      for (let round = 0; round < 50; round += 1) {
        using stream = round % 2 === 0 ? client.delta(ads.delta) : client.sotw(ads.sotw);
        stream.sendBytes(randomBytes(1 + round * 7, round));
        stream.halfClose();
        await stream.ended;
      }
    });
    assert.equal(ends.length, 50);
    assert.deepEqual(
      ends.filter(({ code }) => code === 'INTERNAL'),
      [],
    );
  });

  test('names one by one: the first above the limit ends the stream', async () => {
    await using serving = await serve({ limits: { names: 20 } });
    serving.store.set('', typeUrls.secret, setOf({}));
    const client = serving.connect();
    using stream = client.delta(sds.delta);
    for (const name of manyNames(20)) {
      stream.send({ resource_names_subscribe: [name] });
      await stream.next();
    }
    stream.send({ resource_names_subscribe: ['name-0'], resource_names_unsubscribe: ['name-1'] });
    await stream.next();
    stream.send({ resource_names_subscribe: ['one', 'two'] });
    assert.equal((await stream.ended).code, status.RESOURCE_EXHAUSTED);
  });

  test('names with too many bytes in all: end the stream', async () => {
    await using serving = await serve({ limits: { nameBytes: 100 } });
    serving.store.set('', typeUrls.secret, setOf({}));
    const client = serving.connect();
    using stream = client.delta(sds.delta);
    stream.send({ resource_names_subscribe: ['a'.repeat(60)] });
    await stream.next();
    stream.send({
      resource_names_subscribe: ['b'.repeat(60)],
      resource_names_unsubscribe: ['a'.repeat(60)],
    });
    await stream.next();
    stream.send({ resource_names_subscribe: ['c'.repeat(60)] });
    const { code, details } = await stream.ended;
    assert.equal(code, status.RESOURCE_EXHAUSTED);
    assert.match(details, /more than 100 bytes/);
  });

  test('long quoted version: ends the stream', async () => {
    await using serving = await serve();
    const client = serving.connect();
    using delta = client.delta(sds.delta);
    delta.send({ initial_resource_versions: { a: 'v'.repeat(5_000) } });
    assert.equal((await delta.ended).code, status.INVALID_ARGUMENT);
    using sotw = client.sotw(sds.sotw);
    sotw.send({ version_info: 'v'.repeat(5_000) });
    assert.equal((await sotw.ended).code, status.INVALID_ARGUMENT);
  });

  test('names of several types: count together', async () => {
    await using serving = await serve({ limits: { names: 10 }, otherTypes: { unset: 'empty' } });
    const client = serving.connect();
    using stream = client.sotw(ads.sotw);
    stream.send({ type_url: 'type.googleapis.com/test.A', resource_names: manyNames(6) });
    await stream.next();
    stream.send({ type_url: 'type.googleapis.com/test.B', resource_names: manyNames(5) });
    assert.equal((await stream.ended).code, status.RESOURCE_EXHAUSTED);
  });

  test('types above the limit: end the stream', async () => {
    await using serving = await serve({ otherTypes: { unset: 'empty' } });
    const client = serving.connect();
    using stream = client.delta(ads.delta);
    for (let type = 0; type < 64; type += 1) {
      stream.send({ type_url: `type.googleapis.com/test.T${type}` });
      // The end of a stream drops responses that are not sent yet.
      await stream.next();
    }
    stream.send({ type_url: 'type.googleapis.com/test.T64' });
    assert.equal((await stream.ended).code, status.RESOURCE_EXHAUSTED);
  });
});

suite('unusual request that gets a reply', () => {
  test('first request without a node: gets the group of an empty node', async () => {
    const groups: string[] = [];
    await using serving = await serve({
      groupOf: ({ id, metadata }) => {
        groups.push(id);
        return typeof metadata['mesh'] === 'string' ? metadata['mesh'] : 'default';
      },
    });
    serving.store.set('default', typeUrls.secret, setOf({ a: '1' }));
    const client = serving.connect();
    using stream = client.delta(ads.delta);
    stream.send({ ...secrets, resource_names_subscribe: ['a'] });
    assert.equal((await stream.next()).resources[0]?.version, '1');
    assert.deepEqual(groups, ['']);
  });

  test('node in a later request: does not change the group', async () => {
    await using serving = await serve({ groupOf: ({ id }) => id });
    serving.store.set('one', typeUrls.secret, setOf({ a: '1', b: '1' }));
    serving.store.set('two', typeUrls.secret, setOf({ a: '2', b: '2' }));
    const client = serving.connect();
    using stream = client.delta(ads.delta);
    stream.send({ ...secrets, node: { id: 'one' }, resource_names_subscribe: ['a'] });
    assert.equal((await stream.next()).resources[0]?.version, '1');
    stream.send({ ...secrets, node: { id: 'two' }, resource_names_subscribe: ['b'] });
    assert.equal((await stream.next()).resources[0]?.version, '1');
  });

  test('type without a set: waits until there is one', async () => {
    await using serving = await serve();
    const client = serving.connect();
    using stream = client.delta(ads.delta);
    stream.send({ type_url: 'type.googleapis.com/test.Late', resource_names_subscribe: ['x'] });
    stream.send({ ...secrets, resource_names_subscribe: ['a'] });
    serving.store.set('', typeUrls.secret, setOf({ a: '1' }));
    assert.equal((await stream.next()).type_url, typeUrls.secret);
    serving.store.set('', 'type.googleapis.com/test.Late', setOf({ x: '1' }));
    assert.equal((await stream.next()).type_url, 'type.googleapis.com/test.Late');
  });

  test('node of 61 KB in every request: each version is sent', async () => {
    await using serving = await serve();
    serving.store.set('', typeUrls.secret, setOf({ a: '1' }));
    const client = serving.connect();
    using stream = client.delta(ads.delta);
    // Field 9 of a node, which our proto files omit: 516 extensions.
    const extension = Buffer.concat([Buffer.from([0x4a, 0x75]), Buffer.alloc(0x75, 0x20)]);
    const envoyNode = Buffer.concat([
      Buffer.from([0x0a, 0x01, 0x6e]),
      ...Array.from({ length: 516 }, () => extension),
    ]);
    const withNode = (request: object): Buffer => {
      const length = envoyNode.length;
      const head = Buffer.from([0x0a, (length & 127) | 128, ((length >> 7) & 127) | 128, length >> 14]);
      return Buffer.concat([head, envoyNode, deltaRequests.serialize({ ...secrets, ...request })]);
    };
    assert.ok(envoyNode.length > 61_000);
    stream.sendBytes(withNode({ resource_names_subscribe: ['a'] }));
    for (let version = 1; version <= 20; version += 1) {
      const { nonce, resources } = await stream.next();
      assert.equal(resources[0]?.version, String(version));
      stream.sendBytes(withNode({ response_nonce: nonce }));
      serving.store.set('', typeUrls.secret, setOf({ a: String(version + 1) }));
    }
    assert.equal((await stream.next()).resources[0]?.version, '21');
  });

  test('empty type URL on a typed service: means its type', async () => {
    await using serving = await serve();
    serving.store.set('', typeUrls.secret, setOf({ a: '1' }));
    const client = serving.connect();
    using delta = client.delta(sds.delta);
    delta.send({ resource_names_subscribe: ['a'] });
    assert.equal((await delta.next()).type_url, typeUrls.secret);
    using sotw = client.sotw(sds.sotw);
    sotw.send({ resource_names: ['a'] });
    assert.equal((await sotw.next()).type_url, typeUrls.secret);
  });

  test('resource of a megabyte, and an empty one: are sent as they are', async () => {
    await using serving = await serve();
    const body = randomBytes(1_048_576);
    const resources = new Map([
      ['big', { ...resource('big', '1'), body }],
      ['none', { ...resource('none', '1'), body: new Uint8Array() }],
    ]);
    serving.store.set('', typeUrls.secret, { version: '1', resources });
    const client = serving.connect();
    using stream = client.delta(sds.delta);
    stream.send({ resource_names_subscribe: ['big', 'none'] });
    assert.ok((await stream.next()).resources[0]?.resource.value.equals(body));
    assert.equal((await stream.next()).resources[0]?.resource.value.length, 0);
  });
});

function manyNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `name-${index}`);
}
