import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { createBundleServer } from '../../src/bundle-endpoint/bundle-server.ts';
import type { AnsweredRequest, BundleServerOptions } from '../../src/bundle-endpoint/bundle-server.ts';
import type { Publication } from '../../src/bundle-endpoint/core/answer-request.ts';
import { createPublishedBundles } from '../../src/bundle-endpoint/core/published-bundles.ts';
import { readTlsMaterial } from '../../src/net/tls-material.ts';
import type { TlsMaterial } from '../../src/net/tls-material.ts';
import { shareOf } from '../kit/bundles.ts';
import { makeCa, makeLeaf } from '../kit/certificates.ts';
import type { Certificate } from '../kit/certificates.ts';
import { makeServed } from './core/served-trust.ts';
import { fetchBundle } from './fetch-bundle.ts';

const ca = makeCa({ commonName: 'Web CA' });
const leafOf = (): Certificate => makeLeaf(ca, { dnsNames: ['localhost'] });
const published = createPublishedBundles({
  rules: [{ mesh: 'default', trustDomain: '*' }],
  refreshSeconds: 300,
});
published.update(makeServed().of(shareOf('a.test', [makeCa()])), 1);
const bundle = published.get('default', 'a.test') ?? assert.fail();

function materialOf({ certPem, keyPem }: Certificate): TlsMaterial {
  const read = readTlsMaterial({
    certificate: Buffer.from(certPem),
    key: Buffer.from(keyPem),
    clientCa: undefined,
  });
  return read.kind === 'material' ? read.material : assert.fail(read.reason);
}

async function start(options: Partial<BundleServerOptions> = {}) {
  const answered: AnsweredRequest[] = [];
  const publication: Publication = {
    isOpen: true,
    defaultMesh: 'default',
    get: (mesh, trustDomain) => published.get(mesh, trustDomain),
    mapOf: (mesh) => published.mapOf(mesh),
    awaitsImport: (mesh, trustDomain) => published.awaitsImport(mesh, trustDomain),
    awaitsRead: (mesh) => published.awaitsRead(mesh),
  };
  const server = createBundleServer({
    tls: materialOf(leafOf()),
    publication,
    perSecond: 1000,
    onAnswered: (one) => answered.push(one),
    acceptFailed: assert.fail,
    ...options,
  });
  const address = await server.listen('127.0.0.1:0');
  return { ...server, address, answered, [Symbol.asyncDispose]: () => server.close() };
}

/** Sequences that are kept once `end` is called. `asked` resolves once a request waits for them. */
function keptLater() {
  const keeping = Promise.withResolvers<undefined>();
  const asked = Promise.withResolvers<undefined>();
  const kept = (): Promise<undefined> => {
    asked.resolve(undefined);
    return keeping.promise;
  };
  return { kept, asked: asked.promise, end: () => keeping.resolve(undefined) };
}

