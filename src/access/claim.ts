/**
 * The credentials and claims of a client of the xDS port at the first request of a stream. Plain data: workers send it.
 */
export interface ClientClaim {
  /** `ADDRESS:PORT`, or another name of the client if it has no address. */
  readonly address: string;
  readonly certificate: ClaimedCertificate | undefined;
  /** The value of the header `authorization`. */
  readonly authorization: string | undefined;
  /** The node id; empty if the client has none. */
  readonly nodeId: string;
  readonly mesh: string;
}

/** A client certificate. The client has proved that it has the private key. */
export interface ClaimedCertificate {
  readonly leaf: Uint8Array;
  /** The certificates that the client sent after it. */
  readonly chain: readonly Uint8Array[];
  /** True if TLS has verified it with the CA certificates of the listener. */
  readonly isVerified: boolean;
}

/** Why a client was refused. The metric `meshtrust_xds_auth_failures_total` has these values. */
export const accessRefusals = [
  'no-credentials',
  'token',
  'audience',
  'certificate',
  'mesh',
  'node',
  'review-unavailable',
  'not-ready',
] as const;

export type AccessRefusal = (typeof accessRefusals)[number];

/** The decision about a client. `identity` is undefined for a client without credentials, if these may subscribe. */
export type AccessDecision =
  { readonly kind: 'allowed'; readonly identity: string | undefined } | RefusedClient;

export interface RefusedClient {
  readonly kind: 'refused';
  readonly reason: AccessRefusal;
  /** A sentence for the client. It quotes no token. */
  readonly message: string;
  /** The authenticated identity, which has no right to what its node claims. */
  readonly identity?: string | undefined;
}

/** Decides about a client, at once if it can. */
export type DecideAccess = (claim: ClientClaim) => AccessDecision | Promise<AccessDecision>;

/** Returns a refusal. */
export function refuse(reason: AccessRefusal, message: string): RefusedClient {
  return { kind: 'refused', reason, message };
}

/** The gRPC status of each refusal. */
export const statusOfRefusal = {
  'no-credentials': 'UNAUTHENTICATED',
  token: 'UNAUTHENTICATED',
  audience: 'UNAUTHENTICATED',
  certificate: 'UNAUTHENTICATED',
  mesh: 'PERMISSION_DENIED',
  node: 'PERMISSION_DENIED',
  'review-unavailable': 'UNAVAILABLE',
  'not-ready': 'UNAVAILABLE',
} as const satisfies Record<AccessRefusal, string>;
