import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { poll } from '../../kit/poll.ts';
import { untilAll } from '../../kit/both-envoys.ts';
import { makeDomain } from '../../kit/domain.ts';
import { listOf, meshTrust, skip, startStage } from './stage.ts';

const reference = fileURLToPath(new URL('../../../examples/trust/zone-2-trust.yaml', import.meta.url));

test('changes by kubectl: Envoys decide accordingly', { skip }, async (t) => {
  await using stage = await startStage();
  const other = makeDomain('other.test');
  await stage.kubectl('apply -f -', meshTrust(other));
  const meshtrust = await stage.meshtrust();
  const envoys = await stage.envoys(meshtrust);
  await untilAll(envoys, other.client, 'accepted');
  const zone2 = makeDomain('default.zone-2.mesh.local');
  const renewed = makeDomain('default.zone-2.mesh.local');
  const ca = (pem: string) => ({ type: 'Pem', pem: { value: pem } });

  await t.test(
    'apply the reference example: its intermediate is served, and other clients are rejected',
    async () => {
      await stage.kubectl(`apply -f ${reference}`);
      const served = await meshtrust.logged('the new trust domain', (line) =>
        JSON.stringify(line).includes('default.zone-2.mesh.local'),
      );
      assert.equal(typeof served['msg'], 'string');
      await untilAll(envoys, zone2.client, 'refused');
    },
  );

  await t.test('patch that adds a CA: its clients are accepted', async () => {
    const patch = [{ op: 'add', path: '/spec/caBundles/-', value: ca(zone2.ca.certPem) }];
    const file = await stage.cluster.writeFile('patch.json', JSON.stringify(patch));
    await stage.kubectl(`patch meshtrust zone-2-trust --type=json --patch-file=${file}`);
    await untilAll(envoys, zone2.client, 'accepted');
    await untilAll(envoys, renewed.client, 'refused');
  });

  await t.test('replacement of the CA: the earlier clients are refused', async () => {
    const object = JSON.parse(meshTrust(renewed)) as { metadata: { name: string } };
    object.metadata.name = 'zone-2-trust';
    await stage.kubectl('replace -f -', JSON.stringify(object));
    await untilAll(envoys, renewed.client, 'accepted');
    await untilAll(envoys, zone2.client, 'refused');
  });

  await t.test('deletion: only clients of this trust domain are refused', async () => {
    await stage.kubectl('delete mtrust zone-2-trust');
    await untilAll(envoys, renewed.client, 'refused');
    await untilAll(envoys, other.client, 'accepted');
  });

  await t.test('change without an effect on trust: nothing served changes', async () => {
    const served = async () => (await meshtrust.admin('/api/v1/meshes/default')).body;
    const before = await served();
    await stage.kubectl('annotate mtrust other.test seen=1');
    const status = JSON.stringify({ status: { authorities: 1 } });
    const file = await stage.cluster.writeFile('status.json', status);
    await stage.kubectl(`patch mtrust other.test --subresource=status --type=merge --patch-file=${file}`);
    // A later change on the same watch has arrived.
    await stage.kubectl('apply -f -', meshTrust(makeDomain('marker.test'), 'elsewhere'));
    await poll('the other mesh', async () => {
      const answer = await meshtrust.admin('/api/v1/meshes/elsewhere');
      return answer.body.includes('marker.test') ? true : undefined;
    });
    assert.equal(await served(), before);
  });
});

test('many deletions: are held until the guard is released', { skip }, async () => {
  await using stage = await startStage();
  const domains = ['a.test', 'b.test', 'c.test'].map((name) => makeDomain(name));
  await stage.kubectl('apply -f -', listOf(...domains.map((domain) => meshTrust(domain))));
  const meshtrust = await stage.meshtrust({ args: ['--guard-hold=10m'] });
  const envoys = await stage.envoys(meshtrust);
  await stage.kubectl('delete mtrust --all');
  await meshtrust.logged('the guard', ({ event }) => event === 'guard-held');
  for (const { client } of domains) await untilAll(envoys, client, 'accepted');
  const released = await fetch(`http://127.0.0.1:${meshtrust.adminPort}/api/v1/guard/release`, {
    method: 'POST',
  });
  assert.equal(released.status, 200);
  for (const { client } of domains) await untilAll(envoys, client, 'refused');
});
