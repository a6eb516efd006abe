import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { skipWithoutEnvoys } from '../../kit/both-envoys.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import type { Certificate } from '../../kit/certificates.ts';
import { freePort } from '../../kit/free-port.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { fetchAsPeer, serveAsPeer, skipSpiffePeer } from '../../kit/spiffe-peer.ts';
import { untilDecision } from '../../kit/tls-client.ts';
import { watchedDir } from '../../kit/watched-dir.ts';
import { playSpireAgent } from './play-spire-agent.ts';
import { openRecipe } from './recipe.ts';

const skip = skipWithoutEnvoys !== false ? skipWithoutEnvoys : skipSpiffePeer;
const mesh = 'default.east.mesh.local';
const server = 'spiffe://example.org/spire/server';

/** Returns the bundle of a SPIRE server, as `spire-server bundle show -format spiffe` prints it. */
function bundleOf(cas: readonly Certificate[], sequence: number): string {
  const keys = cas.map(({ der, publicKey }) => ({
    ...publicKey.export({ format: 'jwk' }),
    use: 'x509-svid',
    x5c: [der.toString('base64')],
  }));
  return JSON.stringify({ keys, spiffe_sequence: sequence, spiffe_refresh_hint: 60 });
}

test('SPIRE and a mesh: one Envoy accepts both, and each side follows the other', { skip }, async () => {
  const [spire, next, east] = ['SPIRE', 'SPIRE next', 'east'].map((commonName) => makeCa({ commonName }));
  assert.ok(spire !== undefined && next !== undefined && east !== undefined);
  await using recipe = await openRecipe('spire-federation', {
    'bundle of example.org': bundleOf([spire], 1),
    [`CA of ${mesh}`]: east.certPem,
  });
  await using agentRecipe = await openRecipe('spire-agent');

  // The SPIRE server
  const files = watchedDir(recipe.path('/etc/spire'));
  await files.put('bundle.json', bundleOf([spire], 1));
  await recipe.installTls('/etc/spire', makeLeaf(spire, { spiffeId: server }));
  await using peer = await serveAsPeer({
    trustDomain: 'example.org',
    bundleFile: recipe.path('/etc/spire/bundle.json'),
    certificateFile: recipe.path('/etc/spire/tls.crt'),
    keyFile: recipe.path('/etc/spire/tls.key'),
  });

  // meshtrust
  const web = makeCa({ commonName: 'Web CA' });
  await recipe.installTls('/etc/meshtrust', makeLeaf(web, { dnsNames: ['localhost'] }), web);
  const trust = watchedDir(recipe.path('/etc/meshtrust/trust'));
  await trust.put('mesh.yaml', recipe.text('trust/mesh.yaml'));
  const relationship = recipe.text('trust/spire.yaml');
  assert.match(relationship, /https:\/\/spire-server\.example:8443\//);
  await trust.put('spire.yaml', relationship.replace('spire-server.example:8443', peer.address));
  const bundlePort = await freePort();
  await using _ = await startMeshtrust({
    dirs: [recipe.path('/etc/meshtrust/trust')],
    xdsPort: agentRecipe.port(5678),
    args: [
      '--federation',
      '--federation-min-interval=1s',
      '--federation-max-interval=1s',
      `--bundle-listen=127.0.0.1:${bundlePort}`,
      `--bundle-cert=${recipe.path('/etc/meshtrust/tls.crt')}`,
      `--bundle-key=${recipe.path('/etc/meshtrust/tls.key')}`,
      `--bundle-serve=default/${mesh}`,
    ],
  });

  // The Envoy with a certificate from the SPIRE agent
  const socket = agentRecipe.path('/run/spire/agent/api.sock');
  await mkdir(dirname(socket), { recursive: true });
  const spiffeId = 'spiffe://example.org/web';
  await using agent = await playSpireAgent(socket, spiffeId, makeLeaf(spire, { spiffeId }));
  await agentRecipe.application(8080, 'web');
  await agentRecipe.envoy('envoy.yaml');
  const port = agentRecipe.port(8443);

  const clientOf = (ca: Certificate, trustDomain: string): Certificate =>
    makeLeaf(ca, { spiffeId: `spiffe://${trustDomain}/client` });
  await untilDecision(port, clientOf(spire, 'example.org'), 'accepted');
  await untilDecision(port, clientOf(east, mesh), 'accepted');
  await untilDecision(port, clientOf(east, 'example.org'), 'refused');
  await untilDecision(port, clientOf(spire, mesh), 'refused');
  assert.deepEqual([...agent.requested()], [spiffeId], 'trust is not requested from the agent');

  // SPIRE prepares its next CA.
  await files.put('bundle.json', bundleOf([spire, next], 2));
  await untilDecision(port, clientOf(next, 'example.org'), 'accepted');

  // What SPIRE reads, at the path of its configuration.
  const [, path] =
    /bundle_endpoint_url = "https:\/\/meshtrust\.example:8444(\/[^"]+)"/.exec(
      recipe.text('spire-server.conf'),
    ) ?? [];
  const caFile = recipe.path('/etc/meshtrust/ca.crt');
  await writeFile(caFile, web.certPem);
  const read = await fetchAsPeer({
    trustDomain: mesh,
    url: `https://localhost:${bundlePort}${path}`,
    authentication: { kind: 'https_web', caFile },
  });
  assert.deepEqual(typeof read === 'string' ? read : read.authorities, [east.der.toString('base64')]);
});
