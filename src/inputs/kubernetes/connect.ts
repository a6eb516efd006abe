import type { Source, SourceSink } from '../../trust/source.ts';
import { createApiClient } from '../../kubernetes/client/api-client.ts';
import { loadKubeConfig } from '../../kubernetes/client/kube-config.ts';
import { watchKubernetes } from './watch-kubernetes.ts';
import type { WatchKubernetesOptions } from './watch-kubernetes.ts';

export interface ConnectOptions extends Pick<WatchKubernetesOptions, 'resource' | 'isOptional' | 'limits'> {
  readonly name: string;
  /** The namespace to watch. `undefined`: all namespaces. */
  readonly namespace: string | undefined;
  /** Path of the kubeconfig. `undefined`: `loadKubeConfig` finds it. */
  readonly kubeconfig: string | undefined;
  /** A context of the kubeconfig. `undefined`: the current one. */
  readonly context?: string | undefined;
}

/** Starts the source. */
export type StartWatch = (
  sink: SourceSink,
  options?: Pick<WatchKubernetesOptions, 'onHeads' | 'confirmsAbsence'>,
) => Source;

/**
 * Reads the kubeconfig, and returns a function that starts the source with it. The API server may be absent.
 * @throws {Error} if there is no kubeconfig, or it cannot be used.
 */
export function connectKubernetes({ kubeconfig, context, ...options }: ConnectOptions): StartWatch {
  const client = createApiClient(() => loadKubeConfig(kubeconfig, process.env, context));
  return (sink, more = {}) => watchKubernetes({ client, ...options, ...more }, sink);
}
