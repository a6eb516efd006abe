import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';

import { credentials } from '@grpc/grpc-js';
import { secretTypeUrl } from '../../../src/trust/snapshot/publisher.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { untilDecision } from '../../kit/tls-client.ts';
import { createClient } from '../../xds/client.ts';
import type { XdsClient } from '../../xds/client.ts';
import {
  assertLetIn,
  assertNothingRejected,
  assertRefused,
  eachEnvoy,
  skipWithoutEnvoys as skip,
} from '../../kit/both-envoys.ts';
import { makeDomain } from '../../kit/domain.ts';
import { startStage } from './stage.ts';

const ads = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const [a, c] = [makeDomain('a.test'), makeDomain('c.test')];
const proxyCa = makeCa({ commonName: 'Proxies' });
const serverName = 'meshtrust.test';

/** Subscribes under the node id of an Envoy and refuses what comes. */
async function refuseAs(client: XdsClient, id: string): Promise<void> {
  using stream = client.delta(ads);
  stream.send({
    node: { id },
    type_url: secretTypeUrl,
    resource_names_subscribe: ['system_trust_bundle'],
  });
  const { nonce } = await stream.next();
  const refusal = { code: 13, message: 'a stranger refuses this' };
  stream.send({ type_url: secretTypeUrl, response_nonce: nonce, error_detail: refusal });
  // The answer to this shows that the refusal was read.
  stream.send({ type_url: secretTypeUrl, resource_names_subscribe: ['nonsense'] });
  await stream.next();
}

const variants = [
  { what: 'one process, a file is removed', workers: 1, by: 'removal', tls: false },
  { what: 'workers, a certificate is distrusted', workers: 2, by: 'distrust', tls: false },
  { what: 'mutual TLS, a file is removed', workers: 1, by: 'removal', tls: true },
] as const;

for (const { what, workers, by, tls } of variants) {
  test(
    `strangers refuse a version under the node ids of Envoys → a revocation that brings it back reaches them (${what})`,
    { skip },
    async (t) => {
      await using dir = await makeTempDir();
      const list = dir.join('distrusted');
      await writeFile(list, '# nothing yet\n');
      const args = [`--workers=${workers}`, `--distrust=${list}`];
      const server = makeLeaf(proxyCa, { commonName: 'meshtrust', dnsNames: [serverName] });
      const files = {
        'tls-cert': server.certPem,
        'tls-key': server.keyPem,
        'tls-client-ca': proxyCa.certPem,
      };
      for (const [flag, pem] of Object.entries(files)) {
        await writeFile(dir.join(flag), pem);
        if (tls) args.push(`--${flag}=${dir.join(flag)}`);
      }
      const caPem = proxyCa.certPem;
      const identity = makeLeaf(proxyCa, { spiffeId: 'spiffe://mesh.test/proxy' });
      await using stage = await startStage({
        files: { 'a.yaml': a.yaml() },
        args,
        envoy: { nodeId: 'web-1', ...(tls && { tls: { caPem, serverName, identity } }) },
      });
      await Promise.all(stage.envoys.map(({ port }) => untilDecision(port, a.client, 'accepted')));
      const stranger = makeLeaf(proxyCa, { spiffeId: 'spiffe://mesh.test/stranger' });
      const [ca, key, cert] = [caPem, stranger.keyPem, stranger.certPem].map((pem) => Buffer.from(pem));
      const channel = tls ? credentials.createSsl(ca, key, cert) : undefined;
      // As many as there are workers: connections take turns.
      for (let count = 0; count < workers; count += 1) {
        const options = { 'grpc.ssl_target_name_override': serverName };
        using client = createClient(`127.0.0.1:${stage.meshtrust.xdsPort}`, options, channel);
        await refuseAs(client, 'web-1');
      }
      assert.ok(stage.meshtrust.logs().some(({ event }) => event === 'nack'));
      await stage.files.put('c.yaml', c.yaml());
      await Promise.all(stage.envoys.map(({ port }) => untilDecision(port, c.client, 'accepted')));
      if (by === 'removal') await stage.files.remove('c.yaml');
      else await writeFile(list, `${hash('sha256', c.ca.der, 'hex')}\n`);
      await eachEnvoy(t, stage.envoys, async (envoy) => {
        await untilDecision(envoy.port, c.client, 'refused');
        await assertRefused(envoy.port, c.client);
        await assertLetIn(envoy.port, a.client);
        await assertNothingRejected(envoy);
      });
    },
  );
}
