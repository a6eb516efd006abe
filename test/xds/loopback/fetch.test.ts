import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { discoveryServices, typeUrls } from '../../../src/xds/index.ts';
import type { Authorization, Authorize, XdsNode } from '../../../src/xds/index.ts';
import { setOf, describeSotw } from '../vocabulary.ts';
import { sds, serve } from './serving.ts';

suite('unary request', () => {
  test('names: gets those that exist, in one response', async () => {
    await using serving = await serve({ identifier: 'me' });
    serving.store.set('', typeUrls.secret, setOf({ a: '1', b: '1', c: '1' }));
    const client = serving.connect();
    const response = await client.fetch(sds.fetch, { resource_names: ['c', 'a', 'unknown', 'known:x'] });
    assert.equal(describeSotw(response), 'a@1 c@1 known:x@fallback');
    assert.equal(response.type_url, typeUrls.secret);
    assert.equal(response.control_plane?.identifier, 'me');
  });

  test('no names: gets everything; star: also gets the names of the wildcard', async () => {
    await using serving = await serve();
    serving.store.set('', typeUrls.secret, setOf({ a: '1', b: '1', alias: '1' }, ['a', 'b']));
    const client = serving.connect();
    assert.equal(describeSotw(await client.fetch(sds.fetch, {})), 'a@1 b@1');
    assert.equal(
      describeSotw(await client.fetch(sds.fetch, { resource_names: ['*', 'alias'] })),
      'a@1 alias@1 b@1',
    );
  });

  test('version: is a hash of the resources in the response', async () => {
    await using serving = await serve();
    const client = serving.connect();
    const versions: string[] = [];
    for (const contents of [
      { a: '1', b: '1' },
      { a: '1', b: '2' },
      { a: '2', b: '2' },
    ]) {
      serving.store.set('', typeUrls.secret, setOf(contents));
      versions.push((await client.fetch(sds.fetch, { resource_names: ['a'] })).version_info);
    }
    assert.equal(versions[0], versions[1]);
    assert.notEqual(versions[1], versions[2]);
  });

  test('repeated request: gets the same response', async () => {
    await using serving = await serve();
    serving.store.set('', typeUrls.secret, setOf({ a: '1' }));
    const client = serving.connect();
    const request = { resource_names: ['a'] };
    assert.deepEqual(await client.fetch(sds.fetch, request), await client.fetch(sds.fetch, request));
    assert.equal(serving.xds.streams(), 0);
  });

  test('node: gets the resources of its group', async () => {
    await using serving = await serve({ groupOf: ({ id }) => id });
    serving.store.setDefault(typeUrls.secret, () => setOf({ a: 'default' }));
    serving.store.set('one', typeUrls.secret, setOf({ a: 'one' }));
    const client = serving.connect();
    assert.equal(describeSotw(await client.fetch(sds.fetch, { node: { id: 'one' } })), 'a@one');
    assert.equal(describeSotw(await client.fetch(sds.fetch, { node: { id: 'two' } })), 'a@default');
  });

  test('type without a set: gets UNAVAILABLE', async () => {
    await using serving = await serve();
    await assert.rejects(serving.connect().fetch(sds.fetch, {}), { code: status.UNAVAILABLE });
  });

  test('another type, too many names, or bytes that are not a message: are refused', async () => {
    await using serving = await serve();
    serving.store.set('', typeUrls.secret, setOf({ a: '1' }));
    const client = serving.connect();
    const many = Array.from({ length: 1_001 }, (_, index) => `${index}`);
    await assert.rejects(client.fetch(sds.fetch, { type_url: typeUrls.cluster }), {
      code: status.INVALID_ARGUMENT,
    });
    await assert.rejects(client.fetch(sds.fetch, { resource_names: many }), {
      code: status.RESOURCE_EXHAUSTED,
    });
    await assert.rejects(client.fetchBytes(sds.fetch, Buffer.from('ffff', 'hex')), {
      code: status.INVALID_ARGUMENT,
    });
  });

  const allowed = { kind: 'allowed' } as const;
  for (const [when, authorize] of Object.entries({
    'without authorize': undefined,
    'after a decision at once': () => allowed,
    'after a later decision': () => Promise.resolve(allowed),
  } satisfies Record<string, Authorize | undefined>))
    test(`error of groupOf ${when}: gets INTERNAL without the error, and the server serves on`, async () => {
      const groupOf = ({ id }: XdsNode): string => {
        if (id === 'bad') throw new Error('secret reason');
        return '';
      };
      await using serving = await serve({ groupOf, authorize });
      serving.store.set('', typeUrls.secret, setOf({ a: '1' }));
      const client = serving.connect();
      await assert.rejects(client.fetch(sds.fetch, { node: { id: 'bad' }, resource_names: ['a'] }), {
        code: status.INTERNAL,
        details: 'internal error',
      });
      assert.equal(describeSotw(await client.fetch(sds.fetch, { resource_names: ['a'] })), 'a@1');
    });

  test('authorize that never decides: gets UNAVAILABLE in time', async () => {
    await using serving = await serve({
      authorize: () => Promise.withResolvers<Authorization>().promise,
      clientLimits: { requestTimeoutMs: 50 },
    });
    await assert.rejects(serving.connect().fetch(sds.fetch, {}), {
      code: status.UNAVAILABLE,
      details: 'no decision about the client in time',
    });
  });

  test('every service: gets a reply, which is empty if the type is not served', async () => {
    await using serving = await serve({ otherTypes: { unset: 'empty' } });
    const client = serving.connect();
    const fetches = discoveryServices.flatMap(({ name, fetch, typeUrl }) =>
      fetch === undefined ? [] : [{ path: `/${name}/${fetch}`, typeUrl }],
    );
    assert.equal(fetches.length, 5);
    for (const { path, typeUrl } of fetches) {
      const response = await client.fetch(path, {});
      assert.equal(describeSotw(response), '(empty)');
      assert.equal(response.type_url, typeUrl);
    }
  });
});
