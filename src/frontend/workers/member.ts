import type { Worker } from 'node:cluster';
import type { FleetLook } from '../../fleet/fleet.ts';
import type { StreamMetric } from '../../observe/metrics/merge-metrics.ts';
import type { ServedMeshes } from '../../trust/snapshot/publisher.ts';
import type { WorkerCount } from './messages.ts';
import type { Roster } from './roster.ts';

/** A worker, as its parent knows it. */
export interface Member {
  readonly id: number;
  readonly process: Worker;
  /** The state that was sent last. */
  sent: ServedMeshes;
  /** Whether the worker has not confirmed that state yet. */
  busy: boolean;
  proxies: ReadonlyMap<string, WorkerCount>;
  /** Its proxies, from its last report. */
  readonly roster: Roster;
  metrics: readonly StreamMetric[];
  collecting: (() => void)[];
  /** The callers that wait for its proxies. Replies arrive in the order of the requests. */
  readonly looking: ((look: FleetLook) => void)[];
  /** Whether it did not report its proxies in time. It is not asked again until it answers. */
  silent: boolean;
}
