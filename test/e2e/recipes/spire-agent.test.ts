import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { once } from 'node:events';
import { test } from 'node:test';
import { connect } from 'node:tls';

import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { untilDecision } from '../../kit/tls-client.ts';
import { skipWithoutEnvoys as skip } from '../../kit/both-envoys.ts';
import { playSpireAgent } from './play-spire-agent.ts';
import { openRecipe } from './recipe.ts';

test(
  'leaf from the SPIRE agent, trust from meshtrust: clients of both trust domains are accepted, and no others',
  { skip },
  async () => {
    const [ca, partner] = ['example.org', 'partner.example'].map((name) => makeCa({ commonName: name }));
    assert.ok(ca !== undefined && partner !== undefined);
    await using recipe = await openRecipe('spire-agent', {
      'CA of example.org': ca.certPem,
      'CA of partner.example': partner.certPem,
    });
    const socket = recipe.path('/run/spire/agent/api.sock');
    await mkdir(dirname(socket), { recursive: true });
    const spiffeId = 'spiffe://example.org/web';
    const leaf = makeLeaf(ca, { spiffeId });
    await using agent = await playSpireAgent(socket, spiffeId, leaf);
    await recipe.install('trust', '/etc/meshtrust/trust');
    const dirs = [recipe.path('/etc/meshtrust/trust')];
    await using _ = await startMeshtrust({ dirs, xdsPort: recipe.port(5678) });
    await recipe.application(8080, 'web');
    await recipe.envoy('envoy.yaml');

    const client = makeLeaf(ca, { spiffeId: 'spiffe://example.org/client' });
    await untilDecision(recipe.port(8443), client, 'accepted');
    await untilDecision(
      recipe.port(8443),
      makeLeaf(partner, { spiffeId: 'spiffe://partner.example/x' }),
      'accepted',
    );
    // The CA of one trust domain never speaks for another.
    await untilDecision(
      recipe.port(8443),
      makeLeaf(partner, { spiffeId: 'spiffe://example.org/x' }),
      'refused',
    );
    await untilDecision(recipe.port(8443), undefined, 'refused');

    assert.deepEqual([...agent.requested()], [spiffeId], 'trust is not requested from the agent');
    const connection = connect({
      port: recipe.port(8443),
      rejectUnauthorized: false,
      cert: client.certPem,
      key: client.keyPem,
    });
    await once(connection, 'secureConnect');
    const served = connection.getPeerX509Certificate();
    connection.destroy();
    assert.equal(served?.fingerprint256, new X509Certificate(leaf.certPem).fingerprint256);
  },
);
