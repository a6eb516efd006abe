import type { Worker } from 'node:cluster';
import type { FleetLook } from '../../fleet/fleet.ts';
import type { Logger } from '../../observe/log/log.ts';
import type { StreamMetric } from '../../observe/metrics/merge-metrics.ts';
import type { ServedMeshes } from '../../trust/snapshot/publisher.ts';
import { after } from '../../xds/timers/timers.ts';
import { followHandovers } from './handovers.ts';
import type { Handovers } from './handovers.ts';
import { createHeartbeat } from './heartbeat.ts';
import type { Heartbeat } from './heartbeat.ts';
import type { ToWorker, WorkerCount } from './messages.ts';
import { createRoster } from './roster.ts';
import type { Roster } from './roster.ts';
import { defaultWorkerLimits, limitTime } from './time-limit.ts';
import type { TimeLimit, WorkerLimits } from './time-limit.ts';

/** A worker, as its parent knows it. */
export interface Member {
  readonly id: number;
  readonly process: Worker;
  /** When it was started, in ms of the monotonic clock. */
  readonly startedAt: number;
  /** The connections that it is being given. */
  readonly handovers: Handovers;
  /** Resolves to the address when it listens; rejects if it cannot. */
  readonly listening: PromiseWithResolvers<string>;
  /** Whether it has listened. */
  isUp: boolean;
  /** The state that was sent last. */
  sent: ServedMeshes;
  /** Whether the worker has not confirmed that state yet. */
  busy: boolean;
  /** When the first change arrived that it was not sent yet, in epoch milliseconds. */
  owedSince: number | undefined;
  /** The time limit of that state. */
  readonly applying: TimeLimit;
  /** The time limit until it listens. */
  readonly starting: TimeLimit;
  /** Notices that it hangs while there is no change. */
  readonly heartbeat: Heartbeat;
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

/** The time-out of a worker's reply with its metrics or its proxies, in ms. */
const collectMs = 2_000;
/** The time that a worker has to exit after the grace, in ms. Then it is killed. */
const exitTimeoutMs = 3_000;

/** The proxies of a worker that ended: its connections ended with it. */
const noProxies: FleetLook = { connected: [], gone: [], complete: true, forgotten: 0, unlisted: [] };
/** The proxies of a worker that does not answer: they may still be connected. */
const unknown: FleetLook = { connected: [], gone: [], complete: false, forgotten: 0, unlisted: [] };

/** The time limits of a worker, and what is called with a sentence when it exceeds one. */
interface MemberLimits extends WorkerLimits {
  readonly stuck: (problem: string) => void;
}

/** Returns the member for a process that was started just now. */
export function createMember(
  id: number,
  process: Worker,
  { startMs, applyMs, answerMs, stuck }: MemberLimits = { ...defaultWorkerLimits, stuck: () => undefined },
): Member {
  const listening = Promise.withResolvers<string>();
  process.on('error', (error) => {
    // A worker that dies while `cluster` gives it a connection: the event `exit` follows, and this one must not end
    // this process.
    if (process.process.pid !== undefined) return;
    // The process was not created, for example because there are too many: no other event follows.
    starting.end();
    listening.reject(error);
  });
  const starting = limitTime(startMs, () => {
    const problem = `worker ${id} did not listen within ${startMs / 1000} s`;
    stuck(problem);
    listening.reject(new Error(problem));
  });
  const applying = limitTime(applyMs, () =>
    stuck(`worker ${id} did not apply a change within ${applyMs / 1000} s`),
  );
  starting.begin();
  const heartbeat = createHeartbeat(
    answerMs,
    () => send(member, { kind: 'ask-alive' }),
    () => stuck(`worker ${id} did not answer within ${answerMs / 1000} s`),
  );
  const member: Member = {
    id,
    process,
    startedAt: performance.now(),
    handovers: followHandovers(process.process),
    listening,
    isUp: false,
    sent: new Map(),
    busy: false,
    owedSince: undefined,
    applying,
    starting,
    heartbeat,
    proxies: new Map(),
    roster: createRoster(),
    metrics: [],
    collecting: [],
    looking: [],
    silent: false,
  };
  return member;
}

/** Sends a message to a worker. One that is ending receives nothing any more; its replacement is sent everything. */
export function send({ process }: Member, message: ToWorker): void {
  if (process.isConnected()) process.send(message, undefined, () => undefined);
}

/** Settles every call that waits for a worker that has ended, and closes the connections that did not reach it. */
export function abandon(member: Member): void {
  const { id, process, handovers, applying, starting, heartbeat, collecting, looking, listening } = member;
  heartbeat.end();
  applying.end();
  starting.end();
  // Confirmations that it sent may still be in the channel.
  if (process.isConnected()) process.once('disconnect', () => handovers.close());
  else handovers.close();
  for (const resolve of collecting.splice(0)) resolve();
  for (const resolve of looking.splice(0)) resolve(noProxies);
  listening.reject(new Error(`worker ${id} ended before it listened`));
}

/** Asks a worker for its metrics, and waits until it has sent them. Without a reply in time, the last ones stay. */
export async function collectFrom(member: Member): Promise<void> {
  if (member.silent) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  member.collecting.push(resolve);
  send(member, { kind: 'collect' });
  const timer = setTimeout(resolve, collectMs);
  await promise;
  clearTimeout(timer);
}

/** Returns the proxies of a worker. Logs if it does not report them in time. */
export async function lookAt(member: Member, mesh: string | undefined, log: Logger): Promise<FleetLook> {
  if (member.silent) return unknown;
  const { promise, resolve } = Promise.withResolvers<FleetLook>();
  member.looking.push(resolve);
  send(member, { kind: 'look', mesh });
  const timer = setTimeout(() => {
    resolve(unknown);
    if (member.silent) return;
    member.silent = true;
    const { id } = member;
    log.warn(
      { event: 'worker-silent', worker: id },
      `worker ${id} did not report its proxies within ${collectMs / 1000} s`,
    );
  }, collectMs);
  const look = await promise;
  clearTimeout(timer);
  return look;
}

/** Lets a worker end its streams within the grace, and waits for its exit. */
export async function endMember(member: Member, graceMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  member.process.once('exit', () => resolve());
  send(member, { kind: 'drain', graceMs });
  const cancel = after(graceMs + exitTimeoutMs, () => kill(member));
  await promise;
  cancel();
}

/** Ends a worker at once, also if it hangs. */
export function kill({ process }: Member): void {
  process.process.kill('SIGKILL');
}
