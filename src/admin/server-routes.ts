import type { StateView } from '../runtime/state-view.ts';
import { presentReadiness } from './probe-routes.ts';
import { jsonReply } from './reply.ts';
import type { Route } from './router.ts';
import type { ServerDetail } from '../api/server-api-types.ts';

/** What the process says of itself from. */
export interface ServerInput {
  /** Version of the program. */
  readonly version: string;
  readonly view: () => StateView;
  readonly draining: () => boolean;
  /** Monotonic milliseconds, as in the view. */
  readonly now: () => number;
}

/** `/api/v1/server`. */
export function serverRoutes({ version, view, draining, now }: ServerInput): readonly Route[] {
  return [
    {
      method: 'GET',
      pattern: '/api/v1/server',
      answer: () => {
        const state = view();
        const sources = state.ledger.sources.map(
          ({ name, synced, restored, accepted, rejected, failure }) => ({
            name,
            synced,
            restored,
            accepted,
            rejected,
            failure,
          }),
        );
        const readiness = presentReadiness(state, draining(), now());
        return jsonReply({ version, readiness, sources } satisfies ServerDetail);
      },
    },
  ];
}
