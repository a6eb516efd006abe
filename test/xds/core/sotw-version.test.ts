import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createFetch } from '../../../src/xds/core/fetch.ts';
import { createFrames } from '../../../src/xds/core/frames.ts';
import { createRefusalMemory } from '../../../src/xds/core/refusal-memory.ts';
import { createResourceSet } from '../../../src/xds/core/resource.ts';
import type { SotwRequest, XdsNode } from '../../../src/xds/core/request.ts';
import { defaultStreamLimits } from '../../../src/xds/core/check-request.ts';
import { createSotwSession } from '../../../src/xds/core/session.ts';
import type { SessionContext } from '../../../src/xds/core/session.ts';
import { createSnapshotStore } from '../../../src/xds/core/snapshot-store.ts';
import type { TypeOptions } from '../../../src/xds/core/type-state.ts';
import { typeUrls } from '../../../src/xds/core/type-urls.ts';
import { sotwResponses } from '../codec.ts';
import { resource, describeSotw } from '../vocabulary.ts';

const node: XdsNode = { id: 'n', cluster: '', metadata: {}, userAgentName: '', userAgentVersion: '' };
const kinds = { secret: typeUrls.secret, route: typeUrls.routeConfiguration, cluster: typeUrls.cluster };

/** A server of one type whose sets have explicit versions. */
function serverOf(typeUrl: string, options: TypeOptions = { sotwVersion: 'set' }) {
  const store = createSnapshotStore();
  const context: SessionContext = {
    view: store,
    frames: createFrames('test', ''),
    memory: createRefusalMemory({ entries: 10, ttlMs: 1_000 }),
    limits: defaultStreamLimits,
    groupOf: () => '',
    optionsOf: () => options,
  };
  const set = (version: string, contents: Readonly<Record<string, string>>): void => {
    const resources = Object.entries(contents).map(([name, of]) => resource(name, of));
    store.set('', typeUrl, createResourceSet(resources, { version }));
  };
  const request = (over: Partial<SotwRequest>): SotwRequest => ({
    kind: 'sotw',
    node,
    typeUrl,
    nonce: '',
    error: undefined,
    version: '',
    names: ['a', 'b'],
    ...over,
  });
  const connect = () => {
    const session = createSotwSession(context, { observe: () => undefined });
    store.subscribe((change) => session.changed(change));
    let nonces: string[] = [];
    return {
      send: (over: Partial<SotwRequest>) => void session.request(request(over), 0),
      answer: (error?: SotwRequest['error']) =>
        void session.request(request({ nonce: nonces.shift() ?? '', error }), 0),
      /** Returns the responses that are due, each as its version and its resources. */
      responses() {
        const all = [];
        for (let next = session.take(0); next !== undefined; next = session.take(0)) {
          const response = sotwResponses.deserialize(Buffer.from(next.bytes));
          nonces = [...nonces, next.nonce];
          all.push(`${response.version_info}: ${describeSotw(response)}`);
        }
        return all;
      },
    };
  };
  const fetch = createFetch({ typeUrl, context, identifier: '' });
  const fetched = (...names: readonly string[]): string => {
    const outcome = fetch(request({ names }));
    assert.ok(outcome.kind === 'response');
    const response = sotwResponses.deserialize(Buffer.from(outcome.bytes));
    return `${response.version_info}: ${describeSotw(response)}`;
  };
  return { set, connect, fetched };
}

