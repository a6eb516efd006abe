import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import type { AskedFor } from '../../kit/audit-log.ts';
import { binaries, skipWithoutEnvoys, startEnvoys } from '../../kit/both-envoys.ts';
import type { Domain } from '../../kit/domain.ts';
import type { Envoy } from '../../kit/envoy.ts';
import { findKubernetes, startKubernetes } from '../../kit/kubernetes.ts';
import type { Kubernetes } from '../../kit/kubernetes.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import type { Meshtrust, MeshtrustOptions } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { manifests } from './overlay.ts';

const kubernetes = await findKubernetes();

/** The option `skip` of each test: false, or the missing tool. */
export const skip: string | false = kubernetes.kind === 'missing' ? kubernetes.reason : skipWithoutEnvoys;

export const crd: string = fileURLToPath(
  new URL('../../../deploy/crd/meshtrusts.kuma.io.yaml', import.meta.url),
);
export const namespace = 'kuma-system';

/** Returns a MeshTrust for `kubectl apply`, with the name of its trust domain. */
export function meshTrust(domain: Domain, mesh = 'default', where = namespace): string {
  return JSON.stringify({
    apiVersion: 'kuma.io/v1alpha1',
    kind: 'MeshTrust',
    metadata: { name: domain.name, namespace: where, labels: { 'kuma.io/mesh': mesh } },
    spec: {
      trustDomain: domain.name,
      caBundles: [{ type: 'Pem', pem: { value: domain.ca.certPem } }],
    },
  });
}

/** Joins several objects for one `kubectl apply`. */
export function listOf(...objects: readonly string[]): string {
  return `{"apiVersion":"v1","kind":"List","items":[${objects.join(',')}]}`;
}

/** A cluster with the namespace, the CRD, and a service account with the rights of the manifests. */
export interface Stage extends AsyncDisposable {
  readonly cluster: Kubernetes;
  /** Runs kubectl in the namespace. */
  readonly kubectl: (command: string, input?: string) => Promise<string>;
  /** A kubeconfig of the service account. It refers to a file with the token. */
  readonly account: { readonly kubeconfig: string; readonly tokenFile: string };
  /** Starts the program as the service account. It ends with the stage. */
  readonly meshtrust: (options?: Partial<MeshtrustOptions>) => Promise<Meshtrust>;
  /** Gives the service account its rights (again). */
  readonly grant: () => Promise<void>;
  /** Returns a new token of the service account. */
  readonly token: () => Promise<string>;
  /** Starts the newest and the oldest Envoy, and waits until they serve. They end with the stage. */
  readonly envoys: (meshtrust: Meshtrust, site?: string) => Promise<readonly Envoy[]>;
}

/** Returns the programs of a cluster. */
export function findCluster(): Parameters<typeof startKubernetes>[0] {
  if (kubernetes.kind === 'missing') throw new Error(kubernetes.reason);
  return kubernetes.paths;
}

/** Starts a cluster with a CRD of MeshTrust: the project's by default. */
export async function startStage(trustCrd?: string): Promise<Stage> {
  await using stack = new AsyncDisposableStack();
  const cluster = stack.use(await startKubernetes(findCluster()));
  const kubectl = async (command: string, input?: string): Promise<string> =>
    (await cluster.kubectl(['--namespace', namespace, ...command.split(' ')], input)).stdout;
  // The first command in an empty cluster, so the namespace must be part of the manifests.
  const grant = async (): Promise<void> => void (await kubectl(`apply -k ${manifests}`));
  await grant();
  await installCrd(kubectl, trustCrd);
  const token = (): Promise<string> => cluster.tokenOf(namespace, 'meshtrust');
  const account = await cluster.writeKubeconfig('meshtrust', await token());
  const owned = stack.move();
  return {
    cluster,
    kubectl,
    account,
    grant,
    token,
    meshtrust: async ({ args = [], ...options } = {}) =>
      owned.use(
        await startMeshtrust({
          dirs: [],
          ...options,
          args: ['--kubernetes', `--kubeconfig=${account.kubeconfig}`, ...args],
        }),
      ),
    envoys: ({ xdsPort }, site = '') =>
      startEnvoys(
        owned,
        binaries.map(({ path, version }) => {
          const nodeId = `delta-ads-${version}${site}`;
          return { path, transport: 'delta-ads', xdsPort, nodeId };
        }),
      ),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/**
 * Returns the requests of the program for a resource. The API server records its watch when the program has stopped.
 */
export async function requestsFor(stage: Stage, resource: string): Promise<readonly AskedFor[]> {
  return poll(`the end of the watch of ${resource}`, async () => {
    const asked = (await stage.cluster.asked()).filter((one) => one.resource === resource);
    return asked.some(({ verb }) => verb === 'watch') ? asked : undefined;
  });
}

/** Installs a CRD of MeshTrust, the project's by default, and waits until the API server serves it. */
export async function installCrd(kubectl: Stage['kubectl'], trustCrd?: string): Promise<void> {
  await kubectl('apply -f -', trustCrd ?? (await readFile(crd, 'utf8')));
  await kubectl('wait --for=condition=Established --timeout=30s crd/meshtrusts.kuma.io');
}
