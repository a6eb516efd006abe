import assert from 'node:assert/strict';
import { test } from 'node:test';

import { run } from '../../cli/run.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { untilDecision } from '../../kit/tls-client.ts';
import { skipWithoutEnvoys as skip } from '../../kit/both-envoys.ts';
import { openRecipe, untilStatus } from './recipe.ts';
import type { Recipe } from './recipe.ts';

const zones = ['zone-1', 'zone-2'] as const;
type Zone = (typeof zones)[number];
const cas = new Map(zones.map((zone) => [zone, makeCa({ commonName: `CA of ${zone}` })]));
const caOf = (zone: Zone) => cas.get(zone) ?? assert.fail(zone);
const leafOf = (zone: Zone, id: string, ca = caOf(zone)) =>
  makeLeaf(ca, { spiffeId: `spiffe://default.${zone}.mesh.local/${id}` });
const certificates = Object.fromEntries(zones.map((zone) => [`CA of ${zone}`, caOf(zone).certPem]));

/** Starts the meshtrust of a zone, and its gateway. `gateways` are the ports of both gateways. */
async function startZone(stack: AsyncDisposableStack, zone: Zone, recipe: Recipe): Promise<void> {
  await recipe.install('trust', '/etc/meshtrust/trust');
  stack.use(
    await startMeshtrust({ dirs: [recipe.path('/etc/meshtrust/trust')], xdsPort: recipe.port(5678) }),
  );
  await recipe.installTls('/etc/envoy/tls', leafOf(zone, 'gateway'));
  await recipe.application(8080, `hello from ${zone}`);
}

test('zone to zone: gateways accept the other zone, and only the CA that was copied', { skip }, async (t) => {
  await using stack = new AsyncDisposableStack();
  const one = stack.use(await openRecipe('zone-to-zone/zone-1', certificates));
  const two = stack.use(await openRecipe('zone-to-zone/zone-2', certificates));
  await startZone(stack, 'zone-1', one);
  await startZone(stack, 'zone-2', two);

  await t.test('CA that zone 2 exports: is the one that zone 1 lists', async () => {
    const args = ['--format=pem', '--trust-domain=default.zone-2.mesh.local'];
    const { stdout } = await run(['bundle', two.path('/etc/meshtrust/trust'), ...args]);
    assert.equal(stdout.trim(), caOf('zone-2').certPem.trim());
  });

  // Each gateway calls the other one at its port.
  const [port1, port2] = [one.port(8443), two.port(8444)];
  const leadTo = (recipe: Recipe, port: number, to: number) => ({
    text: recipe.text('gateway.yaml').replaceAll(`${recipe.port(port)}`, `${to}`),
  });
  await one.envoy('gateway.yaml', leadTo(one, 8444, port2));
  await two.envoy('gateway.yaml', leadTo(two, 8443, port1));

  await t.test('application of each zone: reaches the other zone', async () => {
    assert.equal(await untilStatus(one.port(9000), 200), 'hello from zone-2');
    assert.equal(await untilStatus(two.port(9000), 200), 'hello from zone-1');
  });

  await t.test('gateway of zone 1: accepts zone 2, and refuses its own zone and strangers', async () => {
    await untilDecision(port1, leafOf('zone-2', 'any'), 'accepted');
    await untilDecision(port1, leafOf('zone-1', 'any'), 'refused');
    await untilDecision(port1, leafOf('zone-2', 'any', makeCa({ commonName: 'CA of zone-2' })), 'refused');
    // A CA of one zone never speaks for another.
    await untilDecision(port1, leafOf('zone-2', 'any', caOf('zone-1')), 'refused');
  });
});
