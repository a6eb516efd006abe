import type { XdsPeer } from '../core/peer.ts';
import type { XdsNode } from '../core/request.ts';
import type { Grant } from '../core/session.ts';

/** A client that may subscribe. */
export interface Allowed extends Grant {
  readonly kind: 'allowed';
}

/**
 * A client that must not subscribe. `UNAUTHENTICATED`: it has no credential, or an invalid one. `PERMISSION_DENIED`:
 * its identity has no right to what its node claims. `UNAVAILABLE`: the decision is not possible now, and the client
 * should try again.
 */
export interface Refused {
  readonly kind: 'refused';
  readonly code: 'UNAUTHENTICATED' | 'PERMISSION_DENIED' | 'UNAVAILABLE';
  /** A short code of the reason, for metrics. */
  readonly reason: string;
  /** A sentence for the client. */
  readonly message: string;
  /** The group that the node claims, for observers. */
  readonly group?: string | undefined;
  /** The identity of the client, if it was authenticated, for observers. */
  readonly identity?: string | undefined;
  /** True if a new connection may be allowed, because the client may have a newer certificate by now. */
  readonly retiresConnection?: boolean | undefined;
}

/** The decision about a client. */
export type Authorization = Allowed | Refused;

/**
 * Decides about a client: at the first request of a stream, at each `maxStreamAgeMs`, and at each unary request. What
 * an error or a late decision does: see `XdsServerOptions.authorize`.
 * @param peer the connection and the headers of the request. `certificate.isVerified` says whether TLS has verified its
 * names.
 * @param node what the request claims. It is `anonymousNode` if the request has no node.
 */
export type Authorize = (peer: XdsPeer, node: XdsNode) => Authorization | Promise<Authorization>;

/** The decision, or the error because of which there is none. */
export type Outcome = Authorization | { readonly kind: 'failed'; readonly error: unknown };

/**
 * Calls `settled` with the decision: at once if `authorize` decides at once. A value that is no decision is a failure:
 * a mistake in `authorize` must not let clients in. Never throws.
 */
export function decide(
  authorize: Authorize,
  peer: XdsPeer,
  node: XdsNode,
  settled: (outcome: Outcome) => void,
): void {
  let decision: Authorization | Promise<Authorization>;
  try {
    decision = authorize(peer, node);
  } catch (error) {
    return settled({ kind: 'failed', error });
  }
  if (!isThenable(decision)) return settled(outcomeOf(decision));
  void Promise.resolve(decision)
    .then(outcomeOf, (error: unknown): Outcome => ({ kind: 'failed', error }))
    .then(settled);
}

/** True for promises of other libraries as well. */
function isThenable(value: unknown): value is PromiseLike<Authorization> {
  return typeof value === 'object' && value !== null && typeof Reflect.get(value, 'then') === 'function';
}

function outcomeOf(decision: unknown): Outcome {
  const kind: unknown =
    typeof decision === 'object' && decision !== null ? Reflect.get(decision, 'kind') : undefined;
  if (kind === 'allowed' || kind === 'refused') return decision as Authorization;
  return { kind: 'failed', error: new TypeError('authorize returned no decision') };
}
