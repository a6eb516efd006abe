import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { credentials, status } from '@grpc/grpc-js';

import type { ProxyList } from '../../../src/api/fleet-api-types.ts';
import type { ServerDetail } from '../../../src/api/server-api-types.ts';
import { secretTypeUrl } from '../../../src/trust/snapshot/publisher.ts';
import { makeCa, makeIntermediate, makeLeaf } from '../../kit/certificates.ts';
import type { Certificate } from '../../kit/certificates.ts';
import { makeDomain } from '../../kit/domain.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { watchedDir } from '../../kit/watched-dir.ts';
import { createClient } from '../../xds/client.ts';
import type { CallEnd, XdsClient } from '../../xds/client.ts';
import { ads } from '../../xds/loopback/serving.ts';

const requestOf = (id: string): object => ({
  node: { id },
  type_url: secretTypeUrl,
  resource_names_subscribe: ['ALL'],
});

suite('clients that the served trust verifies', () => {
  for (const [what, args] of [
    ['grpc-js', ['--xds-transport=grpc-js']],
    ['own', ['--xds-transport=own']],
    ['2 workers', ['--workers=2']],
  ] as const) {
    test(`${what}: follow the trust and the rules, and are shown with their identity`, async () => {
      const serverCa = makeCa({ commonName: 'Server CA' });
      const server = makeLeaf(serverCa, { dnsNames: ['localhost'] });
      const [domain, next] = [makeDomain('a.test'), makeDomain('a.test')];
      await using dir = await makeTempDir();
      await using trust = await makeTempDir();
      const { put } = watchedDir(trust.path);
      await put('a.yaml', domain.yaml());
      await writeFile(dir.join('tls.crt'), server.certPem);
      await writeFile(dir.join('tls.key'), server.keyPem);
      const access = watchedDir(dir.path);
      await access.put(
        'access.yaml',
        `- { from: { spiffeId: 'spiffe://a.test/*' }, mesh: default, node: 'edge-*' }`,
      );
      await using program = await startMeshtrust({
        dirs: [trust.path],
        args: [
          `--tls-cert=${dir.join('tls.crt')}`,
          `--tls-key=${dir.join('tls.key')}`,
          '--tls-client-trust=default',
          `--xds-access=${dir.join('access.yaml')}`,
          '--guard-hold=0',
          '--xds-max-stream-age=1s',
          ...args,
        ],
      });
      const connect = (identity: Certificate) =>
        createClient(
          `127.0.0.1:${program.xdsPort}`,
          { 'grpc.ssl_target_name_override': 'localhost' },
          credentials.createSsl(
            Buffer.from(serverCa.certPem),
            Buffer.from(identity.keyPem),
            Buffer.from(identity.certPem),
          ),
        );
      const endOf = async (identity: Certificate, node: string): Promise<number | undefined> => {
        using client = connect(identity);
        using stream = client.delta(ads.delta);
        stream.send(requestOf(node));
        const code = stream.ended.then((end) => end.code);
        return await Promise.race([
          code,
          stream.next().then(
            () => undefined,
            () => code,
          ),
        ]);
      };

      using client = connect(domain.client);
      using stream = client.delta(ads.delta);
      stream.send(requestOf('edge-1'));
      await stream.next();
      const identity = await poll('the proxy to be listed', async () => {
        const { proxies } = JSON.parse((await program.admin('/api/v1/proxies')).body) as ProxyList;
        return proxies[0]?.identity;
      });
      assert.equal(identity, 'spiffe://a.test/client');
      const { xdsAuthentication } = JSON.parse((await program.admin('/api/v1/server')).body) as ServerDetail;
      assert.deepEqual(xdsAuthentication, {
        methods: ['mtls'],
        beyondHost: false,
        rules: true,
        meshesWithNodeRules: ['default'],
        connectionAgeSeconds: 0,
        streamAgeSeconds: 1,
      });

      assert.equal(await endOf(domain.client, 'core-1'), status.PERMISSION_DENIED);
      assert.equal(await endOf(next.client, 'edge-1'), status.UNAUTHENTICATED);
      const denied = await program.logged(
        'the refusal',
        ({ event, reason }) => event === 'xds-denied' && reason === 'node',
      );
      assert.deepEqual(
        [denied['audit'], denied['node'], denied['mesh'], denied['identity']],
        [true, 'core-1', 'default', 'spiffe://a.test/client'],
      );
      const connected = await program.logged('the proxy', ({ event }) => event === 'proxy-connected');
      assert.deepEqual(
        [connected['audit'], connected['node'], connected['mesh'], connected['identity']],
        [true, 'edge-1', 'default', 'spiffe://a.test/client'],
      );
      const failures = await poll('both to be counted', async () => {
        const counts = await program.metric('meshtrust_xds_auth_failures_total');
        return counts.get('reason="node"') === 1 && counts.get('reason="certificate"') === 1
          ? counts
          : undefined;
      });
      assert.equal(failures.get('reason="mesh"'), 0);

      // The trust rotates, and so does who may ask.
      await put('a.yaml', next.yaml());
      await poll(
        'the new CA to count',
        async () => (await endOf(next.client, 'edge-1')) === undefined || undefined,
      );
      assert.equal(await endOf(domain.client, 'edge-1'), status.UNAUTHENTICATED);
      assert.equal((await stream.ended).code, status.UNAUTHENTICATED, 'the open stream is judged again');

      // A broken file leaves the rules in force.
      await access.put('access.yaml', '- {}');
      await program.logged('the broken rules', ({ event }) => event === 'xds-access-refused');
      await poll('the finding', async () => {
        const { body } = await program.admin('/api/v1/findings');
        return /MT062[^]*access rules of the xDS port/.test(body) || undefined;
      });
      assert.equal(await endOf(next.client, 'edge-1'), undefined);
      assert.equal(await endOf(next.client, 'core-1'), status.PERMISSION_DENIED);
    });
  }
});

