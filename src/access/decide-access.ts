import { readBearerToken } from './bearer-token.ts';
import { refuse } from './claim.ts';
import type { AccessDecision, ClientClaim, DecideAccess } from './claim.ts';
import { nameOfIdentity } from './identity.ts';
import type { ClientIdentity } from './identity.ts';
import { checkRules } from './rules.ts';
import type { AccessRule } from './rules.ts';
import type { CertificateJudge } from './certificate-judge.ts';
import type { ReviewResult, ReviewToken } from './review.ts';

export interface DecideParts {
  /** `undefined`: certificates do not authenticate clients. */
  readonly judge: CertificateJudge | undefined;
  /** `undefined`: tokens do not authenticate clients. */
  readonly tokens:
    | {
        readonly reviewer: { readonly review: ReviewToken };
        readonly audience: string;
        /** Called with the life of each accepted token that says how long it is valid. */
        readonly accepted: (lifeMs: number) => void;
      }
    | undefined;
  /** `undefined`: every authenticated client may have every mesh, under any node id. */
  readonly rules: () => readonly AccessRule[] | undefined;
  readonly allowsAnonymous: boolean;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** The longest mesh name and node id of a client, in characters. */
export const longestName = 4_096;

/**
 * Returns the function that decides about clients. It tries their credentials one after the other: the certificate,
 * which costs nothing, and then the token. The first that suffices decides.
 */
export function decideAccess({ judge, tokens, rules, allowsAnonymous, now }: DecideParts): DecideAccess {
  function permit(identity: ClientIdentity, { mesh, nodeId }: ClientClaim): AccessDecision {
    const name = nameOfIdentity(identity);
    const inForce = rules();
    const decision = inForce === undefined ? 'allowed' : checkRules(inForce, identity, { mesh, nodeId });
    if (decision === 'allowed') return { kind: 'allowed', identity: name };
    const what = decision === 'mesh' ? 'the mesh that its node names' : 'its node id';
    return { ...refuse(decision, `${name} has no right to ${what}`), identity: name };
  }

  function byCertificate(claim: ClientClaim): AccessDecision | undefined {
    if (judge === undefined || claim.certificate === undefined) return undefined;
    const judged = judge(claim.certificate);
    return judged.kind === 'refused' ? judged : permit(judged, claim);
  }

  function byReview(result: ReviewResult, lifeMs: number | undefined, claim: ClientClaim): AccessDecision {
    switch (result.kind) {
      case 'accepted':
        if (lifeMs !== undefined) tokens?.accepted(lifeMs);
        return permit(result.account, claim);
      case 'refused':
        return refuse(result.reason, result.message);
      case 'unavailable':
        return refuse('review-unavailable', 'the token cannot be reviewed now');
    }
  }

  function byToken(claim: ClientClaim): AccessDecision | Promise<AccessDecision> | undefined {
    if (tokens === undefined) return undefined;
    const read = readBearerToken(claim.authorization, tokens.audience, now());
    if (read.kind === 'absent') return undefined;
    if (read.kind === 'invalid') return refuse(read.reason, read.message);
    const client = { address: hostOf(claim.address), connection: claim.address };
    const result = tokens.reviewer.review(read.token, client, read.expiresAt);
    return result instanceof Promise
      ? result.then((settled) => byReview(settled, read.lifeMs, claim))
      : byReview(result, read.lifeMs, claim);
  }

  function orAnonymous(decision: AccessDecision): AccessDecision {
    return decision.kind === 'refused' && allowsAnonymous
      ? { kind: 'allowed', identity: undefined }
      : decision;
  }

  return (claim) => {
    if (claim.nodeId.length > longestName) return refuse('node', 'the node id is too long');
    if (claim.mesh.length > longestName) return refuse('mesh', 'the name of the mesh is too long');
    const first = byCertificate(claim);
    if (first?.kind === 'allowed') return first;
    const second = byToken(claim) ?? first ?? refuse('no-credentials', 'the client has no credentials');
    return second instanceof Promise ? second.then(orAnonymous) : orAnonymous(second);
  };
}

/** Removes the port from an address: a client has another port for each connection. */
function hostOf(address: string): string {
  return address.replace(/:\d+$/, '');
}
