import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';

import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { startEnvoy } from '../../kit/envoy.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { tryClient } from '../../kit/tls-client.ts';
import { watchedDir } from '../../kit/watched-dir.ts';
import { xdsTransports } from '../../kit/xds-transports.ts';
import {
  assertLetIn,
  assertNothingRejected,
  binaries,
  eachEnvoy,
  skipWithoutEnvoys as skip,
} from '../../kit/both-envoys.ts';
import { makeDomain } from '../../kit/domain.ts';
import { startEnvoysOfAllTransports } from './stage.ts';

for (const transport of xdsTransports)
  test(
    `TLS to the control plane, ${transport}: only proxies with a valid certificate receive trust`,
    { skip, concurrency: true },
    async (t) => {
      const ca = makeCa({ commonName: 'Control plane CA' });
      const otherCa = makeCa({ commonName: 'Another CA' });
      const server = makeLeaf(ca, { commonName: 'meshtrust', dnsNames: ['meshtrust.test'] });
      const domain = makeDomain('a.test');
      const client = domain.client;

      await using stack = new AsyncDisposableStack();
      const trust = stack.use(await makeTempDir());
      const tlsDir = stack.use(await makeTempDir());
      await watchedDir(trust.path).put('a.yaml', domain.yaml());
      const tlsFiles = { 'tls-cert': server.certPem, 'tls-key': server.keyPem, 'tls-client-ca': ca.certPem };
      for (const [flag, pem] of Object.entries(tlsFiles)) await writeFile(tlsDir.join(flag), pem);
      const { xdsPort } = stack.use(
        await startMeshtrust({
          dirs: [trust.path],
          args: [
            `--xds-transport=${transport}`,
            ...Object.keys(tlsFiles).map((flag) => `--${flag}=${tlsDir.join(flag)}`),
          ],
        }),
      );

      const tls = { caPem: ca.certPem, serverName: 'meshtrust.test' };
      const envoys = await startEnvoysOfAllTransports(stack, xdsPort, {
        tls: { ...tls, identity: makeLeaf(ca) },
      });
      await eachEnvoy(t, envoys, async (envoy) => {
        await assertLetIn(envoy.port, client);
        await assertNothingRejected(envoy);
      });

      const strangers = [
        { name: 'proxy without a certificate', tls },
        { name: 'proxy with a certificate of another CA', tls: { ...tls, identity: makeLeaf(otherCa) } },
        {
          name: 'proxy that expects another server name',
          tls: { ...tls, serverName: 'other.test', identity: makeLeaf(ca) },
        },
        { name: 'a proxy without TLS', tls: undefined },
      ];
      const [binary] = binaries;
      assert.ok(binary !== undefined);
      for (const { name, tls } of strangers) {
        await t.test(name, async () => {
          const { path } = binary;
          await using envoy = await startEnvoy({
            path,
            transport: 'delta-ads',
            xdsPort,
            tls,
            waitUntilLive: false,
          });
          // Two attempts: the first one did not fail just because it was the first.
          await envoy.untilStat('cluster.meshtrust.upstream_cx_destroy', 2);
          assert.equal(await envoy.stat('sds.system_trust_bundle.update_success'), 0);
          assert.notEqual(await tryClient(envoy.port, client), 'accepted');
        });
      }
    },
  );
