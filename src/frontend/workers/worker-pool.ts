import cluster from 'node:cluster';
import { fileURLToPath } from 'node:url';
import type { DecideAccess } from '../../access/claim.ts';
import type { ServedMeshes } from '../../trust/snapshot/publisher.ts';
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
import { proxyOptionNames } from '../../runtime/serve-options.ts';
import { answerWorker } from './ask-parent.ts';
import { createJointCounts } from './joint-counts.ts';
import { abandon, collectFrom, createMember, endMember, kill, lookAt, send } from './member.ts';
import type { Member } from './member.ts';
import type { FromWorker, WorkerOptions } from './messages.ts';
import { createOrphans } from './orphans.ts';
import { shareStates } from './share-states.ts';
import { followStreams } from './share-streams.ts';
import { defaultWorkerLimits } from './time-limit.ts';
import type { WorkerLimits } from './time-limit.ts';
import { createRefusalMemory, defaultRefusalLimits } from '../../xds/core/refusal-memory.ts';
import { after } from '../../xds/timers/timers.ts';

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

/** A worker that ends is replaced at once; if it ended within this time after its start, after this time. In ms. */
const restartDelayMs = 1_000;

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
  /** The workers that do not listen yet. */
  const starting = new Set<Member>();
  /** The lasting metrics of all workers that ended, added up one after the other. */
  let lost: Promise<readonly StreamMetric[]> = Promise.resolve([]);
  const history = createServedHistory({ rootTrustDomain: options.rootTrustDomain });
  // What each worker must have: a worker that starts is sent it once it listens.
  let latest: { readonly states: ServedMeshes; readonly since: number } | undefined;
  let serving = false;
  /** True from the first `drain`, for ever: a worker that ends is not replaced any more. */
  let draining = false;
  const now = (): number => systemClock.wall();
  const windowMs = options.lostWindow ?? defaultLostWindowMs;
  /** The versions that clients rejected at any worker. A worker that starts does not know them. */
  const refusals = createRefusalMemory(defaultRefusalLimits);
  const orphans = createOrphans(now, windowMs, history);
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

  // Not by the kernel: it gives most connections to the idle worker, and connections last for days. `setupPrimary`
  // reads the policy.
  cluster.schedulingPolicy = cluster.SCHED_RR;
  cluster.setupPrimary({
    exec: fileURLToPath(new URL('../../../bin/meshtrust.js', import.meta.url)),
    args: ['worker'],
    serialization: 'advanced',
  });

  function bringUpToDate(member: Member): void {
    if (latest === undefined || member.busy) return;
    // Changes that came while it was busy are one for it. Its time counts from the first of them.
    const since = member.owedSince ?? latest.since;
    member.owedSince = undefined;
    if (member.sent === latest.states) return;
    const deltas = shareStates(member.sent, latest.states);
    member.sent = latest.states;
    member.busy = true;
    member.applying.begin();
    send(member, { kind: 'states', deltas, since });
  }

  async function start(id: number): Promise<string> {
    const member = createMember(id, cluster.fork(), {
      ...limits,
      stuck: (problem) => endStuck(member, problem),
    });
    starting.add(member);
    let hasEnded = false;
    member.process.on('message', (message: FromWorker) => {
      // Messages can arrive after the exit. What a client rejected still counts, and the worker does not.
      if (!hasEnded || message.kind === 'refused') receive(member, message);
    });
    member.process.on('exit', (code, signal) => {
      hasEnded = true;
      ended(member, code, signal);
    });
    try {
      return await member.listening.promise;
    } finally {
      starting.delete(member);
    }
  }

  /** Its proxies would keep the trust that they have, removed CAs included, and it serves no new ones. */
  function endStuck(member: Member, problem: string): void {
    log.error({ event: 'worker-stuck', worker: member.id }, `${problem}, so it is ended`);
    kill(member);
  }

  function receive(member: Member, message: FromWorker): void {
    const { id } = member;
    switch (message.kind) {
      case 'up':
        return send(member, {
          kind: 'start',
          id,
          options: forWorkers(options),
          asks: decide !== undefined,
        });
      case 'listening':
        member.isUp = true;
        member.starting.end();
        member.heartbeat.begin();
        members.add(member);
        // Before the state: the first ACK may be one of bytes that the client rejected at a worker that died.
        send(member, { kind: 'refused', refusals: refusals.list(systemClock.monotonic()) });
        if (latest !== undefined) bringUpToDate(member);
        send(member, { kind: 'serving', serving });
        return member.listening.resolve(message.address);
      case 'failed':
        return member.listening.reject(new Error(message.message));
      case 'decide':
        return void (decide && answerWorker(message, decide).then((answer) => send(member, answer)));
      case 'applied':
        member.busy = false;
        member.applying.end();
        return bringUpToDate(member);
      case 'alive':
        return member.heartbeat.answered();
      case 'proxies':
        member.proxies = message.proxies;
        member.roster.apply(message.change);
        streams.apply(id, message.streams);
        orphans.back(message.change.came);
        return counts.changed();
      case 'refused':
        for (const refusal of message.refusals) refusals.remember(refusal, refusal, systemClock.monotonic());
        for (const other of members) if (other !== member) send(other, message);
        return;
      case 'fleet':
        if (member.silent) log.info({ event: 'worker-answers', worker: id }, `worker ${id} answers again`);
        member.silent = false;
        return member.looking.shift()?.({ ...message, complete: true });
      case 'metrics':
        member.metrics = message.metrics;
        for (const resolve of member.collecting.splice(0)) resolve();
        return;
    }
  }

  function ended(member: Member, code: number, signal: string): void {
    const { id } = member;
    members.delete(member);
    streams.end(id);
    const last = lastingMetrics(member.metrics);
    lost = lost.then((before) => addMetrics([before, last]));
    abandon(member);
    if (draining || !member.isUp) return;
    // Proxies that are connected to another worker as well are not lost.
    orphans.add(member.roster);
    counts.changed();
    log.error(
      { event: 'worker-lost', worker: id, code, signal },
      `worker ${id} ended (${signal ?? `exit code ${code}`}), starting a replacement`,
    );
    const wait = performance.now() - member.startedAt < restartDelayMs ? restartDelayMs : 0;
    after(wait, () => void replace(id));
  }

  /** Starts no more workers. Those that do not listen yet have no proxies. */
  function close(): void {
    draining = true;
    counts.close();
    for (const member of starting) kill(member);
  }

  async function replace(id: number): Promise<void> {
    if (draining) return;
    try {
      await start(id);
    } catch (error) {
      if (draining) return;
      log.error(
        { event: 'worker-lost', worker: id, err: error },
        `worker ${id}: the replacement did not start, trying again in ${restartDelayMs / 1000} s`,
      );
      setTimeout(() => void replace(id), restartDelayMs);
    }
  }

  // Each worker listens on the configured address; `cluster` opens one shared socket for it, also for port 0.
  const starts = Array.from({ length: count }, (_, index) => start(index + 1));
  const [address = ''] = await Promise.all(starts).catch((error: unknown) => {
    close();
    // One that hangs would not notice that this process ends.
    for (const member of members) kill(member);
    throw error;
  });
  log.info({ event: 'workers', workers: count }, `${count} workers serve proxies`);

  return {
    listen: () => Promise.resolve(address),
    publish(states, since) {
      history.published(states, since, systemClock.wall());
      latest = { states, since };
      for (const member of members) {
        member.owedSince = Math.min(member.owedSince ?? since, since);
        bringUpToDate(member);
      }
    },
    setServing(next) {
      serving = next;
      for (const member of members) send(member, { kind: 'serving', serving });
    },
    proxies: (mesh) =>
      members.values().reduce((sum, { proxies }) => sum + (proxies.get(mesh)?.connected ?? 0), 0),
    proxyCounts() {
      const all = new Map<string, number>();
      for (const { proxies } of members)
        for (const [mesh, { connected }] of proxies) all.set(mesh, (all.get(mesh) ?? 0) + connected);
      return all;
    },
    acks: () => counts.of(latest?.states ?? new Map()),
    fleet,
    async collect() {
      await Promise.all([...members].map((member) => collectFrom(member)));
      return [await lost, ...members.values().map(({ metrics }) => metrics)];
    },
    async drain(graceMs) {
      if (draining) return;
      close();
      await Promise.all([...members].map((member) => endMember(member, graceMs)));
      streams.settle();
    },
  };
}

/** Returns only the options that workers need. */
function forWorkers(options: WorkerOptions): WorkerOptions {
  const names = [...proxyOptionNames, 'logFormat', 'logLevel'] as const;
  return Object.fromEntries(names.map((name) => [name, options[name]])) as unknown as WorkerOptions;
}
