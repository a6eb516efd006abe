import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import type { RequestOptions } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { suite, test } from 'node:test';
import { createHttpEdge } from '../../src/admin/http-edge.ts';
import { jsonReply } from '../../src/admin/reply.ts';
import { followTlsFiles } from '../../src/net/follow-tls-files.ts';
import { followTokenFile } from '../../src/net/follow-token-file.ts';
import { createClientCas } from '../../src/access/client-cas.ts';
import { certificatesOf } from '../../src/net/tls-material.ts';
import { run } from '../cli/run.ts';
import { makeCa, makeLeaf } from '../kit/certificates.ts';
import type { Certificate } from '../kit/certificates.ts';
import { poll } from '../kit/poll.ts';
import { untilSilentIsClosed } from '../kit/silent-connection.ts';
import { makeTempDir } from '../kit/temp-dir.ts';

const [ca, clientCa, otherCa] = [
  makeCa(),
  makeCa({ commonName: 'Clients' }),
  makeCa({ commonName: 'Others' }),
];
const token = '0123456789abcdef';
const leafOf = () => makeLeaf(ca, { commonName: 'server', dnsNames: ['localhost'] });
const [client, stranger] = [makeLeaf(clientCa, {}), makeLeaf(otherCa, {})];

/** An edge over TLS on a port that others could reach. */
async function start({
  tokens = false,
  certificates = false,
  handshakeTimeoutMs = undefined as number | undefined,
}) {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await makeTempDir());
  const paths = { certificate: dir.join('crt'), key: dir.join('key'), clientCa: dir.join('ca') };
  const write = async (leaf: Certificate, authority = clientCa): Promise<void> => {
    await writeFile(paths.certificate, leaf.certPem);
    await writeFile(paths.key, leaf.keyPem);
    await writeFile(paths.clientCa, authority.certPem);
  };
  await write(leafOf());
  await writeFile(dir.join('tokens'), token);
  await writeFile(dir.join('server-ca'), ca.certPem);
  const never = 3_600_000;
  const clientCas = createClientCas();
  const tls = await followTlsFiles(
    { ...paths, clientCa: certificates ? paths.clientCa : undefined },
    {
      loaded: ({ clientCa: cas = Buffer.alloc(0) }, isFirst) => {
        clientCas.update(certificatesOf(cas));
        if (!isFirst) edge.renewTls();
      },
      refused: () => undefined,
    },
    { pollMs: never },
  );
  stack.defer(() => tls.close());
  const file = tokens
    ? await followTokenFile(dir.join('tokens'), () => undefined, { pollMs: never })
    : undefined;
  stack.defer(() => file?.close());
  const failures: string[] = [];
  const edge = createHttpEdge({
    handshakeTimeoutMs,
    routes: [
      { method: 'GET', pattern: '/healthz', answer: () => jsonReply({ status: 'ok' }) },
      { method: 'GET', pattern: '/api/v1/meshes', answer: () => jsonReply({ meshes: [] }) },
      { method: 'POST', pattern: '/api/v1/guard/release', answer: () => jsonReply({ released: [] }) },
    ],
    onError: (error) => {
      throw error;
    },
    access: {
      tls,
      tokens: file,
      clientCertificates: certificates,
      refusesCertificate: (certificate) => clientCas.refuses(certificate, Date.now()),
      failed: (failure) => failures.push(failure),
    },
  });
  stack.use(edge);
  const port = Number((await edge.listen('0.0.0.0:0')).split(':').at(-1));
  const ask = (options: RequestOptions = {}) => askTls(port, options);
  const owned = stack.move();
  return { failures, port, ask, write, tls, dir, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** The status of an answer, and the serial number of the certificate that it came with. */
function askTls(port: number, options: RequestOptions): Promise<{ status: number; serial: string }> {
  return new Promise((resolve, reject) => {
    const all = {
      host: '127.0.0.1',
      port,
      path: '/healthz',
      servername: 'localhost',
      ca: ca.certPem,
      agent: false,
    };
    const call = request({ ...all, ...options }, (response) => {
      const serial = (response.socket as TLSSocket).getPeerCertificate().serialNumber;
      response.resume().on('end', () => resolve({ status: response.statusCode ?? 0, serial }));
    });
    call.on('error', reject).end();
  });
}

const bearer = { authorization: `Bearer ${token}` };
const basic = (password: string) => ({
  authorization: `Basic ${Buffer.from(`me:${password}`).toString('base64')}`,
});
const identityOf = ({ certPem, keyPem }: Certificate) => ({ cert: certPem, key: keyPem });

suite('the admin API beyond loopback', () => {
  test('silent connection: is closed', async () => {
    await using edge = await start({ tokens: true, handshakeTimeoutMs: 50 });
    await untilSilentIsClosed(edge.port);
    assert.deepEqual(edge.failures, ['handshake']);
  });

  const cases: readonly (readonly [
    string,
    { tokens?: boolean; certificates?: boolean },
    RequestOptions,
    number,
  ])[] = [
    ['caller without a token', { tokens: true }, {}, 401],
    [
      'caller with another token',
      { tokens: true },
      { headers: { authorization: 'Bearer fedcba9876543210' } },
      401,
    ],
    [
      'caller with a token in another scheme',
      { tokens: true },
      { headers: { authorization: `Digest ${token}` } },
      401,
    ],
    ['caller with the token', { tokens: true }, { headers: bearer }, 200],
    ['caller with the token as a password, as browsers do', { tokens: true }, { headers: basic(token) }, 200],
    ['caller with another password', { tokens: true }, { headers: basic('nonsense') }, 401],
    ['caller with a certificate where none are wanted', { tokens: true }, identityOf(client), 401],
    ['caller without a certificate', { certificates: true }, {}, 401],
    ['caller with a certificate of others', { certificates: true }, identityOf(stranger), 401],
    ['caller with a certificate', { certificates: true }, identityOf(client), 200],
    ['caller with a token, and the server has none', { certificates: true }, { headers: bearer }, 401],
    [
      'token where tokens and certificates are accepted',
      { tokens: true, certificates: true },
      { headers: bearer },
      200,
    ],
    [
      'certificate where tokens and certificates are accepted',
      { tokens: true, certificates: true },
      identityOf(client),
      200,
    ],
    ['caller with neither', { tokens: true, certificates: true }, identityOf(stranger), 401],
  ];
  for (const [who, how, options, status] of cases) {
    test(`${who}: ${status === 200 ? 'accepted' : 'rejected'}`, async () => {
      await using edge = await start(how);
      assert.equal((await edge.ask(options)).status, status);
    });
  }

  test('rejected caller: is counted by reason', async () => {
    await using edge = await start({ tokens: true, certificates: true });
    await edge.ask();
    await edge.ask({ headers: { authorization: 'Bearer fedcba9876543210' } });
    await edge.ask(identityOf(stranger));
    await edge.ask({ headers: bearer });
    await edge.ask(identityOf(client));
    await assert.rejects(edge.ask({ maxVersion: 'TLSv1.1', minVersion: 'TLSv1' }));
    await poll('all failures to be reported', () => (edge.failures.length >= 4 ? true : undefined));
    assert.deepEqual(edge.failures, ['no-credentials', 'unknown-token', 'certificate', 'handshake']);
  });

  test('Origin header over TLS: the own https origin is accepted, every other origin is refused', async () => {
    await using edge = await start({ tokens: true });
    const host = `localhost:${edge.port}`;
    const release = { method: 'POST', path: '/api/v1/guard/release' };
    const statusFor = async (origin: string): Promise<number> =>
      (await edge.ask({ ...release, headers: { ...bearer, host, origin } })).status;
    assert.equal(await statusFor(`https://${host}`), 200);
    for (const origin of [`http://${host}`, 'https://localhost', 'https://evil.example', 'null'])
      assert.equal(await statusFor(origin), 403, origin);
  });

  test('rejected caller: changes nothing', async () => {
    await using edge = await start({ tokens: true });
    const release = { method: 'POST', path: '/api/v1/guard/release' };
    assert.equal((await edge.ask(release)).status, 401);
    assert.equal((await edge.ask({ ...release, headers: bearer })).status, 200);
  });

  test('renewed TLS files: apply to new connections, client CAs included', async () => {
    await using edge = await start({ certificates: true });
    const before = await edge.ask(identityOf(client));
    await edge.write(leafOf(), otherCa);
    await edge.tls.reload();
    const after = await edge.ask(identityOf(client));
    assert.deepEqual([before.status, after.status], [200, 401]);
    assert.notEqual(after.serial, before.serial);
    assert.equal((await edge.ask(identityOf(stranger))).status, 200);
  });

  test('client CA that was removed: open connections of its clients are refused as well', async () => {
    await using edge = await start({ certificates: true });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const caller = { ...identityOf(client), agent };
    const first = await edge.ask(caller);
    await edge.write(leafOf(), otherCa);
    await edge.tls.reload();
    // The same connection: the server certificate is still the first one.
    assert.deepEqual(await edge.ask(caller), { ...first, status: 401 });
    assert.deepEqual([first.status, edge.failures], [200, ['certificate']]);
    agent.destroy();
  });

  test('client CA that was added: open connections stay', async () => {
    await using edge = await start({ certificates: true });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const caller = { ...identityOf(client), agent };
    const first = await edge.ask(caller);
    await edge.write(leafOf(), { ...clientCa, certPem: clientCa.certPem + otherCa.certPem });
    await edge.tls.reload();
    assert.deepEqual(await edge.ask(caller), first);
    agent.destroy();
  });

  test('client certificate that expired since the connection began: is refused', async (t) => {
    await using edge = await start({ certificates: true });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const caller = { ...identityOf(client), agent };
    assert.equal((await edge.ask(caller)).status, 200);
    const later = Date.now() + 100 * 365 * 86_400_000;
    t.mock.method(Date, 'now', () => later);
    assert.equal((await edge.ask(caller)).status, 401);
    agent.destroy();
  });

  test('commands: are accepted with a token, and refuse a server certificate of an unknown CA', async () => {
    await using edge = await start({ tokens: true });
    const { dir } = edge;
    const server = `--server=https://localhost:${edge.port}`;
    const [tokens, trust] = [`--token-file=${dir.join('tokens')}`, `--ca=${dir.join('server-ca')}`];
    const outcome = async (...args: string[]) => (await run(['guard', 'release', server, ...args])).code;
    assert.equal(await outcome(tokens, trust), 0);
    assert.equal(await outcome(trust), 1);
    assert.equal(await outcome(tokens), 3);
  });

  test('commands: are accepted with a client certificate', async () => {
    await using edge = await start({ certificates: true });
    const { dir } = edge;
    await writeFile(dir.join('c.crt'), client.certPem);
    await writeFile(dir.join('c.key'), client.keyPem);
    const certificate = [`--client-cert=${dir.join('c.crt')}`, `--client-key=${dir.join('c.key')}`];
    const common = [
      'guard',
      'release',
      `--server=https://localhost:${edge.port}`,
      `--ca=${dir.join('server-ca')}`,
    ];
    assert.equal((await run([...common, ...certificate])).code, 0);
    assert.equal((await run(common)).code, 1);
  });

  test('plain HTTP: is not served', async () => {
    await using edge = await start({ tokens: true });
    const { code } = await run(['guard', 'release', `--server=http://localhost:${edge.port}`]);
    assert.equal(code, 3);
  });
});

suite('the program', () => {
  test('unusable token file or certificate: the program does not start', async () => {
    await using dir = await makeTempDir();
    const leaf = leafOf();
    await writeFile(dir.join('crt'), leaf.certPem);
    await writeFile(dir.join('key'), leaf.keyPem);
    const files = [`--admin-cert=${dir.join('crt')}`, `--admin-key=${dir.join('key')}`];
    const listen = ['--xds-listen=127.0.0.1:0', '--admin-listen=0.0.0.0:0', '--log-level=error'];
    const start = (...args: string[]) => run(['serve', '--dir', dir.path, ...listen, ...args]);
    const noToken = await start(...files, `--admin-token-file=${dir.join('tokens')}`);
    assert.deepEqual([noToken.code, /no such file or directory/.test(noToken.stderr)], [5, true]);
    await writeFile(dir.join('tokens'), token);
    await rm(dir.join('key'));
    const noKey = await start(...files, `--admin-token-file=${dir.join('tokens')}`);
    assert.deepEqual(
      [noKey.code, /TLS cannot be set up: \S+: no such file or directory/.test(noKey.stderr)],
      [5, true],
    );
  });
});
