import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { test } from 'node:test';
import { deflateSync, gzipSync } from 'node:zlib';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describeFailure } from '../../../src/inputs/federation/fetch-failure.ts';
import { fetchBundle } from '../../../src/inputs/federation/fetch-bundle.ts';
import type { BundleRequest, ServerCheck } from '../../../src/inputs/federation/fetch-bundle.ts';
import { bundleDocument, startBundleEndpoint } from '../../kit/bundle-endpoint.ts';
import { makeCa, makeIntermediate, makeLeaf } from '../../kit/certificates.ts';
import { withoutTlsChecks } from '../../kit/without-tls-checks.ts';
import type { Certificate } from '../../kit/certificates.ts';

const id = 'spiffe://spire.test/spire/server';
const ca = makeCa();
const other = makeCa({ commonName: 'Other' });
const intermediate = makeIntermediate(ca);
const leaf = makeLeaf(ca, { spiffeId: id, dnsNames: ['localhost'] });
const document = bundleDocument([ca], { sequence: 1 });

const web = (...cas: readonly Certificate[]): ServerCheck => ({
  kind: 'web',
  extraCas: cas.map(({ certPem }) => certPem),
});
const spiffe = (...cas: readonly Certificate[]): ServerCheck => ({
  kind: 'spiffe',
  id,
  cas: cas.map(({ certPem }) => certPem),
});

function requestOf(url: string, check: ServerCheck, more: Partial<BundleRequest> = {}): BundleRequest {
  return {
    url,
    check,
    userAgent: 'meshtrust/1.0 (test)',
    maxBytes: 65_536,
    timeoutMs: 5000,
    denyPrivate: false,
    ...more,
  };
}

async function resultOf(request: BundleRequest): Promise<string> {
  const response = await fetchBundle(request);
  return response.kind === 'failed' ? `${response.reason}: ${response.message}` : response.kind;
}

const identities: Readonly<
  Record<string, { leaf?: Certificate; check: ServerCheck; host?: string; result: string }>
> = {
  'web: a certificate for the name of the host': { check: web(ca), result: 'document' },
  'web: no certificate for the address': {
    check: web(ca),
    host: '127.0.0.1',
    result: 'tls: the certificate is not for 127.0.0.1',
  },
  'web: an unknown CA': { check: web(), result: 'tls: the certificate is of a CA that is not trusted' },
  'web: another CA': {
    leaf: makeLeaf(other, { dnsNames: ['localhost'] }),
    check: web(ca),
    result: 'tls: the certificate is of a CA that is not trusted',
  },
  'web: another name': {
    leaf: makeLeaf(ca, { spiffeId: id, dnsNames: ['other.test'] }),
    check: web(ca),
    result: 'tls: the certificate is not for localhost',
  },
  'web: an expired certificate': {
    leaf: makeLeaf(ca, { dnsNames: ['localhost'], notAfter: new Date(Date.now() - 60_000) }),
    check: web(ca),
    result: 'tls: the certificate has expired',
  },
  'spiffe: the expected ID': { check: spiffe(ca), result: 'document' },
  'spiffe: the expected ID at an IP address': { check: spiffe(ca), host: '127.0.0.1', result: 'document' },
  'spiffe: an intermediate is the anchor': {
    leaf: makeLeaf(intermediate, { spiffeId: id }),
    check: spiffe(intermediate),
    result: 'document',
  },
  'spiffe: another CA': {
    check: spiffe(other),
    result: 'identity: the certificate is of a CA that is not trusted',
  },
  'spiffe: a CA of the same name': {
    check: spiffe(makeCa()),
    result: 'identity: the certificate is of a CA that is not trusted',
  },
  'spiffe: another ID': {
    leaf: makeLeaf(ca, { spiffeId: 'spiffe://spire.test/other' }),
    check: spiffe(ca),
    result: 'identity: its certificate has another SPIFFE ID',
  },
  'spiffe: two IDs': {
    leaf: makeLeaf(ca, { uris: [id, 'spiffe://spire.test/other'] }),
    check: spiffe(ca),
    result: 'identity: its certificate has several SPIFFE IDs',
  },
  'spiffe: no ID': {
    leaf: makeLeaf(ca, { dnsNames: ['localhost'] }),
    check: spiffe(ca),
    result: 'identity: its certificate has no SPIFFE IDs',
  },
  'spiffe: a CA as the leaf': {
    leaf: makeIntermediate(ca, { uris: [id], keyUsage: ['digitalSignature'] }),
    check: spiffe(ca),
    result: 'identity: its certificate is a CA',
  },
  'spiffe: an expired certificate': {
    leaf: makeLeaf(ca, { spiffeId: id, notAfter: new Date(Date.now() - 60_000) }),
    check: spiffe(ca),
    result: 'identity: the certificate has expired',
  },
};

