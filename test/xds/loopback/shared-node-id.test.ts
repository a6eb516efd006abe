import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Server, ServerCredentials, credentials } from '@grpc/grpc-js';
import { addXdsServices, createSnapshotStore, typeUrls, xdsServerOptions } from '../../../src/xds/index.ts';
import type { XdsServerOptions } from '../../../src/xds/index.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import type { Certificate } from '../../kit/certificates.ts';
import { createClient } from '../client.ts';
import type { ClientStream, XdsClient } from '../client.ts';
import type { DeltaResponse, SotwResponse } from '../codec.ts';
import { setOf, describeDelta, describeSotw } from '../vocabulary.ts';
import { ads, sds, serve } from './serving.ts';

/** A client for secret `a` in one of the protocols. All clients have the same node id. */
interface Peer extends Disposable {
  /** Returns the next response, in the notation of conversations. */
  next(): Promise<string>;
  answer(refuses?: boolean): void;
}

interface Method {
  readonly name: string;
  /** Opens a stream on its own connection. `holds` is the version of `a` that it quotes. */
  readonly open: (client: XdsClient, holds?: string) => Peer;
}

const first = { type_url: typeUrls.secret, node: { id: 'web-1' } };
const no = { error_detail: { code: 13, message: 'no' } };

function delta(name: string, path: string): Method {
  return {
    name,
    open(client, holds) {
      const stream: ClientStream<DeltaResponse> = client.delta(path);
      let nonce = '';
      stream.send({
        ...first,
        resource_names_subscribe: ['a'],
        initial_resource_versions: holds === undefined ? {} : { a: holds },
      });
      return {
        async next() {
          const response = await stream.next();
          ({ nonce } = response);
          return describeDelta(response);
        },
        answer: (refuses = false) =>
          stream.send({ type_url: typeUrls.secret, response_nonce: nonce, ...(refuses && no) }),
        [Symbol.dispose]: () => stream.cancel(),
      };
    },
  };
}

function sotw(name: string, path: string): Method {
  return {
    name,
    open(client, holds) {
      const stream: ClientStream<SotwResponse> = client.sotw(path);
      let [nonce, version, offered] = ['', '', ''];
      const request = { type_url: typeUrls.secret, resource_names: ['a'] };
      // Any other version tells the server that the client has another resource.
      stream.send({ ...first, ...request, version_info: holds === undefined ? '' : `old-${holds}` });
      return {
        async next() {
          const response = await stream.next();
          ({ nonce, version_info: offered } = response);
          return describeSotw(response);
        },
        answer(refuses = false) {
          if (!refuses) version = offered;
          stream.send({ ...request, version_info: version, response_nonce: nonce, ...(refuses && no) });
        },
        [Symbol.dispose]: () => stream.cancel(),
      };
    },
  };
}

const methods: readonly Method[] = [
  delta('DeltaAggregatedResources', ads.delta),
  delta('DeltaSecrets', sds.delta),
  sotw('StreamAggregatedResources', ads.sotw),
  sotw('StreamSecrets', sds.sotw),
];

suite('clients that share a node id', () => {
  for (const { name, open } of methods) {
    test(`${name}, another client rejects a version: the client that acknowledged it gets it again`, async () => {
      await using serving = await serve();
      const set = (version: string): void => serving.store.set('', typeUrls.secret, setOf({ a: version }));
      set('A');
      using web = open(serving.connect());
      assert.equal(await web.next(), 'a@A');
      web.answer();
      using stranger = open(serving.connect());
      assert.equal(await stranger.next(), 'a@A');
      stranger.answer(true);
      set('A+C');
      assert.equal(await web.next(), 'a@A+C');
      web.answer();
      assert.equal(await stranger.next(), 'a@A+C');
      set('A');
      assert.equal(await web.next(), 'a@A');
    });

    test(`${name}, another client rejects a version: a client that reconnects gets it`, async () => {
      await using serving = await serve();
      const set = (version: string): void => serving.store.set('', typeUrls.secret, setOf({ a: version }));
      set('A+B');
      using other = open(serving.connect());
      assert.equal(await other.next(), 'a@A+B');
      other.answer();
      set('A');
      assert.equal(await other.next(), 'a@A');
      other.answer(true);
      assert.equal(await other.next(), 'a@A+B');
      using web = open(serving.connect(), 'A+B');
      assert.equal(await web.next(), 'a@A');
      // Once per stream: a version is not sent again to the client that rejected it.
      web.answer(true);
      set('A+D');
      assert.equal(await web.next(), 'a@A+D');
    });
  }

  test('FetchSecrets, another client rejected the version: it is sent', async () => {
    await using serving = await serve();
    serving.store.set('', typeUrls.secret, setOf({ a: 'A' }));
    const [method] = methods;
    using stranger = method?.open(serving.connect()) ?? assert.fail();
    await stranger.next();
    stranger.answer(true);
    const response = await serving.connect().fetch(sds.fetch, { ...first, resource_names: ['a'] });
    assert.equal(describeSotw(response), 'a@A');
  });
});

