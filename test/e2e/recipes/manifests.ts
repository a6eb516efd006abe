import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';

import { readManifests } from '../../kit/helm.ts';
import type { Manifest } from '../../kit/helm.ts';
import type { Stage } from '../cluster/stage.ts';
import { certManagerCrds } from './crds.ts';

/** Installs CRDs, by default those of cert-manager that the recipes need. */
export async function installCrds(
  { cluster }: Stage,
  items: readonly object[] = certManagerCrds,
): Promise<void> {
  const list = { apiVersion: 'v1', kind: 'List', items };
  await cluster.kubectl(['apply', '-f', '-'], JSON.stringify(list));
  await cluster.kubectl(['wait', '--for=condition=Established', '--timeout=30s', 'crd', '--all']);
}

/** Applies a recipe by `kubectl apply -k`, strictly and without a warning, and returns its objects. */
export async function applyRecipe(
  { cluster }: Stage,
  name: string,
  namespace: string,
): Promise<readonly Manifest[]> {
  const folder = fileURLToPath(new URL(`../../../examples/${name}`, import.meta.url));
  await cluster.kubectl(['create', 'namespace', namespace]);
  const level = 'pod-security.kubernetes.io/warn=restricted';
  await cluster.kubectl(['label', 'namespace', namespace, level]);
  const strictly = ['--validate=strict', '--warnings-as-errors'];
  await cluster.kubectl(['apply', ...strictly, '-k', folder]);
  return readManifests((await cluster.kubectl(['kustomize', folder])).stdout);
}

interface PodSpec {
  readonly containers: readonly {
    readonly name: string;
    readonly args?: readonly string[];
    readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
  }[];
  readonly volumes: readonly {
    readonly name: string;
    readonly configMap?: { readonly name: string };
    readonly secret?: { readonly secretName: string };
  }[];
}

/** What the kubelet would give the container `envoy` of the Deployment. */
interface EnvoyContainer {
  /** Its arguments without `--config-path`, with the variables of a pod `pod-1`. */
  readonly args: readonly string[];
  /** Files of the mounted ConfigMap, by name, and where it is mounted. */
  readonly config: { readonly path: string; readonly files: Readonly<Record<string, string>> };
  /** The mounted Secret. */
  readonly secret: { readonly path: string; readonly name: string };
}

export function envoyContainer(objects: readonly Manifest[]): EnvoyContainer {
  const deployment = objects.find(({ kind }) => kind === 'Deployment');
  assert.ok(deployment !== undefined);
  const { spec } = (deployment['spec'] as { readonly template: { readonly spec: PodSpec } }).template;
  const container = spec.containers.find(({ name }) => name === 'envoy');
  const mountOf = (name: string | undefined): string =>
    container?.volumeMounts?.find((mount) => mount.name === name)?.mountPath ?? assert.fail(name);
  const config = spec.volumes.find(({ configMap }) => configMap !== undefined);
  const secret = spec.volumes.find((volume) => volume.secret !== undefined);
  const map = objects.find(
    ({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === config?.configMap?.name,
  );
  const args = container?.args ?? [];
  assert.deepEqual(args.slice(0, 2), ['--config-path', `${mountOf(config?.name)}/envoy.yaml`]);
  return {
    args: args.slice(2).map((arg) => arg.replace('$(POD_NAME)', 'pod-1').replace('$(POD_NAMESPACE)', 'edge')),
    config: {
      path: mountOf(config?.name),
      files: (map?.['data'] as Readonly<Record<string, string>> | undefined) ?? assert.fail('no ConfigMap'),
    },
    secret: { path: mountOf(secret?.name), name: secret?.secret?.secretName ?? '' },
  };
}
