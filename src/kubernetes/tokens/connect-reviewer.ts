import { createApiClient } from '../client/api-client.ts';
import { loadKubeConfig } from '../client/kube-config.ts';
import { createTokenReviewer } from './reviewer.ts';
import type { TokenReviewer, TokenReviewerOptions } from './reviewer.ts';
import { createSignatureChecker } from './signing-keys.ts';
import { reviewBy } from './token-review.ts';

export interface ConnectReviewerOptions extends Omit<TokenReviewerOptions, 'send' | 'signatures'> {
  /** Path of the kubeconfig. `undefined`: `loadKubeConfig` finds it. */
  readonly kubeconfig: string | undefined;
  /** An issuer whose tokens only the API server can judge. */
  readonly otherIssuer?: string | undefined;
  /** Called after each attempt to read the signing keys: with the reason of a failure, or `undefined`. */
  readonly keysRead: (problem: string | undefined) => void;
}

/**
 * Creates a reviewer that asks the API server of a kubeconfig, which may be absent for now.
 * @throws {Error} if there is no kubeconfig, or it cannot be used.
 */
export function connectReviewer({
  kubeconfig,
  otherIssuer,
  keysRead,
  ...options
}: ConnectReviewerOptions): TokenReviewer {
  const client = createApiClient(() => loadKubeConfig(kubeconfig));
  const closing = new AbortController();
  const signatures = createSignatureChecker({
    client,
    signal: closing.signal,
    clock: () => performance.now(),
    otherIssuer,
    read: keysRead,
  });
  const reviewer = createTokenReviewer({
    ...options,
    signatures,
    send: reviewBy(client, options.audience),
  });
  return {
    review: (...token) => reviewer.review(...token),
    close: () => {
      closing.abort();
      reviewer.close();
      client.close();
    },
  };
}
