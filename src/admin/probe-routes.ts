import { formatFinding } from '../trust/findings/finding.ts';
import type { StateView } from '../runtime/state-view.ts';
import type { ReadyAnswer } from '../api/api-types.ts';
import { secondsUntil } from '../api/present-mesh.ts';
import { jsonReply, textReply } from './reply.ts';
import type { Route } from './router.ts';

/** The sources of the responses to probes and scrapes. */
export interface ProbeInput {
  readonly view: () => StateView;
  /** True once the server is shutting down: it is not ready any more, although it still serves. */
  readonly draining: () => boolean;
  readonly metrics: { readonly contentType: string; render(): Promise<string> };
  /** Monotonic milliseconds, as in the view. */
  readonly now: () => number;
}

/** Returns the routes `/healthz`, `/readyz` and `/metrics`. */
export function probeRoutes({ view, draining, metrics, now }: ProbeInput): readonly Route[] {
  return [
    { method: 'GET', pattern: '/healthz', answer: () => jsonReply({ status: 'ok' }) },
    {
      method: 'GET',
      pattern: '/readyz',
      answer: () => {
        const answer = presentReadiness(view(), draining(), now());
        return jsonReply(answer, answer.status === 'ready' ? 200 : 503);
      },
    },
    {
      method: 'GET',
      pattern: '/metrics',
      answer: async () => textReply(metrics.contentType, await metrics.render()),
    },
  ];
}

/** Number of findings that explain a doubt: a probe does not need all of them. */
const findingsShown = 10;

/** Returns the missing sources, or the doubt. `now` is in monotonic milliseconds, as in the state. */
export function presentReadiness(
  { readiness, findings }: StateView,
  draining: boolean,
  now: number,
): ReadyAnswer {
  if (draining) return { status: 'draining' };
  switch (readiness.kind) {
    case 'ready':
      return { status: 'ready' };
    case 'waiting':
      return { status: 'waiting', missing: readiness.missing };
    case 'doubtful':
      return {
        status: 'doubtful',
        reason: readiness.reason,
        findings: findings
          .filter(({ severity }) => severity === 'error')
          .slice(0, findingsShown)
          .map(formatFinding),
        secondsLeft: secondsUntil(readiness.until, now),
      };
  }
}