test('server: is accepted only with the certificate of its profile', async (t) => {
  for (const [name, { leaf: own = leaf, check, host = 'localhost', result }] of Object.entries(identities))
    await t.test(name, async () => {
      await using endpoint = await startBundleEndpoint(own, document);
      const url = endpoint.url.replace('localhost', host);
      assert.equal(await resultOf(requestOf(url, check)), result);
    });
});

const send =
  (status: number, headers: Record<string, string>, body: string | Buffer = '') =>
  (_request: IncomingMessage, response: ServerResponse): void =>
    void response.writeHead(status, headers).end(body);

const tooLong = 'document: the response is longer than 65536 bytes (--max-document-bytes)';
const lies: Readonly<
  Record<string, { respond: (request: IncomingMessage, response: ServerResponse) => void; result: string }>
> = {
  'status 500': { respond: send(500, {}, '{"keys":[]}'), result: 'status: it responds with status 500' },
  'status 304 that was not asked for': {
    respond: send(304, {}),
    result: 'status: it responds with status 304',
  },
  'redirect to http': {
    respond: send(302, { location: 'http://localhost/' }),
    result: 'status: it redirects to an address that must begin with https://',
  },
  'redirect with a password': {
    respond: send(302, { location: 'https://user:secret@localhost/' }),
    result: 'status: it redirects to an address that must not have user information',
  },
  'redirect without an address': {
    respond: send(302, {}),
    result: 'status: it redirects to an address that is missing or no URL',
  },
  'endless redirects': {
    respond: send(307, { location: '/again' }),
    result: 'status: it redirects more than 5 times',
  },
  'length beyond the limit': {
    respond: (_request, response) => {
      response.writeHead(200, { 'content-length': 2 ** 31 }).flushHeaders();
    },
    result: tooLong,
  },
  'endless body': {
    respond: (_request, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(16_384)));
      };
      response.on('drain', more);
      more();
    },
    result: tooLong,
  },
  'gzip bomb': {
    respond: send(200, { 'content-encoding': 'gzip' }, gzipSync(Buffer.alloc(10_000_000))),
    result: 'document: the response is compressed, which was not asked for',
  },
  'compressed JSON': {
    respond: send(200, { 'content-encoding': 'deflate' }, deflateSync(JSON.stringify(document))),
    result: 'document: the response is compressed, which was not asked for',
  },
  'no HTTP': {
    respond: (_request, { socket }) => void socket?.end('220 mail.test ESMTP\r\n'),
    result: 'document: the response is not HTTP',
  },
  'switch to another protocol': {
    respond: (_request, { socket }) =>
      void socket?.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'),
    result: 'connect: the server ended the connection without a response',
  },
  'endless headers': {
    respond: (_request, { socket }) => {
      socket?.write('HTTP/1.1 200 OK\r\n');
      const more = (): void => {
        while (socket?.write(`X-More: ${'x'.repeat(8192)}\r\n`) === true);
      };
      socket?.on('drain', more);
      more();
    },
    result: 'document: the response is not HTTP',
  },
  'body that is cut': {
    respond: (_request, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('{', () => response.destroy());
    },
    result: 'connect: the connection was reset',
  },
  'bytes that are not UTF-8': {
    respond: send(200, {}, Buffer.from([0x7b, 0xff, 0x7d])),
    result: 'document: the response is not UTF-8',
  },
};

const profiles = { https_web: web(ca), https_spiffe: spiffe(ca) };

for (const [profile, check] of Object.entries(profiles))
  test(`endpoint that lies, ${profile}: its response is refused`, async (t) => {
    for (const [name, { respond, result }] of Object.entries(lies))
      await t.test(name, async () => {
        await using endpoint = await startBundleEndpoint(leaf, document);
        endpoint.respond(respond);
        assert.equal(await resultOf(requestOf(endpoint.url, check)), result);
      });
  });

