import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { untilAll } from '../../kit/both-envoys.ts';
import { makeDomain } from '../../kit/domain.ts';
import { globalIdentity, importedTrust } from '../../kit/imports.ts';
import { startKubernetes } from '../../kit/kubernetes.ts';
import type { Kubernetes } from '../../kit/kubernetes.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { kumaIdentityCrd, kumaTrustCrd } from './kuma-crds.ts';
import { findCluster, installCrd, listOf, meshTrust, namespace, skip, startStage } from './stage.ts';

const reader = fileURLToPath(new URL('../../../deploy/kustomize/import-reader', import.meta.url));
const td = (zone: string): string => `default.${zone}.mesh.local`;

/** The cluster of a Global control plane, without the control plane: a test writes what KDS would bring. */
async function startGlobal(stack: AsyncDisposableStack) {
  const cluster: Kubernetes = stack.use(await startKubernetes(findCluster()));
  const kubectl = async (command: string, input?: string): Promise<string> =>
    (await cluster.kubectl(['--namespace', namespace, ...command.split(' ')], input)).stdout;
  await cluster.kubectl(['create', 'namespace', namespace]);
  await installCrd(kubectl, kumaTrustCrd);
  await kubectl('apply -f -', kumaIdentityCrd);
  await kubectl('wait --for=condition=Established --timeout=30s crd/meshidentities.kuma.io');
  await kubectl(`apply -k ${reader}`);
  const { kubeconfig } = await cluster.writeKubeconfig(
    'import',
    await cluster.tokenOf(namespace, 'meshtrust-import'),
  );
  return { cluster, kubectl, kubeconfig };
}

test('trust of other zones, from the Global control plane: is imported', { skip }, async (t) => {
  await using stack = new AsyncDisposableStack();
  const global = await startGlobal(stack);
  const stage = stack.use(await startStage(kumaTrustCrd));
  const state = stack.use(await makeTempDir());
  const [own, second, third] = [makeDomain(td('zone-1')), makeDomain(td('zone-2')), makeDomain(td('zone-3'))];
  // A client that zone 2 issued under the trust domain of zone 1.
  const forged = makeDomain(td('zone-1'));
  const of = (zone: string) => ({ origin: 'zone', zone });
  await global.kubectl(
    'apply -f -',
    listOf(
      globalIdentity('{{ .Mesh }}.{{ .Zone }}.mesh.local'),
      importedTrust(own.name, [own.ca.certPem], of('zone-1'), 'one'),
      importedTrust(second.name, [second.ca.certPem], of('zone-2'), 'two'),
    ),
  );
  await stage.kubectl('apply -f -', meshTrust(own));
  const options = {
    args: [
      '--zone=zone-1',
      `--import-kubeconfig=${global.kubeconfig}`,
      '--guard-hold=1s',
      `--state-dir=${state.join('state')}`,
    ],
  };
  const meshtrust = await stage.meshtrust(options);
  const envoys = await stage.envoys(meshtrust);

  await t.test('clients of this zone and of zone 2: are accepted', async () => {
    await untilAll(envoys, own.client, 'accepted');
    await untilAll(envoys, second.client, 'accepted');
  });

  await t.test(
    'zone 2 claims the trust domain of zone 1: its client is refused, with a finding',
    async () => {
      await global.kubectl(
        'apply -f -',
        importedTrust(td('zone-1'), [forged.ca.certPem], of('zone-2'), 'claim'),
      );
      await meshtrust.logged('the finding', ({ code }) => code === 'MT090');
      // What comes after the claim is served, so the claim was read.
      await global.kubectl(
        'apply -f -',
        importedTrust(third.name, [third.ca.certPem], of('zone-3'), 'three'),
      );
      await untilAll(envoys, third.client, 'accepted');
      await untilAll(envoys, forged.client, 'refused');
      await untilAll(envoys, own.client, 'accepted');
    },
  );

  await t.test(
    'the Global control plane is unreachable: nothing is withdrawn, also after a restart',
    async () => {
      await global.cluster.stopServer();
      await meshtrust.logged('the failure', ({ code }) => code === 'MT091');
      await meshtrust.stop();
      const { xdsPort, adminPort } = meshtrust;
      const again = await stage.meshtrust({ ...options, xdsPort, adminPort });
      await again.logged('the failure', ({ code }) => code === 'MT091');
      for (const { client } of [own, second, third]) await untilAll(envoys, client, 'accepted');
      await global.cluster.startServer();
      await global.kubectl('delete meshtrust three');
      await untilAll(envoys, third.client, 'refused');
      await untilAll(envoys, second.client, 'accepted');
      await again.stop();
    },
  );

  await t.test('requests to the Global control plane: are only list and watch', async () => {
    // The API server records a watch when it ends.
    const asked = await poll('the ends of the watches', async () => {
      const all = await global.cluster.asked();
      const watched = new Set(all.filter(({ verb }) => verb === 'watch').map(({ resource }) => resource));
      return watched.size === 2 ? all : undefined;
    });
    assert.deepEqual(
      new Set(asked.map(({ verb, resource }) => `${verb} ${resource}`)),
      new Set(
        ['list', 'watch'].flatMap((verb) =>
          ['meshtrusts', 'meshidentities'].map((resource) => `${verb} ${resource}`),
        ),
      ),
    );
  });
});