/** Starts a server that verifies clients with these CA certificates. */
async function startWithCas(cas: readonly Certificate[], args: readonly string[]) {
  const serverCa = makeCa({ commonName: 'Server CA' });
  const server = makeLeaf(serverCa, { dnsNames: ['localhost'] });
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await makeTempDir());
  const trust = stack.use(await makeTempDir());
  const pem = (...list: readonly Certificate[]): string => list.map(({ certPem }) => certPem).join('');
  await writeFile(trust.join('a.yaml'), makeDomain('a.test').yaml());
  await writeFile(dir.join('tls.crt'), server.certPem);
  await writeFile(dir.join('tls.key'), server.keyPem);
  await writeFile(dir.join('ca.crt'), pem(...cas));
  const files = ['cert=tls.crt', 'key=tls.key', 'client-ca=ca.crt'].map((one) => one.split('='));
  const program = stack.use(
    await startMeshtrust({
      dirs: [trust.path],
      args: [...files.map(([flag = '', name = '']) => `--tls-${flag}=${dir.join(name)}`), ...args],
    }),
  );
  const owned = stack.move();
  return {
    trust,
    connect: (leaf: Certificate, chain: readonly Certificate[] = []) =>
      createClient(
        `127.0.0.1:${program.xdsPort}`,
        { 'grpc.ssl_target_name_override': 'localhost' },
        credentials.createSsl(
          Buffer.from(serverCa.certPem),
          Buffer.from(leaf.keyPem),
          Buffer.from(pem(leaf, ...chain)),
        ),
      ),
    /** Replaces the CA certificates. */
    async put(...list: readonly Certificate[]) {
      await watchedDir(dir.path).put('ca.crt', pem(...list));
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function openStream(client: XdsClient) {
  const stream = client.delta(ads.delta);
  stream.send(requestOf('edge-1'));
  return stream;
}

/** Returns the end of a new stream, which may be on an open connection; `undefined` if it gets a response. */
async function endOfNew(client: XdsClient): Promise<CallEnd | undefined> {
  using stream = openStream(client);
  return await stream.next().then(
    () => undefined,
    () => stream.ended,
  );
}

suite('clients that a CA file verifies', () => {
  const spiffeId = 'spiffe://a.test/proxy';
  for (const [what, args] of [
    ['grpc-js', ['--xds-transport=grpc-js']],
    ['own', ['--xds-transport=own']],
    ['2 workers', ['--workers=2']],
  ] as const) {
    test(`${what}: a CA that is removed from the file admits no stream of a connection that is open`, async () => {
      const [old, kept] = [makeCa({ commonName: 'Old CA' }), makeCa({ commonName: 'Kept CA' })];
      await using server = await startWithCas([old, kept], args);
      using clientOfOld = server.connect(makeLeaf(old, { spiffeId }));
      using clientOfKept = server.connect(makeLeaf(kept, { spiffeId }));
      const held = [openStream(clientOfOld), openStream(clientOfKept)];
      for (const stream of held) await stream.next();
      await server.put(kept);
      const end = await poll('the removed CA to be refused', () => endOfNew(clientOfOld), {
        timeoutMs: 30_000,
      });
      assert.equal(end.code, status.UNAUTHENTICATED, end.details);
      assert.equal(await endOfNew(clientOfKept), undefined);
      // Open streams stay, because no flag has their clients judged again.
      await writeFile(server.trust.join('b.yaml'), makeDomain('b.test').yaml());
      for (const stream of held) await stream.next();
    });

    test(`${what}: cross-signed CAs admit streams by a chain to a CA that stays, and by no other`, async () => {
      const [old, kept] = [makeCa({ commonName: 'Old CA' }), makeCa({ commonName: 'Kept CA' })];
      const byOld = makeIntermediate(old);
      const byKept = makeIntermediate(kept, { key: byOld });
      const below = makeLeaf(byOld, { spiffeId });
      // The owner of a leaf without a key usage signs the name and the key of the old CA.
      const leafOfKept = makeLeaf(kept, { keyUsage: undefined });
      const forged = makeIntermediate(leafOfKept, { commonName: 'Old CA', key: old });
      const clients: readonly (readonly [
        what: string,
        leaf: Certificate,
        chain: readonly Certificate[],
        onOpen: boolean,
        onNew: boolean,
      ])[] = [
        ['only the intermediate by the old CA', below, [byOld], false, false],
        ['only the intermediate by the other CA', below, [byKept], true, true],
        ['both, the one by the other CA first', below, [byKept, byOld], true, true],
        // OpenSSL tries one chain only.
        ['both, the one by the old CA first', below, [byOld, byKept], true, false],
        [
          'a certificate of the old CA that no CA signed',
          makeLeaf(old, { spiffeId }),
          [forged, leafOfKept],
          false,
          false,
        ],
      ];
      await using server = await startWithCas([old, kept], args);
      using stack = new DisposableStack();
      const open: XdsClient[] = [];
      for (const [, leaf, chain] of clients) {
        const client = stack.use(server.connect(leaf, chain));
        open.push(client);
        // It keeps the connection open.
        await openStream(client).next();
      }
      await server.put(kept);
      const [first] = open;
      assert.ok(first !== undefined);
      await poll('the removed CA to be refused', () => endOfNew(first), { timeoutMs: 30_000 });
      // The listener reads the file at its own time. Until then, it accepts the connection and refuses the stream.
      await poll(
        'TLS to refuse a new connection',
        async () => {
          using client = server.connect(below, [byOld]);
          const end = await endOfNew(client);
          return end?.code === status.UNAVAILABLE || undefined;
        },
        { timeoutMs: 30_000 },
      );
      for (const [index, [sent, leaf, chain, onOpen, onNew]] of clients.entries()) {
        const onOpenEnd = open[index] && (await endOfNew(open[index]));
        const expected = onOpen ? undefined : status.UNAUTHENTICATED;
        assert.equal(onOpenEnd?.code, expected, `open connection: ${sent}: ${onOpenEnd?.details}`);
        using client = server.connect(leaf, chain);
        assert.equal((await endOfNew(client)) === undefined, onNew, `new connection: ${sent}`);
      }
    });
  }
});
