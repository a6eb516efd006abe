import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { suite, test } from 'node:test';
import { createHttpEdge } from '../../src/admin/http-edge.ts';
import { jsonReply } from '../../src/admin/reply.ts';
import { followAdminAccess } from '../../src/app/admin-access.ts';
import type { FollowedTlsFiles } from '../../src/net/follow-tls-files.ts';
import { createLogger } from '../../src/observe/log/log.ts';
import { makeCa, makeIntermediate, makeLeaf } from '../kit/certificates.ts';
import { assertNoSecondHandshake } from '../kit/second-handshake.ts';
import { makeTempDir } from '../kit/temp-dir.ts';

const serverCa = makeCa({ commonName: 'Server CA' });
const server = makeLeaf(serverCa, { dnsNames: ['localhost'] });
const [clientCa, otherCa] = [makeCa({ commonName: 'Clients' }), makeCa({ commonName: 'Others' })];
const intermediate = makeIntermediate(clientCa);
const [direct, below] = [makeLeaf(clientCa), makeLeaf(intermediate)];

/** An admin API with client certificates, and a client that keeps one connection. */
async function start(cert: string, key: string, firstCas = clientCa.certPem + otherCa.certPem) {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await makeTempDir());
  const adminTls = { certificate: dir.join('crt'), key: dir.join('key'), clientCa: dir.join('ca') };
  await writeFile(adminTls.certificate, server.certPem);
  await writeFile(adminTls.key, server.keyPem);
  await writeFile(adminTls.clientCa, firstCas);
  const log = createLogger({ format: 'json', level: 'error' });
  const options = { adminTls, adminTokenFile: undefined };
  const { access, ...followed } = stack.use(await followAdminAccess(options, log, { set: () => undefined }));
  const answer = () => jsonReply({ status: 'ok' });
  const edge = stack.use(
    createHttpEdge({
      routes: [{ method: 'GET', pattern: '/', answer }],
      onError: (error) => assert.ifError(error),
      access,
    }),
  );
  followed.onRenewed(() => edge.renewTls());
  const port = Number((await edge.listen('127.0.0.1:0')).split(':').at(-1));
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: serverCa.certPem, cert, key });
  stack.defer(() => agent.destroy());
  const owned = stack.move();
  return {
    port,
    /** Replaces the CA certificates of clients. */
    async trust(...cas: readonly { readonly certPem: string }[]) {
      await writeFile(adminTls.clientCa, cas.map(({ certPem }) => certPem).join(''));
      await (access.tls as FollowedTlsFiles).reload();
    },
    /** The status of a request, and whether it was sent on the connection of the one before. */
    ask: () =>
      new Promise<readonly [status: number | undefined, isReused: boolean]>((resolve, reject) => {
        const headers = { host: `localhost:${port}` };
        const call = request({ port, host: 'localhost', headers, agent }, (response) => {
          response.resume().on('end', () => resolve([response.statusCode, call.reusedSocket]));
        });
        call.on('error', reject).end();
      }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

suite('open connection to the admin API', () => {
  for (const [what, leaf, chain] of [
    ['CA', direct, ''],
    ['CA above its intermediate', below, intermediate.certPem],
  ] as const)
    test(`${what} is removed from the client CAs: the client is rejected`, async () => {
      await using admin = await start(leaf.certPem + chain, leaf.keyPem);
      assert.deepEqual(await admin.ask(), [200, false]);
      assert.deepEqual(await admin.ask(), [200, true]);
      await admin.trust(otherCa);
      assert.deepEqual(await admin.ask(), [401, true]);
    });

  for (const label of ['X509 CERTIFICATE', 'TRUSTED CERTIFICATE'])
    test(`CA in a block ${label}, which TLS accepts, is removed from the client CAs: the client is rejected`, async () => {
      const odd = clientCa.certPem.replaceAll('CERTIFICATE', label);
      await using admin = await start(direct.certPem, direct.keyPem, odd + otherCa.certPem);
      assert.deepEqual(await admin.ask(), [200, false]);
      await admin.trust(otherCa);
      assert.deepEqual(await admin.ask(), [401, true]);
    });

  // OpenSSL takes another certificate of the client then, and Node.js goes on calling the connection verified.
  test('client asks for a second handshake on its connection: the connection ends', async () => {
    await using admin = await start(direct.certPem, direct.keyPem);
    await assertNoSecondHandshake({
      host: 'localhost',
      port: admin.port,
      ca: serverCa.certPem,
      cert: direct.certPem,
      key: direct.keyPem,
    });
  });

  test('another CA is removed from the client CAs: the client is accepted', async () => {
    await using admin = await start(direct.certPem, direct.keyPem);
    await admin.ask();
    await admin.trust(clientCa);
    assert.deepEqual(await admin.ask(), [200, true]);
  });
});
