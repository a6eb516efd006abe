import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { connect as connectPlain } from 'node:net';
import { connect } from 'node:tls';
import { suite, test } from 'node:test';
import { credentials as channel, status } from '@grpc/grpc-js';
import type { ChannelCredentials } from '@grpc/grpc-js';
import { createTlsCredentials } from '../../src/grpc/tls-credentials.ts';
import type { TlsCredentials } from '../../src/grpc/tls-credentials.ts';
import { watchHandshakes } from '../../src/grpc/listeners.ts';
import { createLogger } from '../../src/observe/log/log.ts';
import { makeCa, makeIntermediate, makeLeaf } from '../kit/certificates.ts';
import type { Certificate } from '../kit/certificates.ts';
import { poll } from '../kit/poll.ts';
import { makeTempDir } from '../kit/temp-dir.ts';
import { memoryStream } from '../observe/rig.ts';
import { createHealthClient, startServer } from './server.ts';
import type { TestServer } from './server.ts';

const [ca, clientCa, otherCa] = [
  makeCa(),
  makeCa({ commonName: 'Clients' }),
  makeCa({ commonName: 'Others' }),
];
const serverLeaf = (): Certificate => makeLeaf(ca, { commonName: 'server', dnsNames: ['localhost'] });

interface Rig extends AsyncDisposable {
  readonly tls: TlsCredentials;
  readonly server: TestServer;
  readonly log: ReturnType<typeof memoryStream>;
  readonly write: (files: {
    readonly certificate?: string;
    readonly key?: string;
    readonly clientCa?: string;
  }) => Promise<void>;
  readonly paths: { readonly certificate: string; readonly key: string; readonly clientCa: string };
}

/** A server with the leaf, over TLS; `mutual` asks for certificates of `clientCa`. */
async function start(
  leaf: Certificate,
  options: { readonly mutual?: boolean; readonly pollMs?: number } = {},
): Promise<Rig> {
  const { mutual = false, pollMs = 3_600_000 } = options;
  const stack = new AsyncDisposableStack();
  const dir = stack.use(await makeTempDir());
  const paths = { certificate: dir.join('tls.crt'), key: dir.join('tls.key'), clientCa: dir.join('ca.crt') };
  const write: Rig['write'] = async (files) => {
    for (const name of ['certificate', 'key', 'clientCa'] as const) {
      const text = files[name];
      if (text !== undefined) await writeFile(paths[name], text);
    }
  };
  await write({ certificate: leaf.certPem, key: leaf.keyPem, clientCa: clientCa.certPem });
  const log = memoryStream();
  const tls = await createTlsCredentials({
    ...paths,
    clientCa: mutual ? paths.clientCa : undefined,
    log: createLogger({ format: 'json', level: 'info', stream: log.stream }),
    pollMs,
  });
  stack.defer(() => tls.close());
  const server = stack.use(await startServer({ credentials: tls.credentials }));
  return { tls, server, log, write, paths, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** Returns the serial number of the certificate that a new connection receives. */
function servedSerial(address: string): Promise<string> {
  const [host = '', port] = address.split(':');
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port), rejectUnauthorized: false, ALPNProtocols: ['h2'] });
    socket.on('error', reject);
    socket.on('secureConnect', () => {
      resolve(socket.getPeerCertificate().serialNumber.toLowerCase());
      socket.destroy();
    });
  });
}

const serialOf = ({ serial }: Certificate): string => serial.toString(16);

function clientWith(identity?: Certificate): ChannelCredentials {
  const roots = Buffer.from(ca.certPem);
  if (identity === undefined) return channel.createSsl(roots);
  return channel.createSsl(roots, Buffer.from(identity.keyPem), Buffer.from(identity.certPem));
}

const named = { 'grpc.ssl_target_name_override': 'localhost' };

