import cluster from 'node:cluster';
import type { Worker } from 'node:cluster';
import { fileURLToPath } from 'node:url';
import type { ServedMeshes } from '../../trust/snapshot/publisher.ts';
import { mergeLooks } from '../../fleet/fleet.ts';
import type { Fleet, FleetLook } from '../../fleet/fleet.ts';
import type { AckCount } from '../../fleet/rollout.ts';
import { createServedHistory } from '../../fleet/served-history.ts';
import { defaultLostWindowMs } from '../../fleet/track-fleet.ts';
import { addMetrics, lastingMetrics } from '../../observe/metrics/merge-metrics.ts';
import type { StreamMetric } from '../../observe/metrics/merge-metrics.ts';
import type { Logger } from '../../observe/log/log.ts';
import { systemClock } from '../../runtime/clock.ts';
import { proxyOptionNames } from '../../runtime/serve-options.ts';
import { createJointCounts } from './joint-counts.ts';
import type { FromWorker, ToWorker, WorkerCount, WorkerOptions } from './messages.ts';
import { createOrphans } from './orphans.ts';
import { createRoster } from './roster.ts';
import type { Roster } from './roster.ts';
import { shareStates } from './share-states.ts';
import { after } from '../../xds/timers/timers.ts';

export interface WorkerPoolOptions {
  /** Number of processes. */
  readonly count: number;
  readonly options: WorkerOptions;
  readonly log: Logger;
}

/** Processes that serve proxies behind one port. */
export interface WorkerPool {
  /** The address that all workers listen on. */
  listen(): Promise<string>;
  /** Hands over what is served now; each worker is told what differs from what it was told before. */
  publish(states: ServedMeshes, since: number): void;
  setServing(serving: boolean): void;
  /** Connected proxies of a mesh, as the workers told last. */
  readonly proxies: (mesh: string) => number;
  /**
   * Connected proxies by mesh, and how many of them have what is served, as the workers told last. A proxy with
   * streams to two workers counts at both.
   */
  acks(): ReadonlyMap<string, AckCount>;
  readonly fleet: Fleet;
  /** The metrics of streams of all workers, those that are gone included. */
  collect(): Promise<readonly (readonly StreamMetric[])[]>;
  drain(graceMs: number): Promise<void>;
}

interface Member {
  readonly id: number;
  readonly process: Worker;
  /** What it was told, and whether it has said yet that it serves it. */
  told: ServedMeshes;
  busy: boolean;
  proxies: ReadonlyMap<string, WorkerCount>;
  /** Its proxies, as it reported last. */
  readonly roster: Roster;
  metrics: readonly StreamMetric[];
  collecting: (() => void)[];
  /** Who waits for its proxies; answers come in the order of the questions. */
  readonly looking: ((look: FleetLook) => void)[];
  /** It has not told its proxies in time, and is not asked again before it has. */
  silent: boolean;
}

/** Of a worker that is gone: so are its connections. */
const nobody: FleetLook = { connected: [], gone: [], complete: true, forgotten: 0 };
/** Of a worker that does not answer: its proxies may well be there. */
const unknown: FleetLook = { connected: [], gone: [], complete: false, forgotten: 0 };

/** How long a worker has to answer when it is asked for its metrics or its proxies, in milliseconds. */
const collectMs = 2_000;
/** A worker that ends is replaced at once; one that ended within this time, after as long. */
const soonMs = 1_000;
/** What a worker has beyond the grace to end, in milliseconds. */
const lastWordsMs = 3_000;

/**
 * Starts the workers; resolves when all of them listen. A worker that dies is replaced: its proxies connect
 * again, to whichever takes them, and are sent nothing, since versions agree.
 * @throws {Error} when the address or TLS cannot be had.
 */
