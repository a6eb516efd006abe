import type { FindingCounts, ReadyAnswer } from './api-types.ts';

/*
 * The server-sent events of `GET /api/v1/events`. Event `rollout` contains a RolloutDetail, for each mesh whose
 * roll-out progresses. Event `state` contains a ServerEvent, event `alive` an AliveEvent.
 */

/**
 * A heartbeat. It is the first event of each connection, so that a client knows from the beginning whether its server
 * sends heartbeats.
 */
export interface AliveEvent {
  /** The time until the next one. */
  readonly intervalSeconds: number;
}

/** Some response of the admin API has changed, so a client should request again what it shows. */
export interface ServerEvent {
  /** Number of changes since the start of the server. A restart begins again at 0. */
  readonly changes: number;
  readonly readiness: ReadyAnswer['status'];
  readonly findings: FindingCounts;
  /** Trust domains that the mass-loss guard holds. */
  readonly held: number;
}
