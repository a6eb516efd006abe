// A program with one argument, the profile (`web` or `spiffe`). Starts a bundle endpoint for each lie, and prints them
// as a line of JSON. All serve their correct bundles until a line arrives at standard input. Then they lie.
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { bundleDocument, startBundleEndpoint } from '../bundle-endpoint.ts';
import type { BundleEndpoint } from '../bundle-endpoint.ts';
import { makeCa, makeLeaf } from '../certificates.ts';
import type { Certificate } from '../certificates.ts';

/** The endpoints, as the process prints them. */
export interface LyingEndpoints {
  /** The CA of the endpoints with the profile `web`. */
  readonly webCa: string;
  readonly endpoints: readonly {
    readonly lie: string;
    readonly trustDomain: string;
    readonly url: string;
    /** Absent with the profile `web`. */
    readonly id?: string;
    /** Its bundle, which has one CA certificate. */
    readonly document: unknown;
  }[];
}

interface Liar {
  readonly endpoint: BundleEndpoint;
  readonly leafOf: (ca: Certificate, more?: Parameters<typeof makeLeaf>[1]) => Certificate;
  readonly ca: Certificate;
  readonly document: unknown;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const send =
  (status: number, body: string | Buffer = '', headers: Readonly<Record<string, string>> = {}): Handler =>
  (_, response) =>
    void response.writeHead(status, headers).end(body);

/** Writes the same chunk again and again, as fast as the client reads. */
function flood(to: Socket | ServerResponse, chunk: string): void {
  const more = (): void => {
    while (to.writable && !to.destroyed && to.write(chunk));
  };
  to.on('drain', more);
  more();
}

const respond =
  (handler: Handler) =>
  ({ endpoint }: Liar): void =>
    endpoint.respond(handler);

/** Replaces the endpoint by a server that speaks no TLS. */
const replaced =
  (greet: (socket: Socket) => void) =>
  async ({ endpoint }: Liar): Promise<void> => {
    await endpoint[Symbol.asyncDispose]();
    createServer((socket) => greet(socket.on('error', () => undefined))).listen(endpoint.port, '127.0.0.1');
  };

/** Lies to every second request, and sends the correct bundle to the others. */
const flapping =
  (handler: Handler) =>
  ({ endpoint, document }: Liar): void => {
    let count = 0;
    const good = send(200, JSON.stringify(document));
    endpoint.respond((request, response) => {
      count += 1;
      (count % 2 === 1 ? handler : good)(request, response);
    });
  };

const many = (count: number, of: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => of(index)).join();
const stranger = makeCa({ commonName: 'Stranger' });
const past = new Date(Date.now() - 60_000);
const unusableKey = '{"use":"x509-svid","kty":"EC","x5c":["AAAA"]}';

/** The lies, by name. Each document has at most a megabyte, so that its length alone does not reveal it. */
const lies: Readonly<Record<string, (liar: Liar) => void | Promise<void>>> = {
  dead: async ({ endpoint }) => endpoint[Symbol.asyncDispose](),
  silent: replaced(() => undefined),
  'no-tls': replaced((socket) => socket.write('HTTP/1.1 200 OK\r\n\r\n{"keys":[]}')),
  'no-response': respond(() => undefined),
  trickle: respond((_, response) => {
    const timer = setInterval(() => response.write(' '), 50);
    response.once('close', () => clearInterval(timer));
  }),
  'other-ca': ({ endpoint, leafOf }) => endpoint.present(leafOf(stranger)),
  'other-id': ({ endpoint, ca, leafOf }) =>
    endpoint.present(leafOf(ca, { spiffeId: 'spiffe://other.test/server', dnsNames: ['other.test'] })),
  expired: ({ endpoint, ca, leafOf }) => endpoint.present(leafOf(ca, { notAfter: past })),
  'redirect-http': respond(send(302, '', { location: 'http://localhost/' })),
  'redirect-loop': respond(send(307, '', { location: '/again' })),
  'two-gib': respond((_, response) => {
    response.writeHead(200, { 'content-length': 2 ** 31 });
    flood(response, ' '.repeat(65_536));
  }),
  'endless-body': respond((_, response) => flood(response, ' '.repeat(65_536))),
  'gzip-bomb': respond(send(200, gzipSync(Buffer.alloc(2 ** 28)), { 'content-encoding': 'gzip' })),
  'endless-headers': respond(({ socket }) => {
    socket.write('HTTP/1.1 200 OK\r\n');
    flood(socket, `X-More: ${'x'.repeat(8192)}\r\n`);
  }),
  'no-http': respond(({ socket }) => void socket.end('220 mail.test ESMTP\r\n')),
  cut: respond((_, response) => {
    response.writeHead(200, { 'content-length': 100 });
    response.write('{', () => response.destroy());
  }),
  'error-page': respond(send(200, '<html>')),
  'status-500': respond(send(500, '{"keys":[]}')),
  'status-404': respond(send(404, '{"keys":[]}')),
  'deep-json': respond(send(200, `{"keys":${'['.repeat(5e5)}${']'.repeat(5e5)}}`)),
  'many-names': respond(send(200, `{"keys":1,${many(60_000, (index) => `"k${index}":1`)}}`)),
  'many-keys': respond(send(200, `{"keys":[${many(20_000, () => unusableKey)}]}`)),
  'flapping-status': flapping(send(503)),
  'flapping-connection': flapping(({ socket }) => void socket.destroy()),
  'flapping-page': flapping(send(200, '<html>')),
  'flapping-empty': flapping(send(200, '{"keys":[],"spiffe_sequence":9}')),
};

const isSpiffe = process.argv[2] === 'spiffe';
const web = makeCa({ commonName: 'Web' });
const liars = await Promise.all(
  Object.entries(lies).map(async ([lie, begin]) => {
    const trustDomain = `${lie}.test`;
    const own = makeCa({ commonName: lie });
    const id = `spiffe://${trustDomain}/server`;
    const ca = isSpiffe ? own : web;
    const leafOf: Liar['leafOf'] = (by, more) =>
      makeLeaf(by, { ...(isSpiffe ? { spiffeId: id } : {}), dnsNames: ['localhost'], ...more });
    const document = bundleDocument([own], { sequence: 1 });
    const endpoint = await startBundleEndpoint(leafOf(ca), document);
    const { url } = endpoint;
    return {
      begin: () => begin({ endpoint, leafOf, ca, document }),
      shown: { lie, trustDomain, url, document, ...(isSpiffe ? { id } : {}) },
    };
  }),
);
const shown: LyingEndpoints = { webCa: web.certPem, endpoints: liars.map((liar) => liar.shown) };
console.log(JSON.stringify(shown));
await once(process.stdin, 'data');
for (const { begin } of liars) await begin();
console.log('lying');