export async function startWorkerPool({ count, options, log }: WorkerPoolOptions): Promise<WorkerPool> {
  const members = new Set<Member>();
  let lost: Promise<readonly StreamMetric[]> = Promise.resolve([]);
  const history = createServedHistory({ rootTrustDomain: options.rootTrustDomain });
  let latest: { readonly states: ServedMeshes; readonly since: number } | undefined;
  let serving = false;
  let draining = false;
  const now = (): number => systemClock.wall();
  const windowMs = options.lostWindow ?? defaultLostWindowMs;
  const orphans = createOrphans(now, windowMs);
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
      const looks = await Promise.all([...members].map((member) => lookAt(member, mesh)));
      return mergeLooks([...looks, orphans.look(mesh)]);
    },
  };
  const counts = createJointCounts({
    fleet,
    now,
    counts: () => [...members].map(({ proxies }) => proxies),
    hasOrphans: () => orphans.hasAny(),
  });

  cluster.setupPrimary({
    exec: fileURLToPath(new URL('../../../bin/meshtrust.js', import.meta.url)),
    args: ['worker'],
    serialization: 'advanced',
  });
  // Not by the kernel: it gives most connections to whoever is idle, and they stay for days.
  cluster.schedulingPolicy = cluster.SCHED_RR;

  function send({ process }: Member, message: ToWorker): void {
    // A worker that is just ending hears no more; its replacement is told everything.
    if (process.isConnected()) process.send(message, undefined, () => undefined);
  }

  function bringUpToDate(member: Member): void {
    if (latest === undefined || member.busy || member.told === latest.states) return;
    const deltas = shareStates(member.told, latest.states);
    member.told = latest.states;
    member.busy = true;
    send(member, { kind: 'states', deltas, since: latest.since });
  }

  async function start(id: number): Promise<string> {
    const listening = Promise.withResolvers<string>();
    const member: Member = {
      id,
      process: cluster.fork(),
      told: new Map(),
      busy: false,
      proxies: new Map(),
      roster: createRoster(),
      metrics: [],
      collecting: [],
      looking: [],
      silent: false,
    };
    const startedAt = performance.now();
    let up = false;
    member.process.on('message', (message: FromWorker) => {
      switch (message.kind) {
        case 'up':
          return send(member, { kind: 'start', id, options: forWorkers(options) });
        case 'listening':
          up = true;
          members.add(member);
          if (latest !== undefined) bringUpToDate(member);
          send(member, { kind: 'serving', serving });
          return listening.resolve(message.address);
        case 'failed':
          return listening.reject(new Error(message.message));
        case 'applied':
          member.busy = false;
          return bringUpToDate(member);
        case 'proxies':
          member.proxies = message.proxies;
          member.roster.apply(message.change);
          orphans.back(message.change.came);
          return counts.changed();
        case 'refused':
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
    });
    member.process.on('exit', (code, signal) => {
      members.delete(member);
      const last = lastingMetrics(member.metrics);
      lost = lost.then((before) => addMetrics([before, last]));
      for (const resolve of member.collecting.splice(0)) resolve();
      for (const resolve of member.looking.splice(0)) resolve(nobody);
      listening.reject(new Error(`worker ${id} ended before it listened`));
      if (draining || !up) return;
      // Those that another worker has as well are not lost.
      orphans.add(member.roster);
      counts.changed();
      log.error({ event: 'worker-lost', worker: id, code, signal }, `worker ${id} ended and is replaced`);
      const wait = performance.now() - startedAt < soonMs ? soonMs : 0;
      after(wait, () => void replace(id));
    });
    return listening.promise;
  }

  async function replace(id: number): Promise<void> {
    if (draining) return;
    try {
      await start(id);
    } catch (error) {
      log.error({ event: 'worker-lost', worker: id, err: error }, `worker ${id} could not be replaced yet`);
      setTimeout(() => void replace(id), soonMs);
    }
  }

  // Each listens on what was asked for, and `cluster` makes one socket of it, of port 0 too.
  const [address = ''] = await Promise.all(Array.from({ length: count }, (_, index) => start(index + 1)));
  log.info({ event: 'workers', workers: count }, `${count} workers serve proxies`);

  return {
    listen: () => Promise.resolve(address),
    publish(states, since) {
      history.published(states, since, systemClock.wall());
      latest = { states, since };
      for (const member of members) bringUpToDate(member);
    },
    setServing(next) {
      serving = next;
      for (const member of members) send(member, { kind: 'serving', serving });
    },
    proxies: (mesh) =>
      members.values().reduce((sum, { proxies }) => sum + (proxies.get(mesh)?.connected ?? 0), 0),
    acks: () => counts.of(latest?.states ?? new Map()),
    fleet,
    async collect() {
      await Promise.all([...members].map((member) => collectFrom(member)));
      return [await lost, ...members.values().map(({ metrics }) => metrics)];
    },
    async drain(graceMs) {
      if (draining) return;
      draining = true;
      counts.close();
      await Promise.all([...members].map((member) => end(member, graceMs)));
    },
  };

  async function collectFrom(member: Member): Promise<void> {
    // What it told last is all that there is.
    if (member.silent) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    member.collecting.push(resolve);
    send(member, { kind: 'collect' });
    const timer = setTimeout(resolve, collectMs);
    await promise;
    clearTimeout(timer);
  }

  async function lookAt(member: Member, mesh: string | undefined): Promise<FleetLook> {
    if (member.silent) return unknown;
    const { promise, resolve } = Promise.withResolvers<FleetLook>();
    member.looking.push(resolve);
    send(member, { kind: 'look', mesh });
    const timer = setTimeout(() => {
      resolve(unknown);
      if (member.silent) return;
      member.silent = true;
      const { id } = member;
      log.warn({ event: 'worker-silent', worker: id }, `worker ${id} does not tell its proxies`);
    }, collectMs);
    const look = await promise;
    clearTimeout(timer);
    return look;
  }

  async function end(member: Member, graceMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    member.process.once('exit', () => resolve());
    send(member, { kind: 'drain', graceMs });
    const cancel = after(graceMs + lastWordsMs, () => member.process.process.kill('SIGKILL'));
    await promise;
    cancel();
  }
}

/** Just what workers need goes over. */
function forWorkers(options: WorkerOptions): WorkerOptions {
  const names = [...proxyOptionNames, 'logFormat', 'logLevel'] as const;
  return Object.fromEntries(names.map((name) => [name, options[name]])) as unknown as WorkerOptions;
}
