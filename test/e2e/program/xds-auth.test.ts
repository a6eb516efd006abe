import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { credentials, status } from '@grpc/grpc-js';

import type { ProxyList } from '../../../src/api/fleet-api-types.ts';
import type { ServerDetail } from '../../../src/api/server-api-types.ts';
import { secretTypeUrl } from '../../../src/trust/snapshot/publisher.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import type { Certificate } from '../../kit/certificates.ts';
import { makeDomain } from '../../kit/domain.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { watchedDir } from '../../kit/watched-dir.ts';
import { createClient } from '../../xds/client.ts';
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

suite('clients that a CA file verifies', () => {
  for (const [what, args] of [
    ['grpc-js', ['--xds-transport=grpc-js']],
    ['own', ['--xds-transport=own']],
    ['2 workers', ['--workers=2']],
  ] as const)
    test(`${what}: a CA that is removed from the file admits no stream of a connection that is open`, async () => {
      const serverCa = makeCa({ commonName: 'Server CA' });
      const server = makeLeaf(serverCa, { dnsNames: ['localhost'] });
      const [old, kept] = [makeCa({ commonName: 'Old CA' }), makeCa({ commonName: 'Kept CA' })];
      await using dir = await makeTempDir();
      await using trust = await makeTempDir();
      await writeFile(trust.join('a.yaml'), makeDomain('a.test').yaml());
      await writeFile(dir.join('tls.crt'), server.certPem);
      await writeFile(dir.join('tls.key'), server.keyPem);
      await writeFile(dir.join('ca.crt'), old.certPem + kept.certPem);
      await using program = await startMeshtrust({
        dirs: [trust.path],
        args: [
          `--tls-cert=${dir.join('tls.crt')}`,
          `--tls-key=${dir.join('tls.key')}`,
          `--tls-client-ca=${dir.join('ca.crt')}`,
          ...args,
        ],
      });
      const connect = (ca: Certificate) => {
        const { certPem, keyPem } = makeLeaf(ca, { spiffeId: 'spiffe://a.test/proxy' });
        return createClient(
          `127.0.0.1:${program.xdsPort}`,
          { 'grpc.ssl_target_name_override': 'localhost' },
          credentials.createSsl(Buffer.from(serverCa.certPem), Buffer.from(keyPem), Buffer.from(certPem)),
        );
      };
      const [clientOfOld, clientOfKept] = [connect(old), connect(kept)];
      using _ = clientOfOld;
      using __ = clientOfKept;
      const open = (client: typeof clientOfOld) => {
        const stream = client.delta(ads.delta);
        stream.send(requestOf('edge-1'));
        return stream;
      };
      const held = [open(clientOfOld), open(clientOfKept)];
      for (const stream of held) await stream.next();
      const put = watchedDir(dir.path).put;
      await put('ca.crt', kept.certPem);
      const end = await poll(
        'the removed CA to be refused',
        async () => {
          using stream = open(clientOfOld);
          return await stream.next().then(
            () => undefined,
            () => stream.ended,
          );
        },
        { timeoutMs: 30_000 },
      );
      assert.equal(end.code, status.UNAUTHENTICATED, end.details);
      using again = open(clientOfKept);
      await again.next();
      // Open streams stay, because no flag has their clients judged again.
      await writeFile(trust.join('b.yaml'), makeDomain('b.test').yaml());
      for (const stream of held) await stream.next();
    });
});
