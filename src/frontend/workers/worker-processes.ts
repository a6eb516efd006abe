import cluster from 'node:cluster';
import { fileURLToPath } from 'node:url';
import type { Logger } from '../../observe/log/log.ts';
import { proxyOptionNames } from '../../runtime/serve-options.ts';
import { after } from '../../xds/timers/timers.ts';
import { abandon, createMember, kill, send } from './member.ts';
import type { Member } from './member.ts';
import type { FromWorker, WorkerOptions } from './messages.ts';
import type { WorkerLimits } from './time-limit.ts';

/** A message that is not about the life of the worker. */
export type WorkerMessage = Exclude<FromWorker, { kind: 'up' | 'listening' | 'failed' | 'alive' }>;

export interface WorkerProcessesOptions {
  /** The workers that listen. A worker is added when it listens, and removed when it has ended. */
  readonly members: Set<Member>;
  readonly options: WorkerOptions;
  /** Whether workers ask the parent about clients. */
  readonly asks: boolean;
  /** Read at the start of each worker. */
  readonly limits: WorkerLimits;
  readonly log: Logger;
  /** The worker listens, and has no state yet. */
  readonly listens: (member: Member) => void;
  /** Not called after the end of a worker, except with versions that its clients rejected. */
  readonly receive: (member: Member, message: WorkerMessage) => void;
  /** The worker has ended. `isLost`: it listened, and the server is not shutting down. */
  readonly ended: (member: Member, isLost: boolean) => void;
}

/** Starts workers, and replaces those that end. */
export interface WorkerProcesses {
  /**
   * Starts a worker. Resolves to its address when it listens.
   * @throws {Error} when it cannot listen on the address, TLS cannot be set up, or it hangs.
   */
  start(id: number): Promise<string>;
  /** Stops starting workers, and kills those that do not listen yet: they have no proxies. */
  close(): void;
}

/** A worker that ends is replaced at once; if it ended within this time after its start, after this time. In ms. */
const restartDelayMs = 1_000;

/** Sets up `cluster` for workers, and starts none yet. */
export function createWorkerProcesses({
  members,
  options,
  asks,
  limits,
  log,
  listens,
  receive,
  ended,
}: WorkerProcessesOptions): WorkerProcesses {
  /** The workers that do not listen yet. */
  const starting = new Set<Member>();
  let isClosed = false;

  // Not by the kernel: it gives most connections to the idle worker, and connections last for days. `setupPrimary`
  // reads the policy.
  cluster.schedulingPolicy = cluster.SCHED_RR;
  cluster.setupPrimary({
    exec: fileURLToPath(new URL('../../../bin/meshtrust.js', import.meta.url)),
    args: ['worker'],
    serialization: 'advanced',
  });

  async function start(id: number): Promise<string> {
    const member = createMember(id, cluster.fork(), {
      ...limits,
      stuck: (problem) => endStuck(member, problem),
    });
    starting.add(member);
    let hasEnded = false;
    member.process.on('message', (message: FromWorker) => {
      // Messages can arrive after the exit. What a client rejected still counts, and the worker does not.
      if (!hasEnded || message.kind === 'refused') dispatch(member, message);
    });
    member.process.on('exit', (code, signal) => {
      hasEnded = true;
      exited(member, code, signal);
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

  function dispatch(member: Member, message: FromWorker): void {
    switch (message.kind) {
      case 'up':
        return send(member, { kind: 'start', id: member.id, options: forWorkers(options), asks });
      case 'listening':
        member.isUp = true;
        member.starting.end();
        member.heartbeat.begin();
        members.add(member);
        listens(member);
        return member.listening.resolve(message.address);
      case 'failed':
        return member.listening.reject(new Error(message.message));
      case 'alive':
        return member.heartbeat.answered();
      case 'applied':
      case 'decide':
      case 'fleet':
      case 'metrics':
      case 'proxies':
      case 'refused':
        return receive(member, message);
    }
  }

  function exited(member: Member, code: number, signal: string): void {
    const { id } = member;
    members.delete(member);
    const isLost = !isClosed && member.isUp;
    ended(member, isLost);
    abandon(member);
    if (!isLost) return;
    log.error(
      { event: 'worker-lost', worker: id, code, signal },
      `worker ${id} ended (${signal ?? `exit code ${code}`}), starting a replacement`,
    );
    const wait = performance.now() - member.startedAt < restartDelayMs ? restartDelayMs : 0;
    after(wait, () => void replace(id));
  }

  async function replace(id: number): Promise<void> {
    if (isClosed) return;
    try {
      await start(id);
    } catch (error) {
      if (isClosed) return;
      log.error(
        { event: 'worker-lost', worker: id, err: error },
        `worker ${id}: the replacement did not start, trying again in ${restartDelayMs / 1000} s`,
      );
      setTimeout(() => void replace(id), restartDelayMs);
    }
  }

  return {
    start,
    close() {
      isClosed = true;
      for (const member of starting) kill(member);
    },
  };
}

/** Returns only the options that workers need. */
function forWorkers(options: WorkerOptions): WorkerOptions {
  const names = [...proxyOptionNames, 'logFormat', 'logLevel'] as const;
  return Object.fromEntries(names.map((name) => [name, options[name]])) as unknown as WorkerOptions;
}
