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
  const waiting = new Map<number, (decision: AccessDecision) => void>();
  let last = 0;
  return {
    decide: (claim) => {
      const { promise, resolve } = Promise.withResolvers<AccessDecision>();
      last += 1;
      waiting.set(last, resolve);
      send({ kind: 'decide', ask: last, claim });
      return promise;
    },
    decided: ({ ask, decision }) => {
      waiting.get(ask)?.(decision);
      waiting.delete(ask);
    },
  };
}

/** Answers a worker. */
export async function answerWorker(
  { ask, claim }: Extract<FromWorker, { kind: 'decide' }>,
  decide: DecideAccess,
): Promise<Extract<ToWorker, { kind: 'decided' }>> {
  return { kind: 'decided', ask, decision: await decide(claim) };
}
