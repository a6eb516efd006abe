import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { connect } from 'node:tls';
import { status } from '@grpc/grpc-js';
import { secretTypeUrl } from '../../../src/trust/snapshot/publisher.ts';
import { decodeSecret } from '../../kit/decode-secret.ts';
import { makeCa, makeIntermediate, makeLeaf } from '../../kit/certificates.ts';
import type { Certificate } from '../../kit/certificates.ts';
import { freePort } from '../../kit/free-port.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import type { Meshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { watchedDir } from '../../kit/watched-dir.ts';
import { xdsTransports } from '../../kit/xds-transports.ts';
import { createClient } from '../../xds/client.ts';
import { foundCodes, untilServed } from './served.ts';

const ca = makeCa({ commonName: 'A' });
const other = makeCa({ commonName: 'B' });
const trust = (name: string, pem: string, mesh?: string) =>
  meshTrustYaml({ name, trustDomain: `${name}.test`, pems: [pem], ...(mesh === undefined ? {} : { mesh }) });
const ads = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const fetchSecrets = '/envoy.service.secret.v3.SecretDiscoveryService/FetchSecrets';

/** Tests with each transport; the test is given the flag. */
function eachTransport(name: string, run: (flag: string) => Promise<void>): void {
  for (const transport of xdsTransports)
    test(`${name}: ${transport}`, () => run(`--xds-transport=${transport}`));
}

/** The trust domains of a secret, as a proxy with this metadata is answered. */
async function fetchDomains(address: string, name: string, metadata?: object): Promise<readonly string[]> {
  using client = createClient(address);
  const node = { id: 'n', ...(metadata && { metadata }) };
  const { resources } = await client.fetch(fetchSecrets, {
    type_url: secretTypeUrl,
    resource_names: [name],
    node,
  });
  return resources.flatMap(({ value }) => decodeSecret(value).trustDomains.map((domain) => domain.name));
}

/** The serial number of the certificate that a new connection is shown. */
async function shownSerial(port: number): Promise<bigint> {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: ['h2'] });
  await once(socket, 'secureConnect');
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return BigInt(`0x${serialNumber}`);
}

const addressOf = (server: Meshtrust): string => `127.0.0.1:${server.xdsPort}`;
const mesh = (name: unknown) => ({
  fields: { mesh: typeof name === 'string' ? { stringValue: name } : { numberValue: name } },
});