/** Starts a server that speaks no TLS: `greet` writes to each connection, or does not. */
async function startTcpServer(greet: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    greet(socket);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://localhost:${port}/`,
    [Symbol.dispose]: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

for (const [profile, check] of Object.entries(profiles)) {
  test(`endpoint that is slow, ${profile}: the fetch ends after its time`, async (t) => {
    const request = (url: string) => requestOf(url, check, { timeoutMs: 300 });
    const result = 'connect: it did not respond completely within 0.3 s';
    await t.test('no TLS handshake: times out', async () => {
      using silent = await startTcpServer(() => undefined);
      assert.equal(await resultOf(request(silent.url)), result);
    });
    await t.test('no response: times out', async () => {
      await using endpoint = await startBundleEndpoint(leaf, document);
      endpoint.respond(() => undefined);
      assert.equal(await resultOf(request(endpoint.url)), result);
    });
    await t.test('body that stops, and one that trickles: time out', async () => {
      await using endpoint = await startBundleEndpoint(leaf, document);
      endpoint.respond((_request, response) => void response.write('{'));
      assert.equal(await resultOf(request(endpoint.url)), result);
      endpoint.respond((_request, response) => {
        const timer = setInterval(() => response.write(' '), 20);
        response.once('close', () => clearInterval(timer));
      });
      assert.equal(await resultOf(request(endpoint.url)), result);
    });
    await t.test('redirects that each take a part of the time: time out together', async () => {
      await using endpoint = await startBundleEndpoint(leaf, document);
      endpoint.respond((_request, response) => {
        const timer = setTimeout(() => response.writeHead(307, { location: '/again' }).end(), 100);
        response.once('close', () => clearTimeout(timer));
      });
      assert.equal(await resultOf(request(endpoint.url)), result);
    });
  });

  test(`no TLS, ${profile}: the server is not accepted`, async () => {
    using plain = await startTcpServer((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\n\r\n${JSON.stringify(document)}`);
    });
    assert.match(await resultOf(requestOf(plain.url, check)), /^tls: /);
  });

  test(`no server, ${profile}: the connection is refused`, async () => {
    const endpoint = await startBundleEndpoint(leaf, document);
    await endpoint[Symbol.asyncDispose]();
    assert.equal(await resultOf(requestOf(endpoint.url, check)), 'connect: connection refused');
  });

  test(`redirect, ${profile}: is followed with the same check of the server`, async () => {
    await using good = await startBundleEndpoint(leaf, document);
    await using first = await startBundleEndpoint(leaf, document);
    for (const status of [301, 302, 303, 307, 308]) {
      first.respond(send(status, { location: good.url }));
      assert.equal(await resultOf(requestOf(first.url, check)), 'document');
    }
    // Another CA, and a certificate that is for neither the name nor the SPIFFE ID.
    const impostors = [
      makeLeaf(other, { spiffeId: id, dnsNames: ['localhost'] }),
      makeLeaf(ca, { spiffeId: 'spiffe://spire.test/other', dnsNames: ['other.test'] }),
    ];
    for (const impostor of impostors) {
      await using bad = await startBundleEndpoint(impostor, document);
      first.respond(send(302, { location: bad.url }));
      assert.match(await resultOf(requestOf(first.url, check)), /^(?:identity|tls): .*certificate/);
    }
  });
}

test('request: has an ETag, no compression, and the name of this server', async () => {
  await using endpoint = await startBundleEndpoint(leaf, document);
  const first = await fetchBundle(requestOf(endpoint.url, spiffe(ca)));
  assert.ok(first.kind === 'document' && first.etag !== undefined);
  const second = await fetchBundle(requestOf(endpoint.url, spiffe(ca), { etag: first.etag }));
  assert.equal(second.kind, 'unchanged');
  const [one, two] = endpoint.requests;
  assert.equal(one?.headers['accept-encoding'], 'identity');
  assert.equal(one?.headers['user-agent'], 'meshtrust/1.0 (test)');
  assert.equal(one?.headers['if-none-match'], undefined);
  assert.equal(two?.headers['if-none-match'], first.etag);
});

test('--federation-deny-private: does not connect to loopback, by address or by name', async () => {
  await using endpoint = await startBundleEndpoint(leaf, document);
  const more = { denyPrivate: true };
  const result = 'connect: its address is not public (--federation-deny-private)';
  for (const host of ['localhost', '127.0.0.1', '[::1]', '[::ffff:127.0.0.1]']) {
    const url = endpoint.url.replace('localhost', host);
    assert.equal(await resultOf(requestOf(url, spiffe(ca), more)), result);
  }
  assert.equal(endpoint.requests.length, 0);
});

test('web: the CAs of one list are read once, and those of another list count', async () => {
  await using endpoint = await startBundleEndpoint(leaf, document);
  let reads = 0;
  const extraCas = Object.assign([ca.certPem], {
    *[Symbol.iterator]() {
      reads += 1;
      yield ca.certPem;
    },
  });
  for (let fetch = 0; fetch < 3; fetch += 1)
    assert.equal(await resultOf(requestOf(endpoint.url, { kind: 'web', extraCas })), 'document');
  assert.equal(reads, 1);
  assert.match(await resultOf(requestOf(endpoint.url, web(other))), /of a CA that is not trusted$/);
});

test('NODE_TLS_REJECT_UNAUTHORIZED=0: an endpoint is still authenticated', async () => {
  await using endpoint = await startBundleEndpoint(leaf, document);
  using _ = withoutTlsChecks();
  for (const check of [web(), spiffe(other)])
    assert.match(
      await resultOf(requestOf(endpoint.url, check)),
      /the certificate is of a CA that is not trusted$/,
    );
});

test('lookup of a host that is given: its addresses are used, and are checked too', async () => {
  await using endpoint = await startBundleEndpoint(leaf, document);
  const url = endpoint.url.replace('localhost', 'peer.test');
  const hosts: string[] = [];
  const lookupHost: BundleRequest['lookupHost'] = async (host) => {
    hosts.push(host);
    return [{ address: '127.0.0.1', family: 4 }];
  };
  assert.equal(await resultOf(requestOf(url, spiffe(ca), { lookupHost })), 'document');
  assert.equal(
    await resultOf(requestOf(url, spiffe(ca), { lookupHost, denyPrivate: true })),
    'connect: its address is not public (--federation-deny-private)',
  );
  assert.deepEqual(hosts, ['peer.test', 'peer.test']);
  assert.equal(
    await resultOf(requestOf(url, spiffe(ca), { lookupHost: async () => [] })),
    'dns: it has no address',
  );
});

test('lookup of a host: says which hosts only a redirect names', async () => {
  await using endpoint = await startBundleEndpoint(leaf, document);
  const asked: string[] = [];
  endpoint.respond(({ url }, response) => {
    const location = url === '/' ? '/same' : `https://other.test:${endpoint.port}/`;
    response.writeHead(307, { location }).end();
  });
  await fetchBundle(
    requestOf(endpoint.url, spiffe(ca), {
      async lookupHost(host, _signal, isForeign) {
        asked.push(`${host} ${isForeign}`);
        if (host !== 'localhost') throw new Error('no such host');
        return [{ address: '127.0.0.1', family: 4 }];
      },
    }),
  );
  assert.deepEqual(asked, ['localhost false', 'localhost false', 'other.test true']);
});

test('fetch that is over after the rest of its time: the failure has whole seconds, so that a finding stays the same', () => {
  const context = { timedOut: true, timeoutMs: 9999.982783, check: spiffe(ca) };
  assert.equal(
    describeFailure(new Error('aborted'), context).message,
    'it did not respond completely within 10 s',
  );
});

test('name that does not exist: the failure says so', async () => {
  const name = await resultOf(requestOf('https://does-not-exist.invalid/', spiffe(ca)));
  // A machine without a name server has another message.
  assert.match(name, /^dns: /);
});

test('abort: ends the fetch', async () => {
  await using endpoint = await startBundleEndpoint(leaf, document);
  const controller = new AbortController();
  endpoint.respond(() => controller.abort());
  const response = await fetchBundle(requestOf(endpoint.url, spiffe(ca), { signal: controller.signal }));
  assert.equal(response.kind, 'failed');
});