suite('origin of a stream', () => {
  test('plain text: is the address without the port', async () => {
    const origins: string[] = [];
    await using serving = await serve({
      observer: { streamOpened: ({ origin }) => void origins.push(origin) },
    });
    serving.store.set('', typeUrls.secret, setOf({ a: '1' }));
    for (const _ of [1, 2]) {
      using stream = serving.connect().delta(ads.delta);
      stream.send({ ...first, resource_names_subscribe: ['a'] });
      await stream.next();
    }
    assert.deepEqual(origins, ['127.0.0.1', '127.0.0.1']);
  });

  test('mutual TLS: is the names in the certificate, and NACKs of another client do not count', async () => {
    const ca = makeCa();
    const leaf = (id: string): Certificate => makeLeaf(ca, { spiffeId: `spiffe://mesh.test/${id}` });
    const [stranger, web, webRenewed] = [leaf('stranger'), leaf('web'), leaf('web')];
    const origins: string[] = [];
    const acks: [string, boolean][] = [];
    await using serving = await serveMutual(ca, {
      observer: {
        streamOpened: ({ origin }) => void origins.push(origin),
        acked: (_, { version, unconfirmed }) => void acks.push([version ?? '', unconfirmed]),
      },
    });
    await serving.exchange(stranger, true);
    await serving.exchange(web, false);
    await serving.exchange(stranger, false);
    await serving.exchange(webRenewed, false);
    assert.deepEqual(acks, [
      ['1', false],
      ['1', true],
      ['1', false],
    ]);
    assert.match(origins[0] ?? '', /URI:spiffe:\/\/mesh\.test\/stranger/);
    assert.match(origins[1] ?? '', /URI:spiffe:\/\/mesh\.test\/web/);
    assert.equal(origins[1], origins[3]);
  });
});

/** Serves secret `a` over mutual TLS. `exchange` connects, reads one response and acknowledges it. */
async function serveMutual(
  ca: Certificate,
  options: XdsServerOptions,
): Promise<AsyncDisposable & { exchange(identity: Certificate, refuses: boolean): Promise<void> }> {
  const store = createSnapshotStore();
  store.set('', typeUrls.secret, setOf({ a: '1' }));
  const server = new Server(xdsServerOptions());
  const xds = addXdsServices(server, store, options);
  const own = makeLeaf(ca, { dnsNames: ['localhost'] });
  const pair = { private_key: Buffer.from(own.keyPem), cert_chain: Buffer.from(own.certPem) };
  const roots = Buffer.from(ca.certPem);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createSsl(roots, [pair], true), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return {
    async exchange(identity, refuses) {
      const channel = credentials.createSsl(
        roots,
        Buffer.from(identity.keyPem),
        Buffer.from(identity.certPem),
      );
      using client = createClient(`localhost:${port}`, {}, channel);
      using stream = client.delta(ads.delta);
      stream.send({ ...first, resource_names_subscribe: ['a'] });
      const { nonce } = await stream.next();
      stream.send({ type_url: typeUrls.secret, response_nonce: nonce, ...(refuses && no) });
      // The reply to this request shows that the server has read the previous one.
      stream.send({ type_url: typeUrls.secret, resource_names_subscribe: ['none'] });
      await stream.next();
    },
    async [Symbol.asyncDispose]() {
      await xds.drain(0);
      server.forceShutdown();
    },
  };
}
