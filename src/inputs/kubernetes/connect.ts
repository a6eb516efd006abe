import type { Source, SourceSink } from '../../trust/source.ts';
import { createApiClient } from '../../kubernetes/client/api-client.ts';
import { loadKubeConfig } from '../../kubernetes/client/kube-config.ts';
import { watchKubernetes } from './watch-kubernetes.ts';
import type { WatchKubernetesOptions } from './watch-kubernetes.ts';

export interface ConnectOptions {
  readonly name: string;
  /** One namespace; all of them if undefined. */
  readonly namespace: string | undefined;
  /** A kubeconfig; found by the usual rules if undefined. */
  readonly kubeconfig: string | undefined;
  readonly onHeads?: WatchKubernetesOptions['onHeads'];
}

/**
 * Reads the kubeconfig, and returns what starts the source with it. The API server need not be there.
 * @throws {Error} when there is no kubeconfig, or it cannot be used.
 */
export function connectKubernetes({
  name,
  namespace,
  kubeconfig,
  onHeads,
}: ConnectOptions): (sink: SourceSink) => Source {
  const client = createApiClient(() => loadKubeConfig(kubeconfig));
  return (sink) => watchKubernetes({ client, namespace, name, onHeads }, sink);
}