suite('sotwVersion: set', () => {
  for (const [kind, typeUrl] of Object.entries(kinds)) {
    test(`${kind}: each response has the version of the set`, () => {
      const server = serverOf(typeUrl);
      server.set('v1', { a: '1', b: '1' });
      const client = server.connect();
      client.send({});
      const first = client.responses();
      assert.deepEqual(first, kind === 'secret' ? ['v1: a@1', 'v1: b@1'] : ['v1: a@1 b@1']);
      for (const _ of first) client.answer();
      server.set('v2', { a: '1', b: '2' });
      assert.deepEqual(client.responses(), [kind === 'cluster' ? 'v2: a@1 b@2' : 'v2: b@2']);
    });

    test(`${kind}: a client that reconnects and quotes the version of the set is sent everything`, () => {
      const server = serverOf(typeUrl);
      server.set('v1', { a: '1', b: '1' });
      const client = server.connect();
      client.send({ version: 'v1' });
      assert.deepEqual(client.responses().join(' ').match(/\w@\w/g), ['a@1', 'b@1']);
    });
  }

  test('set with a content hash as version: a quote of it does not cover names that the client never had', () => {
    const server = serverOf(typeUrls.cluster);
    const version = createResourceSet([resource('a', '1'), resource('b', '1')]).version;
    server.set(version, { a: '1', b: '1' });
    const client = server.connect();
    client.send({ names: ['a'] });
    assert.deepEqual(client.responses(), [`${version}: a@1`]);
    const later = server.connect();
    later.send({ names: ['a', 'b'], version });
    assert.deepEqual(later.responses(), [`${version}: a@1 b@1`]);
  });

  test('rejected secret: the restored resource is sent with its own version', () => {
    const server = serverOf(typeUrls.secret);
    server.set('v1', { a: '1' });
    const client = server.connect();
    client.send({ names: ['a'] });
    assert.deepEqual(client.responses(), ['v1: a@1']);
    client.answer();
    server.set('v2', { a: '2' });
    assert.deepEqual(client.responses(), ['v2: a@2']);
    client.answer({ code: 13, message: 'no' });
    assert.deepEqual(client.responses(), ['1: a@1']);
  });

  test('unary fetch: has the version of the set, even after a change of another resource', () => {
    const server = serverOf(typeUrls.secret);
    server.set('v1', { a: '1', b: '1' });
    assert.equal(server.fetched('a'), 'v1: a@1');
    assert.equal(server.fetched('a', 'b'), 'v1: a@1 b@1');
    server.set('v2', { a: '1', b: '2' });
    assert.equal(server.fetched('a'), 'v2: a@1');
  });
});

suite('sotwVersion: held (default)', () => {
  test('version of the set: is not sent', () => {
    const server = serverOf(typeUrls.cluster, {});
    server.set('v1', { a: '1', b: '1' });
    const client = server.connect();
    client.send({});
    const hash = createResourceSet([resource('a', '1'), resource('b', '1')]).version;
    assert.deepEqual(client.responses(), [`${hash}: a@1 b@1`]);
    assert.equal(server.fetched('a', 'b'), `${hash}: a@1 b@1`);
  });
});

suite('kind of a SotW request', () => {
  test('an ACK, a NACK, the same answer twice, and an unknown nonce: each has its kind', () => {
    const store = createSnapshotStore();
    store.set('', typeUrls.secret, createResourceSet([resource('a', '1')]));
    const context: SessionContext = {
      view: store,
      frames: createFrames('test', ''),
      memory: createRefusalMemory({ entries: 10, ttlMs: 1_000 }),
      limits: defaultStreamLimits,
      groupOf: () => '',
      optionsOf: () => ({}),
    };
    const kindsSeen: string[] = [];
    const session = createSotwSession(context, {
      observe(event) {
        if (event.kind === 'request') kindsSeen.push(event.request);
      },
    });
    store.subscribe((change) => session.changed(change));
    const send = (nonce: string, error?: SotwRequest['error']): void =>
      void session.request(
        { kind: 'sotw', node, typeUrl: typeUrls.secret, nonce, error, version: '', names: ['a'] },
        0,
      );
    const nonceOfNext = (): string => session.take(0)?.nonce ?? assert.fail();
    send('');
    const first = nonceOfNext();
    send(first);
    store.set('', typeUrls.secret, createResourceSet([resource('a', '2')]));
    const second = nonceOfNext();
    send(second, { code: 13, message: 'no' });
    send(second, { code: 13, message: 'no' });
    send('unknown');
    assert.deepEqual(kindsSeen, ['initial', 'ack', 'nack', 'stale', 'stale']);
  });
});
