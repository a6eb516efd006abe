import assert from 'node:assert/strict';
import { test } from 'node:test';

import { secretTypeUrl } from '../../src/snapshot/publisher.ts';
import { untilDecision } from '../kit/tls-client.ts';
import { createClient } from '../xds/client.ts';
import {
  assertLetIn,
  assertNothingRejected,
  assertRefused,
  eachEnvoy,
  makeDomain,
  skip,
  startStage,
} from './stage.ts';

const ads = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const [a, c] = [makeDomain('a.test'), makeDomain('c.test')];

/** Subscribes under the node id of an Envoy and refuses what comes. */
async function refuseAs(xdsPort: number, id: string): Promise<void> {
  using client = createClient(`127.0.0.1:${xdsPort}`);
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

for (const args of [[], ['--workers=2']]) {
  test(
    `strangers refuse a version under the node ids of Envoys → a revocation that brings it back reaches them (${args.join() || 'one process'})`,
    { skip },
    async (t) => {
      await using stage = await startStage({ files: { 'a.yaml': a.yaml() }, args });
      await Promise.all(stage.envoys.map(({ port }) => untilDecision(port, a.client(), 'accepted')));
      for (const { nodeId } of stage.envoys) await refuseAs(stage.meshtrust.xdsPort, nodeId);
      assert.ok(stage.meshtrust.logs().some(({ event }) => event === 'nack'));
      await stage.files.put('c.yaml', c.yaml());
      await Promise.all(stage.envoys.map(({ port }) => untilDecision(port, c.client(), 'accepted')));
      await stage.files.remove('c.yaml');
      await eachEnvoy(t, stage.envoys, async (envoy) => {
        await untilDecision(envoy.port, c.client(), 'refused');
        await assertRefused(envoy.port, c.client());
        await assertLetIn(envoy.port, a.client());
        await assertNothingRejected(envoy);
      });
    },
  );
}
