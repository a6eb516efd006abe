import assert from 'node:assert/strict';
import { test } from 'node:test';

import { run } from '../../cli/run.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { untilDecision } from '../../kit/tls-client.ts';
import { skipWithoutEnvoys as skip } from '../../kit/both-envoys.ts';
import { openRecipe, statusAt, untilServerRefused, untilStatus } from './recipe.ts';
import type { Recipe } from './recipe.ts';

const ca = makeCa({ commonName: 'CA of prod.example' });
const leafOf = (name: string, signer = ca) => makeLeaf(signer, { spiffeId: `spiffe://prod.example/${name}` });

/** Starts meshtrust, and the Envoy of the server with a SPIFFE ID. */
async function startServer(stack: AsyncDisposableStack, id: string): Promise<Recipe> {
  const recipe = stack.use(await openRecipe('plain-envoys', { 'CA of prod.example': ca.certPem }));
  await recipe.install('trust', '/etc/meshtrust/trust');
  await recipe.installTls('/etc/meshtrust/tls', makeLeaf(ca, { dnsNames: ['trust.prod.example'] }), ca);
  const tls = recipe.path('/etc/meshtrust/tls');
  const dirs = [recipe.path('/etc/meshtrust/trust')];
  const args = [`--tls-cert=${tls}/tls.crt`, `--tls-key=${tls}/tls.key`, `--tls-client-ca=${tls}/ca.crt`];
  stack.use(await startMeshtrust({ dirs, args, xdsPort: recipe.port(5678) }));
  await recipe.application(8080, 'hello from web');
  await recipe.installTls('/etc/envoy/tls', leafOf(id), ca);
  await recipe.envoy('server.yaml');
  return recipe;
}

test(
  'Envoys without any mesh: server → accepts clients of the CA, and refuses all others',
  { skip },
  async () => {
    await using stack = new AsyncDisposableStack();
    const recipe = await startServer(stack, 'web');
    const validated = await run(['validate', recipe.path('/etc/meshtrust/trust')]);
    assert.equal(validated.stderr, '1 MeshTrust accepted; 0 errors, 0 warnings, 0 notes\n');
    await untilDecision(recipe.port(8443), leafOf('shop'), 'accepted');
    const stranger = leafOf('shop', makeCa({ commonName: 'CA of prod.example' }));
    await untilDecision(recipe.port(8443), stranger, 'refused');
    await untilDecision(recipe.port(8443), undefined, 'refused');
  },
);

for (const [id, status] of [
  ['web', 200],
  ['other', 503],
] as const)
  test(`Envoys without any mesh: client, server is ${id} → ${status}`, { skip }, async () => {
    await using stack = new AsyncDisposableStack();
    const recipe = await startServer(stack, id);
    // Now the same paths on the machine of the client.
    await recipe.installTls('/etc/envoy/tls', leafOf('shop'), ca);
    const envoy = await recipe.envoy('client.yaml');
    const port = recipe.port(9000);
    if (status === 200) assert.equal(await untilStatus(port, 200), 'hello from web');
    else await untilServerRefused(envoy, 'cluster.web.ssl.fail_verify_san', () => statusAt(port));
  });