suite('options of serve', { concurrency: 2 }, () => {
  test('durations above 2^31-1 ms: streams go on after SIGTERM, and the server starts as fast', async () => {
    await using dir = await makeTempDir();
    await watchedDir(dir.path).put('a.yaml', trust('a', ca.certPem));
    const args = ['--drain-grace=720h', '--guard-hold=8760h', '--slow-timeout=8760h', '--keepalive=87600h'];
    await using server = await startMeshtrust({
      dirs: [dir.path],
      args: [...args, '--keepalive-timeout=720h'],
    });
    using client = createClient(addressOf(server));
    using stream = client.delta(ads);
    const secrets = { type_url: secretTypeUrl };
    stream.send({ ...secrets, node: { id: 'n' }, resource_names_subscribe: ['ALL'] });
    const { nonce } = await stream.next();
    stream.send({ ...secrets, response_nonce: nonce });
    process.kill(server.pid, 'SIGTERM');
    await server.logged('the drain', ({ event }) => event === 'draining');
    stream.send({ ...secrets, resource_names_subscribe: ['spiffe://a.test'] });
    assert.equal((await stream.next()).resources[0]?.name, 'spiffe://a.test');
    await server.stop('SIGKILL');
  });

  test('environment and command line: the command line wins', async () => {
    await using dir = await makeTempDir();
    const files = watchedDir(dir.path);
    await files.put('a.yaml', trust('a', ca.certPem, 'blue'));
    await files.put('b.yaml', trust('b', other.certPem, 'green'));
    const env = { MESHTRUST_DEFAULT_MESH: 'blue', MESHTRUST_ROOT_TRUST_DOMAIN: 'nobody.test' };
    await using server = await startMeshtrust({
      dirs: [dir.path],
      env,
      args: ['--root-trust-domain=a.test'],
    });
    assert.deepEqual(await fetchDomains(addressOf(server), 'ALL'), ['a.test']);
    assert.deepEqual(await fetchDomains(addressOf(server), 'ROOTCA'), ['a.test']);
  });

  test('mesh of a proxy: from its metadata if that is a string, else the default', async () => {
    await using dir = await makeTempDir();
    const files = watchedDir(dir.path);
    await files.put('a.yaml', trust('a', ca.certPem));
    await files.put('b.yaml', trust('b', other.certPem, 'green'));
    await using server = await startMeshtrust({ dirs: [dir.path] });
    const ask = (metadata?: object) => fetchDomains(addressOf(server), 'system_trust_bundle', metadata);
    assert.deepEqual(await ask(), ['a.test']);
    assert.deepEqual(await ask(mesh('green')), ['b.test']);
    assert.deepEqual(await ask(mesh(7)), ['a.test']);
    assert.deepEqual(await ask(mesh('unheard-of')), ['deny-all.invalid']);
    assert.deepEqual(await fetchDomains(addressOf(server), 'spiffe://nobody.test'), ['deny-all.invalid']);
    assert.deepEqual(await fetchDomains(addressOf(server), 'ROOTCA'), []);
  });

  eachTransport('listen on a unix socket, and for probes alone on another port', async (transport) => {
    await using dir = await makeTempDir();
    await using sockets = await makeTempDir();
    await watchedDir(dir.path).put('a.yaml', trust('a', ca.certPem));
    const [socket, port] = [`unix:${sockets.join('xds.sock')}`, await freePort()];
    const args = [`--xds-listen=${socket}`, `--probe-listen=127.0.0.1:${port}`, transport];
    await using _ = await startMeshtrust({ dirs: [dir.path], args });
    assert.deepEqual(await fetchDomains(socket, 'ALL'), ['a.test']);
    const statuses = ['/healthz', '/readyz', '/metrics', '/api/v1/meshes'].map(
      async (path) => (await fetch(`http://127.0.0.1:${port}${path}`)).status,
    );
    assert.deepEqual(await Promise.all(statuses), [200, 200, 200, 404]);
  });

  test('port 0: a free port is used and logged', async () => {
    await using dir = await makeTempDir();
    await watchedDir(dir.path).put('a.yaml', trust('a', ca.certPem));
    const args = ['--xds-listen=127.0.0.1:0', '--probe-listen=127.0.0.1:0'];
    await using server = await startMeshtrust({ dirs: [dir.path], args });
    const { xds, probes } = await server.logged('the addresses', ({ event }) => event === 'listening');
    assert.match(String(xds), /^127\.0\.0\.1:[1-9]\d*$/);
    assert.deepEqual(await fetchDomains(String(xds), 'ALL'), ['a.test']);
    assert.equal((await fetch(`http://${String(probes)}/readyz`)).status, 200);
  });

  eachTransport('show new connections the TLS certificate that was renewed', async (transport) => {
    await using dir = await makeTempDir();
    await using tls = await makeTempDir();
    await watchedDir(dir.path).put('a.yaml', trust('a', ca.certPem));
    const [old, renewed] = [
      makeLeaf(ca, { dnsNames: ['localhost'] }),
      makeLeaf(ca, { dnsNames: ['localhost'] }),
    ];
    const write = async ({ certPem, keyPem }: Certificate): Promise<void> => {
      await writeFile(tls.join('tls.key'), keyPem);
      await writeFile(tls.join('tls.crt'), certPem);
    };
    await write(old);
    const args = [`--tls-cert=${tls.join('tls.crt')}`, `--tls-key=${tls.join('tls.key')}`, transport];
    await using server = await startMeshtrust({ dirs: [dir.path], args });
    assert.equal(await shownSerial(server.xdsPort), old.serial);
    await write(renewed);
    await poll('the renewed certificate', async () =>
      (await shownSerial(server.xdsPort)) === renewed.serial ? true : undefined,
    );
  });

  test('--refuse-intermediates: intermediates are rejected', async () => {
    await using dir = await makeTempDir();
    await watchedDir(dir.path).put(
      'a.yaml',
      trust('a', makeIntermediate(other, { commonName: 'I' }).certPem),
    );
    await using server = await startMeshtrust({ dirs: [dir.path], args: ['--refuse-intermediates'] });
    await untilServed(server, ['a.test: ']);
    assert.deepEqual(await foundCodes(server), ['MT017', 'MT034']);
  });

  test('limits: of documents, certificates and names', async () => {
    await using dir = await makeTempDir();
    const files = watchedDir(dir.path);
    await files.put('a.yaml', trust('a', ca.certPem));
    await files.put('b.yaml', trust('b', ca.certPem + other.certPem));
    await files.put('c.yaml', `${trust('c', other.certPem)}# ${'x'.repeat(3000)}\n`);
    const args = ['--max-certificates=1', '--max-document-bytes=2500', '--max-names=2', '--guard-hold=0'];
    await using server = await startMeshtrust({ dirs: [dir.path], args });
    await untilServed(server, ['a.test: A']);
    assert.deepEqual(await foundCodes(server), ['MT007']);
    using client = createClient(addressOf(server));
    using stream = client.delta(ads);
    const names = ['spiffe://a.test', 'spiffe://b.test', 'spiffe://c.test'];
    stream.send({ type_url: secretTypeUrl, resource_names_subscribe: names, node: { id: 'n' } });
    assert.equal((await stream.ended).code, status.RESOURCE_EXHAUSTED);
  });
});
