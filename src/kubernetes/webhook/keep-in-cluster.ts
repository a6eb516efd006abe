import { createApiClient } from '../client/api-client.ts';
import { loadKubeConfig } from '../client/kube-config.ts';
import type { CertificateSource } from './certificate-source.ts';
import { issueCertificate } from './issue-certificate.ts';
import { keepCertificate } from './keep-certificate.ts';
import type { KeepOptions } from './keep-certificate.ts';

export interface KeepInClusterOptions extends Pick<
  KeepOptions,
  'namespace' | 'secret' | 'configuration' | 'onIssued'
> {
  /** Path of the kubeconfig. `undefined`: `loadKubeConfig` finds it. */
  readonly kubeconfig: string | undefined;
}

/**
 * Calls `keepCertificate` with a client of the kubeconfig's cluster.
 * @throws {Error} if there is no kubeconfig, or it cannot be used.
 */
export function keepInCluster({ kubeconfig, ...options }: KeepInClusterOptions): CertificateSource {
  const client = createApiClient(() => loadKubeConfig(kubeconfig));
  const source = keepCertificate({ ...options, client, issue: issueCertificate });
  return (events) => {
    const running = source(events);
    return {
      async close() {
        await running.close();
        client.close();
      },
    };
  };
}
