import { mergeLooks } from '../../fleet/fleet.ts';
import type { Fleet } from '../../fleet/fleet.ts';
import type { AckCount } from '../../fleet/rollout.ts';
import { createServedHistory } from '../../fleet/served-history.ts';
import { defaultLostWindowMs } from '../../fleet/track-fleet.ts';
import { addMetrics, lastingMetrics } from '../../observe/metrics/merge-metrics.ts';
import type { StreamMetric } from '../../observe/metrics/merge-metrics.ts';
import type { Logger } from '../../observe/log/log.ts';
import { createProxyLog } from '../../observe/log/log-proxies.ts';
import { systemClock } from '../../runtime/clock.ts';
import type { ServedMeshes } from '../../trust/snapshot/publisher.ts';
import { createJointCounts } from './joint-counts.ts';
import { collectFrom, lookAt, send } from './member.ts';
import type { Member } from './member.ts';
import type { FromWorker, WorkerOptions } from './messages.ts';
import { createOrphans } from './orphans.ts';
import { followStreams } from './share-streams.ts';

/** A message with the proxies or the metrics of a worker. */
type Report = Extract<FromWorker, { kind: 'proxies' | 'fleet' | 'metrics' }>;

/** The proxies and the metrics of all workers, from their reports. */
export interface WorkerReports {
  readonly fleet: Fleet;
  /** Returns the number of connected proxies of a mesh. */
  readonly proxies: (mesh: string) => number;
  /** Returns the number of connected proxies by mesh. */
  readonly proxyCounts: () => ReadonlyMap<string, number>;
  /** Returns, by mesh of `states`, the number of connected proxies and of those that have this version. */
  acks(states: ServedMeshes): ReadonlyMap<string, AckCount>;
  /** Asks all workers for their metrics. Returns them, and one sum for all workers that have ended. */
  collect(): Promise<readonly (readonly StreamMetric[])[]>;
  apply(member: Member, report: Report): void;
  /** The worker has ended. `isLost`: roll-outs may have to wait for its proxies. */
  ended(member: Member, isLost: boolean): void;
  /** Stops comparing lost proxies: the server is shutting down. */
  close(): void;
  /** Logs the ends of streams that still wait to be logged. */
  settle(): void;
}

/** Creates the reports of the workers in `members`. */
export function createWorkerReports(
  members: ReadonlySet<Member>,
  { rootTrustDomain, lostWindow = defaultLostWindowMs }: WorkerOptions,
  log: Logger,
): WorkerReports {
  /** The lasting metrics of all workers that ended, added up one after the other. */
  let lost: Promise<readonly StreamMetric[]> = Promise.resolve([]);
  const history = createServedHistory({ rootTrustDomain });
  const now = (): number => systemClock.wall();
  const orphans = createOrphans(now, lostWindow, history);
  const fleet: Fleet = {
    history,
    release: (proxies) => {
      orphans.release(proxies);
      for (const member of members) {
        member.roster.release(proxies);
        send(member, { kind: 'release', proxies });
      }
    },
    look: async (mesh) => {
      const looks = await Promise.all([...members].map((member) => lookAt(member, mesh, log)));
      return mergeLooks([...looks, orphans.look(mesh)]);
    },
  };
  const streams = followStreams(createProxyLog({ log }));
  const counts = createJointCounts({
    fleet,
    now,
    counts: () => [...members].map(({ proxies }) => proxies),
    hasOrphans: () => orphans.hasAny(),
    orphans: (mesh) => orphans.count(mesh),
  });

  return {
    fleet,
    proxies: (mesh) =>
      members.values().reduce((sum, { proxies }) => sum + (proxies.get(mesh)?.connected ?? 0), 0),
    proxyCounts() {
      const all = new Map<string, number>();
      for (const { proxies } of members)
        for (const [mesh, { connected }] of proxies) all.set(mesh, (all.get(mesh) ?? 0) + connected);
      return all;
    },
    acks: (states) => counts.of(states),
    async collect() {
      await Promise.all([...members].map((member) => collectFrom(member)));
      return [await lost, ...members.values().map(({ metrics }) => metrics)];
    },
    apply(member, report) {
      const { id } = member;
      switch (report.kind) {
        case 'proxies':
          member.proxies = report.proxies;
          member.roster.apply(report.change);
          streams.apply(id, report.streams);
          orphans.back(report.change.came);
          return counts.changed();
        case 'fleet':
          if (member.silent) log.info({ event: 'worker-answers', worker: id }, `worker ${id} answers again`);
          member.silent = false;
          return member.looking.shift()?.({ ...report, complete: true });
        case 'metrics':
          member.metrics = report.metrics;
          for (const resolve of member.collecting.splice(0)) resolve();
          return;
      }
    },
    ended(member, isLost) {
      streams.end(member.id);
      const last = lastingMetrics(member.metrics);
      lost = lost.then((before) => addMetrics([before, last]));
      if (!isLost) return;
      // Proxies that are connected to another worker as well are not lost.
      orphans.add(member.roster);
      counts.changed();
    },
    close: () => counts.close(),
    settle: () => streams.settle(),
  };
}
