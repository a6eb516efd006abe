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
}

/** Starts the source. `onHeads` is called with all changes of objects, even those without an effect on trust. */
export type StartWatch = (sink: SourceSink, onHeads?: WatchKubernetesOptions['onHeads']) => Source;

/**
 * Reads the kubeconfig, and returns a function that starts the source with it. The API server may be absent.
 * @throws {Error} when there is no kubeconfig, or it cannot be used.
 */
export function connectKubernetes({ name, namespace, kubeconfig }: ConnectOptions): StartWatch {
  const client = createApiClient(() => loadKubeConfig(kubeconfig));
  return (sink, onHeads) => watchKubernetes({ client, namespace, name, onHeads }, sink);
}
