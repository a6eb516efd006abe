import type { FindingList, MeshDetail } from '../../api/api-types.ts';
import type { RolloutDetail } from '../../api/fleet-api-types.ts';
import type { ServerDetail } from '../../api/server-api-types.ts';
import type { CheckName } from './check-catalogue.ts';

/** The facts about one server that the checks use. */
export type ServerFacts =
  | { readonly kind: 'unreachable'; readonly server: string; readonly reason: string }
  /** It answers with an error, for example because it does not accept the credentials. */
  | { readonly kind: 'refused'; readonly server: string; readonly reason: string }
  | {
      readonly kind: 'answered';
      readonly server: string;
      readonly detail: ServerDetail;
      readonly meshes: readonly MeshDetail[];
      readonly findings: FindingList;
      readonly rollouts: readonly RolloutDetail[];
      /** Proxies of all meshes, listed or not: connected, reconnecting and lost. */
      readonly connected: number;
    };

/** The facts about a server that answers. */
export type Answered = Extract<ServerFacts, { readonly kind: 'answered' }>;

/** The result of a check. With a warning everything works, but a person should look at it. */
export type Verdict = 'ok' | 'warning' | 'failed';

export interface CheckResult {
  readonly check: CheckName;
  /** Absent for checks of all servers together. */
  readonly server?: string | undefined;
  readonly verdict: Verdict;
  /** One line for each problem. */
  readonly details: readonly string[];
}

/** Returns `ok` if there are no details, else the given verdict. */
export function result(
  check: CheckName,
  details: readonly string[],
  otherwise: Exclude<Verdict, 'ok'>,
): Omit<CheckResult, 'server'> {
  return { check, verdict: details.length === 0 ? 'ok' : otherwise, details };
}
