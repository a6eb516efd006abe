import type { ServiceAccount } from './identity.ts';

/** The result of a token review that may be cached. An error of the API server is not such a result. */
export type SettledReview =
  | { readonly kind: 'accepted'; readonly account: ServiceAccount }
  | { readonly kind: 'refused'; readonly reason: 'token' | 'audience'; readonly message: string };

/** The result of a review. `unavailable`: the API server did not decide. */
export type ReviewResult = SettledReview | { readonly kind: 'unavailable'; readonly reason: string };

/** The client that sent a token. Addresses take turns, and the connections of an address. */
interface TokenClient {
  /** The address without its port. */
  readonly address: string;
  /** A name of the connection, such as the address with its port. */
  readonly connection: string;
}

/** Reviews a token, at once if it can. `expiresAt`: when the token expires, in epoch milliseconds, if it says so. */
export type ReviewToken = (
  token: string,
  client: TokenClient,
  expiresAt: number | undefined,
) => SettledReview | Promise<ReviewResult>;