suite('bundle server', () => {
  test('sequences that are not kept yet: the request is answered once they are', async () => {
    const { kept, asked, end } = keptLater();
    await using server = await start({ kept });
    const got = fetchBundle(server.address, '/a.test', { ca: ca.certPem });
    await asked;
    assert.deepEqual(server.answered, []);
    end();
    assert.equal((await got).status, 200);
  });

  test('sequences that are not kept yet, and a client that goes: the next one is answered', async () => {
    const { kept, asked, end } = keptLater();
    await using server = await start({ kept });
    const port = Number(server.address.split(':').at(-1));
    const socket = connectTls({ host: '127.0.0.1', port, ca: ca.certPem, servername: 'localhost' });
    socket.write('GET /a.test HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await asked;
    socket.destroy();
    await once(socket, 'close');
    end();
    const next = await fetchBundle(server.address, '/a.test', { ca: ca.certPem });
    const complete = server.answered.filter(({ isComplete }) => isComplete);
    assert.deepEqual([next.status, complete.length], [200, 1]);
  });

  test('GET, HEAD and If-None-Match: the bundle, its head, and 304', async () => {
    await using server = await start();
    const get = await fetchBundle(server.address, '/a.test', { ca: ca.certPem });
    assert.deepEqual([get.status, get.body], [200, String(bundle.body)]);
    assert.equal(get.headers['content-type'], 'application/json');
    assert.equal(get.headers['content-length'], String(bundle.body.length));
    const head = await fetchBundle(server.address, '/a.test', { ca: ca.certPem, method: 'HEAD' });
    assert.deepEqual([head.status, head.body], [200, '']);
    const { date: _, ...expected } = get.headers;
    const { date: __, ...actual } = head.headers;
    assert.deepEqual(actual, expected);
    const same = await fetchBundle(server.address, '/a.test', {
      ca: ca.certPem,
      headers: { 'If-None-Match': bundle.etag },
    });
    assert.deepEqual([same.status, same.body, same.headers['etag']], [304, '', bundle.etag]);
    assert.equal(same.headers['content-length'], undefined);
  });

  test('requests: are reported with the client and whether it has the response', async () => {
    await using server = await start();
    const headers = { 'User-Agent': 'peer/1' };
    await fetchBundle(server.address, '/a.test', { ca: ca.certPem, headers });
    await fetchBundle(server.address, '/other', { ca: ca.certPem });
    assert.deepEqual(
      server.answered.map(({ reply: { status }, address, userAgent, isComplete }) => [
        status,
        address,
        userAgent,
        isComplete,
      ]),
      [
        [200, '127.0.0.1', 'peer/1', true],
        [404, '127.0.0.1', '', true],
      ],
    );
  });

  test('rate: requests beyond it get 429, and later ones are answered', async () => {
    await using server = await start({ perSecond: 3 });
    const all = await Promise.all(
      Array.from({ length: 12 }, () => fetchBundle(server.address, '/a.test', { ca: ca.certPem })),
    );
    const refused = all.filter(({ status }) => status === 429);
    assert.ok(refused.length > 0, 'some are refused');
    assert.ok(
      all.some(({ status }) => status === 200),
      'some are answered',
    );
    for (const { headers } of refused) assert.equal(headers['retry-after'], '1');
  });

  test('renewed certificate: new connections get it', async () => {
    await using server = await start();
    const before = await fetchBundle(server.address, '/a.test', { ca: ca.certPem });
    server.renew(materialOf(leafOf()));
    const after = await fetchBundle(server.address, '/a.test', { ca: ca.certPem });
    assert.notEqual(after.fingerprint, before.fingerprint);
  });

  test('TLS: 1.2 with forward secrecy and AEAD, and nothing weaker', async () => {
    await using server = await start();
    const ask = (options: object): ReturnType<typeof fetchBundle> =>
      fetchBundle(server.address, '/a.test', { ca: ca.certPem, ...options });
    assert.equal((await ask({ maxVersion: 'TLSv1.2' })).status, 200);
    await assert.rejects(ask({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' }));
    await assert.rejects(ask({ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA' }));
  });

  test('request with a body: is answered, and its connection closed', async () => {
    await using server = await start();
    const headers = { 'Content-Length': '5' };
    const got = await fetchBundle(server.address, '/a.test', { ca: ca.certPem, headers, method: 'POST' });
    assert.deepEqual([got.status, got.headers['connection']], [405, 'close']);
  });

  test('client that does not read its response: others get 429 meanwhile, and it is disconnected', async () => {
    const publication: Publication = {
      isOpen: true,
      defaultMesh: 'default',
      // More than the buffers of the system.
      get: () => ({ ...bundle, body: Buffer.alloc(64 * 2 ** 20, ' ') }),
      mapOf: () => undefined,
      awaitsImport: () => false,
      awaitsRead: () => false,
    };
    const unread = Promise.withResolvers<AnsweredRequest>();
    await using server = await start({
      publication,
      maxUnreadBytes: 2 ** 20,
      maxResponseMs: 4000,
      onAnswered: (answered) => {
        if (answered.reply.status === 200) unread.resolve(answered);
      },
    });
    const port = Number(server.address.split(':').at(-1));
    const slow = connectTls({ port, host: '127.0.0.1', ca: ca.certPem, servername: 'localhost' });
    await once(slow, 'secureConnect');
    slow.pause();
    slow.write('GET /a.test HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await once(slow, 'readable');
    const { status, headers } = await fetchBundle(server.address, '/b.test', { ca: ca.certPem });
    assert.deepEqual([status, headers['retry-after']], [429, '1']);
    assert.equal((await unread.promise).isComplete, false);
    slow.destroy();
  });

  test('silent connections: are closed, and do not take the places of consumers', async () => {
    await using server = await start({ maxConnections: 4, handshakeTimeoutMs: 300_000 });
    const port = Number(server.address.split(':').at(-1));
    const silent = Array.from({ length: 20 }, () => connect(port, '127.0.0.1').on('error', () => undefined));
    await Promise.all(silent.map((socket) => once(socket, 'connect')));
    assert.equal((await fetchBundle(server.address, '/a.test', { ca: ca.certPem })).status, 200);
    for (const socket of silent) socket.destroy();
  });
});
