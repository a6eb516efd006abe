import assert from 'node:assert/strict';
import { realpath, writeFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { poll } from '../../kit/poll.ts';
import { untilAll } from '../../kit/both-envoys.ts';
import { makeDomain } from '../../kit/domain.ts';
import { identityCrd } from './identity-crd.ts';
import { meshTrust, skip, startStage } from './stage.ts';
import type { Domain } from '../../kit/domain.ts';

const base = fileURLToPath(new URL('../../../deploy/kustomize', import.meta.url));

/** Returns a MeshIdentity whose CA is that of the domain, with its private key. */
function meshIdentity({ name, ca }: Domain): string {
  const source = (value: string): unknown => ({ type: 'InsecureInline', insecureInline: { value } });
  return JSON.stringify({
    apiVersion: 'kuma.io/v1alpha1',
    kind: 'MeshIdentity',
    metadata: { name: 'identity', namespace: 'kuma-system' },
    spec: {
      spiffeID: { trustDomain: name },
      provider: {
        type: 'Bundled',
        bundled: {
          insecureAllowSelfSigned: true,
          ca: { certificate: source(ca.certPem), privateKey: source(ca.keyPem) },
        },
      },
    },
  });
}

test('MeshIdentities of a cluster', { skip }, async (t) => {
  await using stage = await startStage();
  const [listed, first, second] = [
    makeDomain('listed.test'),
    makeDomain('identity.test'),
    makeDomain('identity.test'),
  ];
  await stage.kubectl('apply -f -', meshTrust(listed));
  const meshtrust = await stage.meshtrust({
    args: ['--identities', '--identity-linger=0', '--log-level=debug'],
  });
  const envoys = await stage.envoys(meshtrust);

  await t.test(
    'without the right to read them: MeshTrusts are served, and the failure is reported',
    async () => {
      await untilAll(envoys, listed.client, 'accepted');
      await meshtrust.logged(
        'the failure',
        ({ code, msg }) => code === 'MT001' && /meshidentities/.test(String(msg)),
      );
    },
  );

  await t.test('with the component of the manifests and the CRD: their CAs are trusted', async () => {
    await using overlay = await makeTempDir();
    const folder = relative(await realpath(overlay.path), base);
    const kustomization = { resources: [folder], components: [`${folder}/identities`] };
    await writeFile(overlay.join('kustomization.yaml'), JSON.stringify(kustomization));
    await stage.kubectl('apply -f -', JSON.stringify(identityCrd));
    await stage.kubectl('wait --for=condition=Established --timeout=30s crd/meshidentities.kuma.io');
    await stage.kubectl('apply -f -', meshIdentity(first));
    const { stdout } = await stage.cluster.kubectl(['kustomize', overlay.path]);
    assert.match(stdout, /- --identities\n/);
    await stage.kubectl('apply -f -', stdout);
    await untilAll(envoys, first.client, 'accepted');
    await untilAll(envoys, listed.client, 'accepted');
  });

  await t.test('its CA is replaced: the next one is trusted', async () => {
    await stage.kubectl('apply -f -', meshIdentity(second));
    await untilAll(envoys, second.client, 'accepted');
    await untilAll(envoys, first.client, 'refused');
  });

  await t.test('deleted: its CA is withdrawn, and the MeshTrust stays', async () => {
    await stage.kubectl('delete meshidentity identity');
    await untilAll(envoys, second.client, 'refused');
    await untilAll(envoys, listed.client, 'accepted');
  });

  await t.test('the program asks only to list and to watch them, and no Secret', async () => {
    // The API server records a watch when it ends.
    await meshtrust.stop();
    const verbs = await poll('the end of the watch', async () => {
      const asked = await stage.cluster.asked();
      const ofIdentities = asked
        .filter(({ resource }) => resource === 'meshidentities')
        .map(({ verb }) => verb);
      return ofIdentities.includes('watch') ? new Set(ofIdentities) : undefined;
    });
    assert.deepEqual(verbs, new Set(['list', 'watch']));
    const asked = await stage.cluster.asked();
    assert.deepEqual(
      asked.filter(({ resource }) => resource === 'secrets'),
      [],
    );
  });

  await t.test('no log line has the private key', () => {
    for (const { ca } of [first, second]) {
      const [, , line = ''] = ca.keyPem.split('\n');
      assert.equal(JSON.stringify(meshtrust.logs()).includes(line.slice(0, 30)), false);
    }
  });
});
