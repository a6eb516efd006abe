import { existsSync, statSync } from 'node:fs';
import { delimiter } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';

const tokenFile = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/**
 * Where the API server is and who we are, by the rules of other controllers: the file that was named, what
 * `KUBECONFIG` names, the service account of the pod, `~/.kube/config`.
 * @throws {Error} when there is none of them, or it cannot be used.
 */
export function loadKubeConfig(file?: string, env: NodeJS.ProcessEnv = process.env): KubeConfig {
  const config = new KubeConfig();
  const fromEnv = isSet(env['KUBECONFIG']) ? env['KUBECONFIG'].split(delimiter) : undefined;
  const isInCluster = isSet(env['KUBERNETES_SERVICE_HOST']) && existsSync(tokenFile);
  const atHome = `${env['HOME']}/.kube/config`;
  if (file !== undefined) {
    assertRegular(file);
    config.loadFromFile(file);
  } else if (fromEnv === undefined && isInCluster) {
    config.loadFromCluster();
  } else if (fromEnv !== undefined || existsSync(atHome)) {
    for (const path of fromEnv ?? [atHome]) assertRegular(path);
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

/** It is read by a library, which would wait at a named pipe for ever, and all else with it. */
function assertRegular(path: string): void {
  if (path !== '' && existsSync(path) && !statSync(path).isFile())
    throw new Error(`the kubeconfig ${path} is not a regular file`);
}

function isSet(text: string | undefined): text is string {
  return text !== undefined && text !== '';
}
