import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeCa } from '../../kit/certificates.ts';
import type { Certificate } from '../../kit/certificates.ts';
import { probeContinuously } from '../../kit/probe-continuously.ts';
import type { ClientIdentity } from '../../kit/tls-client.ts';
import { bundled, identityText, inline } from '../../kit/mesh-identities.ts';
import {
  assertNothingRejected,
  eachEnvoy,
  skipWithoutEnvoys as skip,
  untilAll,
} from '../../kit/both-envoys.ts';
import { makeDomain } from '../../kit/domain.ts';
import { startStage } from './stage.ts';
import type { Stage } from './stage.ts';

const zone = 'zone-1';
const trustDomain = `default.${zone}.mesh.local`;
const template = '{{ .Mesh }}.{{ .Zone }}.mesh.local';

/** Returns a MeshIdentity with this CA, of which it has the private key as well. */
function identity(ca: Certificate, name = 'identity'): string {
  const certificate = inline(ca.certPem);
  return identityText({
    name,
    spec: bundled(certificate, {
      trustDomain: template,
      bundled: { ca: { certificate, privateKey: inline(ca.keyPem) } },
    }),
  });
}

function targets({ envoys }: Stage, client: ClientIdentity) {
  return envoys.map(({ nodeId, port }) => ({ name: nodeId, port, identity: client }));
}

const domainOf = (commonName: string) => makeDomain(trustDomain, makeCa({ commonName }));

test('a MeshIdentity: Envoys admit the leaves of its CA', { skip, concurrency: true }, async (t) => {
  const [first, second, third] = [domainOf('CA 1'), domainOf('CA 2'), domainOf('CA 3')];
  await using stage = await startStage({
    files: { 'identity.yaml': identity(first.ca) },
    args: ['--identities', `--zone=${zone}`, '--identity-linger=10s'],
  });

  await t.test(
    'its CA is replaced in place: old and new leaves are admitted, the old ones until their end',
    async () => {
      await using old = probeContinuously(targets(stage, first.client));
      await old.round();
      await stage.files.overwrite('identity.yaml', identity(second.ca));
      await untilAll(stage.envoys, second.client, 'accepted');
      assert.deepEqual((await old.stop()).refusals, []);
      await stage.meshtrust.logged('the CA is superseded', ({ code }) => code === 'MT076');
      await untilAll(stage.envoys, first.client, 'refused', 30_000);
      await untilAll(stage.envoys, second.client, 'accepted');
    },
  );

  await t.test(
    'a second MeshIdentity of the trust domain, then the first is deleted: no leaf is refused',
    async () => {
      await using always = probeContinuously(targets(stage, second.client));
      await stage.files.put('second.yaml', identity(third.ca, 'second'));
      await untilAll(stage.envoys, third.client, 'accepted');
      await using renewed = probeContinuously(targets(stage, third.client));
      await stage.files.remove('identity.yaml');
      await always.round();
      assert.deepEqual((await always.stop()).refusals, []);
      await untilAll(stage.envoys, second.client, 'refused', 30_000);
      assert.deepEqual((await renewed.stop()).refusals, []);
    },
  );

  await eachEnvoy(t, stage.envoys, async (envoy) => assertNothingRejected(envoy));
});
