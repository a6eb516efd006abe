import { existsSync } from 'node:fs';

import { KubeConfig } from '@kubernetes/client-node';

const tokenFile = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/**
 * Where the API server is and who we are, by the rules of other controllers: the file that was named, what
 * `KUBECONFIG` names, the service account of the pod, `~/.kube/config`.
 * @throws {Error} when there is none of them, or it cannot be used.
 */
export function loadKubeConfig(file?: string, env: NodeJS.ProcessEnv = process.env): KubeConfig {
  const config = new KubeConfig();
  if (file !== undefined) config.loadFromFile(file);
  else if (!isSet(env['KUBECONFIG']) && isSet(env['KUBERNETES_SERVICE_HOST']) && existsSync(tokenFile)) {
    config.loadFromCluster();
  } else if (isSet(env['KUBECONFIG']) || existsSync(`${env['HOME']}/.kube/config`)) {
    config.loadFromDefault();
  } else {
    throw new Error(
      'there is no kubeconfig: neither --kubeconfig, KUBECONFIG, a service account, nor ~/.kube/config',
    );
  }
  if (config.getCurrentCluster() === null) {
    throw new Error(`the kubeconfig has no cluster for its current context '${config.getCurrentContext()}'`);
  }
  return config;
}

function isSet(text: string | undefined): boolean {
  return text !== undefined && text !== '';
}
