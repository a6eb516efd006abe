import type { DecideAccess } from '../../access/claim.ts';
import type { Fleet } from '../../fleet/fleet.ts';
import type { AckCount } from '../../fleet/rollout.ts';
import type { Logger } from '../../observe/log/log.ts';
import type { StreamMetric } from '../../observe/metrics/merge-metrics.ts';
import { systemClock } from '../../runtime/clock.ts';
import type { ServedMeshes } from '../../trust/snapshot/publisher.ts';
import { createRefusalMemory, defaultRefusalLimits } from '../../xds/core/refusal-memory.ts';
import { answerWorker } from './ask-parent.ts';
import { endMember, kill, send } from './member.ts';
import type { Member } from './member.ts';
import type { WorkerOptions } from './messages.ts';
import { createStateSender } from './send-states.ts';
import { defaultWorkerLimits } from './time-limit.ts';
import type { WorkerLimits } from './time-limit.ts';
import { createWorkerProcesses } from './worker-processes.ts';
import type { WorkerMessage } from './worker-processes.ts';
import { createWorkerReports } from './worker-reports.ts';

export interface WorkerPoolOptions {
  readonly count: number;
  readonly options: WorkerOptions;
  readonly log: Logger;
  /** Decides about the clients of all workers. `undefined`: every client may subscribe. */
  readonly decide?: DecideAccess | undefined;
  /** Read at the start of each worker. */
  readonly limits?: WorkerLimits | undefined;
}

/** Processes that serve proxies behind one port. */
export interface WorkerPool {
  /** The address that all workers listen on. */
  listen(): Promise<string>;
  /** Publishes a state. Each worker is sent the difference from the state that it was sent before. */
  publish(states: ServedMeshes, since: number): void;
  setServing(serving: boolean): void;
  /** Returns the number of connected proxies of a mesh, from the last reports of the workers. */
  readonly proxies: (mesh: string) => number;
  /** Returns the number of connected proxies by mesh, also of meshes that are not served, from the same reports. */
  readonly proxyCounts: () => ReadonlyMap<string, number>;
  /**
   * Returns, by mesh, the number of connected proxies and of those that have the served version, from the last reports
   * of the workers. A proxy with streams to two workers counts at both.
   */
  acks(): ReadonlyMap<string, AckCount>;
  readonly fleet: Fleet;
  /** Returns the metrics of streams of all workers, including workers that ended. */
  collect(): Promise<readonly (readonly StreamMetric[])[]>;
  drain(graceMs: number): Promise<void>;
}

/**
 * Starts the workers; resolves when all of them listen. A worker that dies is replaced. Its proxies reconnect to any
 * worker and are sent nothing, because all workers have the same versions.
 * @throws {Error} when it cannot listen on the address, TLS cannot be set up, or a worker hangs.
 */
export async function startWorkerPool({
  count,
  options,
  log,
  decide,
  limits = defaultWorkerLimits,
}: WorkerPoolOptions): Promise<WorkerPool> {
  const members = new Set<Member>();
  const states = createStateSender(members);
  const reports = createWorkerReports(members, options, log);
  /** The versions that clients rejected at any worker. A worker that starts does not know them. */
  const refusals = createRefusalMemory(defaultRefusalLimits);
  let serving = false;
  let isDraining = false;

  function bringUp(member: Member): void {
    // Before the state: the first ACK may be one of bytes that the client rejected at a worker that died.
    send(member, { kind: 'refused', refusals: refusals.list(systemClock.monotonic()) });
    states.begin(member);
    send(member, { kind: 'serving', serving });
  }

  function receive(member: Member, message: WorkerMessage): void {
    switch (message.kind) {
      case 'decide':
        return void (decide && answerWorker(message, decide).then((answer) => send(member, answer)));
      case 'applied':
        return states.applied(member);
      case 'refused':
        for (const refusal of message.refusals) refusals.remember(refusal, refusal, systemClock.monotonic());
        for (const other of members) if (other !== member) send(other, message);
        return;
      case 'fleet':
      case 'metrics':
      case 'proxies':
        return reports.apply(member, message);
    }
  }

  const workers = createWorkerProcesses({
    members,
    options,
    asks: decide !== undefined,
    limits,
    log,
    listens: bringUp,
    receive,
    ended: (member, isLost) => reports.ended(member, isLost),
  });

  function close(): void {
    workers.close();
    reports.close();
  }

  // Each worker listens on the configured address; `cluster` opens one shared socket for it, also for port 0.
  const starts = Array.from({ length: count }, (_, index) => workers.start(index + 1));
  const [address = ''] = await Promise.all(starts).catch((error: unknown) => {
    close();
    // One that hangs would not notice that this process ends.
    for (const member of members) kill(member);
    throw error;
  });
  log.info({ event: 'workers', workers: count }, `${count} workers serve proxies`);

  return {
    listen: () => Promise.resolve(address),
    publish(next, since) {
      reports.fleet.history.published(next, since, systemClock.wall());
      states.publish(next, since);
    },
    setServing(next) {
      serving = next;
      for (const member of members) send(member, { kind: 'serving', serving });
    },
    proxies: reports.proxies,
    proxyCounts: reports.proxyCounts,
    acks: () => reports.acks(states.latest()),
    fleet: reports.fleet,
    collect: () => reports.collect(),
    async drain(graceMs) {
      if (isDraining) return;
      isDraining = true;
      close();
      await Promise.all([...members].map((member) => endMember(member, graceMs)));
      reports.settle();
    },
  };
}
