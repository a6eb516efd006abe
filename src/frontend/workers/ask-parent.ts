import type { AccessDecision, DecideAccess } from '../../access/claim.ts';
import type { FromWorker, ToWorker } from './messages.ts';

/** Asks the parent about clients. It has the trust, the rules and the cache of tokens, for all workers. */
export interface ParentDecisions {
  readonly decide: DecideAccess;
  /** Must be called with the parent's answers. */
  readonly decided: (message: Extract<ToWorker, { kind: 'decided' }>) => void;
}

/** Creates the function that asks the parent. A parent that ends takes its workers with it. */
export function askParent(send: (message: FromWorker) => void): ParentDecisions {
  const waiting = new Map<number, PromiseWithResolvers<AccessDecision>>();
  let last = 0;
  return {
    decide: (claim) => {
      const answer = Promise.withResolvers<AccessDecision>();
      last += 1;
      waiting.set(last, answer);
      send({ kind: 'decide', ask: last, claim });
      return answer.promise;
    },
    decided: ({ ask, decision }) => {
      const answer = waiting.get(ask);
      waiting.delete(ask);
      if (decision === undefined) answer?.reject(new Error('the parent could not decide'));
      else answer?.resolve(decision);
    },
  };
}

/** Answers a worker. Never rejects: an error about one client must not end the server, and admits no client. */
export async function answerWorker(
  { ask, claim }: Extract<FromWorker, { kind: 'decide' }>,
  decide: DecideAccess,
): Promise<Extract<ToWorker, { kind: 'decided' }>> {
  try {
    return { kind: 'decided', ask, decision: await decide(claim) };
  } catch (error) {
    process.emitWarning(`a client could not be judged: ${String(error)}`);
    return { kind: 'decided', ask, decision: undefined };
  }
}
