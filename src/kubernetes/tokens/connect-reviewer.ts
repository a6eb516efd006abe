import { createApiClient } from '../client/api-client.ts';
import { loadKubeConfig } from '../client/kube-config.ts';
import { createTokenReviewer } from './reviewer.ts';
import type { TokenReviewer, TokenReviewerOptions } from './reviewer.ts';
import { reviewBy } from './token-review.ts';

export interface ConnectReviewerOptions extends Omit<TokenReviewerOptions, 'send'> {
  /** Path of the kubeconfig. `undefined`: `loadKubeConfig` finds it. */
  readonly kubeconfig: string | undefined;
}

/**
 * Creates a reviewer that asks the API server of a kubeconfig, which may be absent for now.
 * @throws {Error} if there is no kubeconfig, or it cannot be used.
 */
export function connectReviewer({ kubeconfig, ...options }: ConnectReviewerOptions): TokenReviewer {
  const client = createApiClient(() => loadKubeConfig(kubeconfig));
  const reviewer = createTokenReviewer({ ...options, send: reviewBy(client, options.audience) });
  return {
    review: (...token) => reviewer.review(...token),
    close: () => {
      reviewer.close();
      client.close();
    },
  };
}
