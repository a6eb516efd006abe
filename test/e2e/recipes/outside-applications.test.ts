import { test } from 'node:test';

import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { startTlsServer } from '../../kit/tls-server.ts';
import { untilDecision } from '../../kit/tls-client.ts';
import { untilAll } from '../../kit/both-envoys.ts';
import { makeDomain } from '../../kit/domain.ts';
import { meshTrust, skip, startStage } from '../cluster/stage.ts';
import { openRecipe, statusAt, untilServerRefused, untilStatus } from './recipe.ts';

const name = 'default.zone-1.mesh.local';

test('applications outside of the mesh: get their trust from a cluster', { skip }, async (t) => {
  const zone = makeDomain(name);
  const machines = makeCa({ commonName: 'CA of machines.example' });
  await using recipe = await openRecipe('outside-applications', {
    'CA of machines.example': machines.certPem,
  });
  await using stage = await startStage();
  // The mesh's own MeshTrust, as Kuma writes it, and the one of the recipe.
  await stage.kubectl('apply -f -', meshTrust(zone));
  await stage.kubectl('apply -f -', recipe.text('trust.yaml'));
  const leafOf = (id: string) => makeLeaf(machines, { spiffeId: `spiffe://machines.example/${id}` });
  const controlPlane = makeLeaf(machines, { dnsNames: ['meshtrust.mesh.example'] });
  await recipe.installTls('/etc/meshtrust/tls', controlPlane, machines);
  const tls = recipe.path('/etc/meshtrust/tls');
  await stage.meshtrust({
    xdsPort: recipe.port(5678),
    args: [`--tls-cert=${tls}/tls.crt`, `--tls-key=${tls}/tls.key`, `--tls-client-ca=${tls}/ca.crt`],
  });
  await recipe.installTls('/etc/envoy/tls', leafOf('billing'), machines);
  await recipe.application(8080, 'billing');
  const envoy = await recipe.envoy('envoy.yaml');

  await t.test('client of the mesh: is accepted; client of another machine: is refused', async () => {
    await untilDecision(recipe.port(8443), zone.client, 'accepted');
    await untilDecision(recipe.port(8443), leafOf('other'), 'refused');
  });

  await t.test('gateway of the mesh: is accepted; server that claims its name: is refused', async () => {
    const spiffeId = `spiffe://${name}/gateway`;
    {
      await using _ = await startTlsServer(recipe.port(8444), makeLeaf(zone.ca, { spiffeId }), 'mesh');
      await untilStatus(recipe.port(9000), 200);
    }
    const claims = makeLeaf(makeCa({ commonName: `CA of ${name}` }), { spiffeId });
    await using _ = await startTlsServer(recipe.port(8444), claims, 'mesh');
    await untilServerRefused(envoy, 'cluster.gateway.ssl.fail_verify_error', () =>
      statusAt(recipe.port(9000)),
    );
  });

  await t.test('trust.yaml: an Envoy of the mesh accepts the machine with it, and not without', async () => {
    const plain = await stage.meshtrust();
    const envoys = await stage.envoys(plain);
    await untilAll(envoys, leafOf('billing'), 'accepted');
    await untilAll(envoys, makeLeaf(makeCa(), { spiffeId: 'spiffe://machines.example/billing' }), 'refused');
    await stage.kubectl('delete mtrust machines');
    await untilAll(envoys, leafOf('billing'), 'refused');
  });
});
