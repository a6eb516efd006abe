import type { FindingCounts, ReadyAnswer } from './api-types.ts';

/*
 * What `GET /api/v1/events` sends, as server-sent events. Event `rollout` has a RolloutDetail, for each mesh
 * whose roll-out moves; event `state` has a ServerEvent.
 */

/** Something that the admin API answers is not what it was: what is shown should be asked for again. */
export interface ServerEvent {
  /** Changes since the start of the server; starts over with it. */
  readonly changes: number;
  readonly readiness: ReadyAnswer['status'];
  readonly findings: FindingCounts;
  /** Trust domains that the mass-loss guard holds. */
  readonly held: number;
}
