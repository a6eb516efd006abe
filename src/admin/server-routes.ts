import type { StateView } from '../runtime/state-view.ts';
import type { ConsumerInput } from './federation-routes.ts';
import { presentReadiness } from './probe-routes.ts';
import { errorReply, jsonReply } from './reply.ts';
import type { Route } from './router.ts';
import type { DistrustDetail, ServerDetail, XdsAuthenticationDetail } from '../api/server-api-types.ts';
import { parseHash } from '../trust/policy/distrust.ts';
import type { DistrustedHashes } from '../trust/policy/distrust.ts';

/** The sources of the responses about the process. */
export interface ServerInput extends ConsumerInput {
  /** Version of the program. */
  readonly version: string;
  /** Address of the documentation of this version, with a slash at its end. */
  readonly documentation?: string | undefined;
  /** Returns when the process started, in epoch milliseconds. */
  readonly startedAt?: (() => number) | undefined;
  readonly view: () => StateView;
  /** Epoch milliseconds. */
  readonly wall: () => number;
  readonly draining: () => boolean;
  /** Monotonic milliseconds, as in the view. */
  readonly now: () => number;
  /** Returns how proxies authenticate; undefined if the server does not say. */
  readonly xdsAuthentication?: (() => XdsAuthenticationDetail) | undefined;
  /** The hashes of the distrust list in force; undefined if no list is followed. */
  readonly distrusted?: (() => DistrustedHashes) | undefined;
}

/** Returns the answer of `/api/v1/server`. */
export function serverDetail(input: ServerInput): ServerDetail {
  const { version, documentation, startedAt, view, wall, draining, now, bundleConsumers } = input;
  const started = startedAt === undefined ? {} : { startedAt: new Date(startedAt()).toISOString() };
  const state = view();
  const sources = state.ledger.sources.map(({ name, synced, restored, accepted, rejected, failure }) => ({
    name,
    synced,
    restored,
    accepted,
    rejected,
    failure,
  }));
  const readiness = presentReadiness(state, draining(), now());
  const publishesBundles = bundleConsumers === undefined ? undefined : true;
  const xdsAuthentication = input.xdsAuthentication?.();
  const at = new Date(wall()).toISOString();
  return { version, documentation, at, ...started, publishesBundles, readiness, sources, xdsAuthentication };
}

/** Returns the routes `/api/v1/server` and `/api/v1/distrust/{hash}`. */
export function serverRoutes(input: ServerInput): readonly Route[] {
  const { distrusted } = input;
  return [
    { method: 'GET', pattern: '/api/v1/server', answer: () => jsonReply(serverDetail(input)) },
    {
      method: 'GET',
      pattern: '/api/v1/distrust/{hash}',
      answer: ([text = '']) => {
        const parsed = parseHash(text);
        if (parsed.kind === 'invalid') return errorReply('bad-request', `the hash ${parsed.reason}`);
        const { hash } = parsed;
        const listed = distrusted?.().has(hash) === true;
        return jsonReply({ hash, followed: distrusted !== undefined, listed } satisfies DistrustDetail);
      },
    },
  ];
}
