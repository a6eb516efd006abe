import type { FindingCounts, ReadyAnswer } from './api-types.ts';

/*
 * The server-sent events of `GET /api/v1/events`. Event `rollout` contains a RolloutDetail, for each mesh whose
 * roll-out progresses. Event `state` contains a ServerEvent.
 */

/** Some response of the admin API has changed, so a client should request again what it shows. */
export interface ServerEvent {
  /** Number of changes since the start of the server. A restart begins again at 0. */
  readonly changes: number;
  readonly readiness: ReadyAnswer['status'];
  readonly findings: FindingCounts;
  /** Trust domains that the mass-loss guard holds. */
  readonly held: number;
}
