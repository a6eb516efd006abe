import assert from 'node:assert/strict';
import { test } from 'node:test';

import { secretTypeUrl } from '../../../src/trust/snapshot/publisher.ts';
import { electionTimes } from '../../../src/kubernetes/status/core/election.ts';
import { startForwarder } from '../../kit/forwarder.ts';
import type { Meshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { createClient } from '../../xds/client.ts';
import { untilCondition } from './object-status.ts';
import { untilAll } from '../../kit/both-envoys.ts';
import { makeDomain } from '../../kit/domain.ts';
import { listOf, meshTrust, skip, startStage } from './stage.ts';
import type { Stage } from './stage.ts';

/** After the lease time of a killed leader, one attempt acquires the Lease. The rest allows for a busy machine. */
const takeOverMs = electionTimes.leaseMs + 2 * electionTimes.retryMs + 30_000;

test('several replicas of one cluster: serve the same bytes', { skip }, async (t) => {
  await using stage = await startStage();
  const domains = ['a.test', 'b.test', 'c.test'].map((name) => makeDomain(name));
  await stage.kubectl('apply -f -', listOf(...domains.map((domain) => meshTrust(domain))));
  const first = await stage.meshtrust();
  await first.logged('the leader', ({ event }) => event === 'leader');
  const second = await stage.meshtrust();
  await using address = await startForwarder(first.xdsPort);
  const envoys = await stage.envoys({ ...first, xdsPort: address.port });
  for (const { client } of domains) await untilAll(envoys, client, 'accepted');

  await t.test('replicas: serve the same bytes', async () => {
    const names = ['ALL', ...domains.map(({ name }) => `spiffe://${name}`)];
    const [one, two] = [await secretsOf(first, names), await secretsOf(second, names)];
    assert.equal(one.length, names.length);
    assert.deepEqual(one, two);
  });

  await t.test('leader: writes statuses, and counts the proxies of all replicas', async () => {
    assert.deepEqual(await leading(first, second), [1, 0]);
    await stage.kubectl('apply -f -', meshTrust(makeDomain('counted.test')));
    // The client that compared the bytes has acknowledged them and closed. For 10 s it counts as lost.
    await untilCondition(stage, 'counted.test', 'Programmed', 'Programmed', 30_000);
  });

  await t.test('proxy that moves to another replica: receives nothing until something changes', async () => {
    const late = makeDomain('late.test');
    const [asked, sent] = [await requests(second, 'initial'), await responses(second)];
    address.moveTo(second.xdsPort);
    await poll('both proxies connected to the other replica', async () =>
      (await requests(second, 'initial')) >= asked + envoys.length ? true : undefined,
    );
    await stage.kubectl('apply -f -', meshTrust(late));
    await untilAll(envoys, late.client, 'accepted');
    // One change for each proxy. A response after their connection would be another one.
    assert.equal((await responses(second)) - sent, envoys.length);
  });

  await t.test('proxies of the other replica: are counted', async () => {
    await stage.kubectl('apply -f -', meshTrust(makeDomain('remote.test')));
    const { message } = await untilCondition(stage, 'remote.test', 'Programmed', 'Programmed');
    assert.match(message, /2 of 2 connected/);
  });

  await t.test(
    'killed leader: another writes statuses within the lease time, and trust changes at once',
    async () => {
      const orphan = makeDomain('orphan.test');
      await first.stop('SIGKILL');
      const since = performance.now();
      await stage.kubectl('apply -f -', meshTrust(orphan));
      await untilAll(envoys, orphan.client, 'accepted');
      assert.deepEqual(await leading(second), [0], 'the proxies have the change before a new leader exists');
      const { message } = await untilCondition(stage, 'orphan.test', 'Programmed', 'Programmed', takeOverMs);
      assert.deepEqual(await leading(second), [1]);
      assert.match(message, /2 of 2 connected/);
      const took = performance.now() - since;
      t.diagnostic(`status of a change goes on ${Math.round(took)} ms after the leader was killed`);
    },
  );

  await t.test('closed leader: the next one does not wait for the lease time', async () => {
    const third = await stage.meshtrust();
    const ending = second.stop('SIGTERM');
    await third.logged('the leader', ({ event }) => event === 'leader', electionTimes.leaseMs - 5_000);
    assert.equal((await ending).code, 0);
    await stage.kubectl('apply -f -', meshTrust(makeDomain('after.test')));
    await untilCondition(stage, 'after.test', 'Accepted', 'Accepted');
    assert.deepEqual(await reporting(stage), 2, 'the killed replica, and the running one');
  });
});

/** Returns the bytes that a proxy gets for these names. */
async function secretsOf({ xdsPort }: Meshtrust, names: readonly string[]): Promise<readonly string[]> {
  using client = createClient(`127.0.0.1:${xdsPort}`);
  using stream = client.delta(
    '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
  );
  const send = (fields: object): void =>
    stream.send({ type_url: secretTypeUrl, node: { id: 'reader' }, ...fields });
  send({ resource_names_subscribe: names });
  const texts: string[] = [];
  while (texts.length < names.length) {
    const { resources, nonce } = await stream.next();
    send({ response_nonce: nonce });
    texts.push(...resources.map((resource) => JSON.stringify(resource)));
  }
  return texts.sort();
}

async function leading(...replicas: readonly Meshtrust[]): Promise<readonly (number | undefined)[]> {
  const samples = replicas.map(async (replica) => replica.metric('meshtrust_kubernetes_leader'));
  return (await Promise.all(samples)).map((sample) => sample.get(''));
}

async function requests(replica: Meshtrust, kind: string): Promise<number> {
  return sum(await replica.metric('meshtrust_xds_requests_total'), `kind="${kind}"`);
}

async function responses(replica: Meshtrust): Promise<number> {
  return sum(await replica.metric('meshtrust_xds_responses_total'), 'result="resources"');
}

/** Returns the samples of secrets that have a label. */
function sum(samples: ReadonlyMap<string, number>, label: string): number {
  return [...samples].reduce(
    (total, [labels, value]) =>
      labels.includes(label) && labels.includes(secretTypeUrl) ? total + value : total,
    0,
  );
}

/** Returns the number of replicas with a report. */
async function reporting(stage: Stage): Promise<number> {
  const text = await stage.kubectl('get lease meshtrust-replicas -o json');
  const { metadata } = JSON.parse(text) as { metadata: { annotations?: Record<string, string> } };
  return Object.keys(metadata.annotations ?? {}).length;
}