suite('TLS of the gRPC listener', () => {
  test('valid files: serves the certificate, and requests succeed', async () => {
    const leaf = serverLeaf();
    await using rig = await start(leaf);
    assert.equal(await servedSerial(rig.server.address), serialOf(leaf));
    using client = createHealthClient(rig.server.address, clientWith(), named);
    assert.equal(await client.check(), 'NOT_SERVING');
  });

  test('renewed certificate: new connections get it, open streams continue', async () => {
    const [before, after] = [serverLeaf(), serverLeaf()];
    await using rig = await start(before);
    using client = createHealthClient(rig.server.address, clientWith(), named);
    using watch = client.watch();
    assert.equal(await watch.next(), 'NOT_SERVING');

    await rig.write({ certificate: after.certPem, key: after.keyPem });
    await rig.tls.reload();
    assert.equal(await servedSerial(rig.server.address), serialOf(after));
    rig.server.health.setServing(true);
    assert.equal(await watch.next(), 'SERVING', 'the stream of before goes on');
    assert.deepEqual(
      rig.log.lines().map(({ level, event }) => [level, event]),
      [
        ['info', 'tls-loaded'],
        ['info', 'tls-loaded'],
      ],
    );
  });

  test('files change: are loaded without a request', async () => {
    const after = serverLeaf();
    await using rig = await start(serverLeaf(), { pollMs: 20 });
    await rig.write({ key: after.keyPem });
    await rig.write({ certificate: after.certPem });
    await poll('the renewed certificate', async () =>
      (await servedSerial(rig.server.address)) === serialOf(after) ? true : undefined,
    );
  });

  const breakages: readonly (readonly [string, (rig: Rig) => Promise<void>, RegExp])[] = [
    [
      'half of a pair',
      (rig) => rig.write({ certificate: serverLeaf().certPem }),
      /the key does not belong to the certificate/,
    ],
    ['an empty certificate file', (rig) => rig.write({ certificate: '' }), /holds no certificate/],
    [
      'a cut certificate',
      (rig) => rig.write({ certificate: serverLeaf().certPem.slice(0, 300) }),
      /holds no certificate/,
    ],
    ['no certificate file', (rig) => rm(rig.paths.certificate), /no such file or directory/],
    ['an empty key', (rig) => rig.write({ key: '' }), /./],
    [
      'an empty client authority',
      (rig) => rig.write({ clientCa: '' }),
      /client authority file holds no certificate/,
    ],
    [
      'a client authority that is text',
      (rig) => rig.write({ clientCa: 'none' }),
      /client authority file holds no certificate/,
    ],
  ];
  for (const [what, damage, reason] of breakages) {
    test(`${what}: the previous files stay in use, with one error in the log`, async () => {
      const leaf = serverLeaf();
      await using rig = await start(leaf, { mutual: true });
      await damage(rig);
      await rig.tls.reload();
      await rig.tls.reload();
      const refusals = rig.log.lines().filter(({ event }) => event === 'tls-refused');
      assert.deepEqual(
        refusals.map(({ level }) => level),
        ['error'],
      );
      assert.match(String(refusals[0]?.['reason']), reason);
      using client = createHealthClient(rig.server.address, clientWith(makeLeaf(clientCa)), named);
      assert.equal(await client.check(), 'NOT_SERVING');
      using stranger = createHealthClient(rig.server.address, clientWith(), named);
      assert.equal(await stranger.check(), status.UNAVAILABLE);
    });
  }

  test('unusable files are replaced by valid ones: these are loaded', async () => {
    const [before, after] = [serverLeaf(), serverLeaf()];
    await using rig = await start(before);
    await rig.write({ certificate: after.certPem });
    await rig.tls.reload();
    assert.equal(await servedSerial(rig.server.address), serialOf(before));
    await rig.write({ key: after.keyPem });
    await rig.tls.reload();
    assert.equal(await servedSerial(rig.server.address), serialOf(after));
  });

  test('client CA is configured: only clients with a certificate of it are accepted', async () => {
    await using rig = await start(serverLeaf(), { mutual: true });
    const failures: string[] = [];
    watchHandshakes(rig.server.server, (failure) => failures.push(failure));
    const check = async (identity?: Certificate): Promise<string | number> => {
      using client = createHealthClient(rig.server.address, clientWith(identity), named);
      return await client.check();
    };
    assert.equal(await check(makeLeaf(clientCa)), 'NOT_SERVING');
    assert.equal(await check(), status.UNAVAILABLE);
    assert.equal(await check(makeLeaf(otherCa)), status.UNAVAILABLE);
    assert.equal(
      await check(makeLeaf(clientCa, { notAfter: new Date(Date.now() - 1000) })),
      status.UNAVAILABLE,
    );

    assert.ok(failures.length >= 3);
    assert.deepEqual(new Set(failures), new Set(['certificate']), 'each is reported');

    await rig.write({ clientCa: otherCa.certPem });
    await rig.tls.reload();
    assert.equal(await check(makeLeaf(otherCa)), 'NOT_SERVING');
    assert.equal(await check(makeLeaf(clientCa)), status.UNAVAILABLE);
  });

  test('connections without TLS: are reported', async () => {
    await using rig = await start(serverLeaf());
    const failed = Promise.withResolvers<string>();
    watchHandshakes(rig.server.server, failed.resolve);
    const { port } = new URL(`http://${rig.server.address}`);
    connectPlain(Number(port), '127.0.0.1').end('GET / HTTP/1.1\r\n\r\n');
    assert.equal(await failed.promise, 'handshake');
  });

  test('certificate file with intermediates: they are sent', async () => {
    const intermediate = makeIntermediate(ca);
    const leaf = makeLeaf(intermediate, { dnsNames: ['localhost'] });
    await using rig = await start({ ...leaf, certPem: leaf.certPem + intermediate.certPem });
    using client = createHealthClient(rig.server.address, clientWith(), named);
    assert.equal(await client.check(), 'NOT_SERVING');
  });

  test('expired certificate: a warning', async () => {
    const leaf = makeLeaf(ca, { notAfter: new Date(Date.now() - 1000) });
    await using rig = await start(leaf);
    const [line] = rig.log.lines();
    assert.deepEqual([line?.['level'], line?.['event']], ['warn', 'tls-loaded']);
  });

  test('unusable files at the start: an error', async () => {
    await using dir = await makeTempDir();
    const log = createLogger({ format: 'json', level: 'info', stream: memoryStream().stream });
    const options = {
      certificate: dir.join('none.crt'),
      key: dir.join('none.key'),
      clientCa: undefined,
      log,
    };
    await assert.rejects(
      createTlsCredentials(options),
      /TLS cannot be set up: \S+: no such file or directory/,
    );
  });
});
