import { setImmediate as yieldTurn, setTimeout as delay } from 'node:timers/promises';

import type { ApiClient } from '../client/api-client.ts';
import type { ObjectHead } from '../client/api-object.ts';
import type { HeadChange } from '../client/watch-types.ts';
import { observedStatus } from './core/observed-status.ts';
import { changesToReport } from './core/render-events.ts';
import { createReport } from './core/report.ts';
import type { ReportInput, ReportView } from './core/report.ts';
import { conditionOf, isProgress, isSameStatus, progressPauseMs } from './core/status.ts';
import type { ObjectStatus, Reason } from './core/status.ts';
import { discoverStatus } from './discover-status.ts';
import type { Outcomes } from './outcomes.ts';
import { createWorkQueue } from './work-queue.ts';
import { writeEvent } from './write-event.ts';
import type { EventJob } from './write-event.ts';
import { writeStatus } from './write-status.ts';
import { timerMs } from '../../xds/timers/timers.ts';

export interface ReporterOptions extends Pick<ReportInput, 'grantsOf' | 'countsOf'> {
  readonly client: ApiClient;
  /** Of the replica, in Events. */
  readonly instance: string;
  readonly isLeading: () => boolean;
  readonly view: () => ReportView;
  /** Whether the view has all that the source told. */
  readonly isCurrent: () => boolean;
  readonly outcomes: Outcomes;
  readonly onDropped: () => void;
  readonly pace?: ReporterPace | undefined;
}

/** Milliseconds. */
export interface ReporterPace {
  /** After a change: proxies have most often acknowledged it by then. */
  readonly afterChangeMs: number;
  /** Between two looks at all objects. */
  readonly betweenMs: number;
  /** How long what the API server was found to take is believed. */
  readonly discoverMs: number;
  /** After a write that failed, and while the API server does not say what it takes. */
  readonly retryMs: number;
  /** How long to wait before the same is written again to an object that does not show it. */
  readonly againMs: number;
  /** How long an object says how many proxies have acknowledged, before it is told anew; doubled each time. */
  readonly progressMs: number;
}

/** Writes what becomes of each object: status where there is one to write, and Events. */
export interface Reporter {
  heads(change: HeadChange): void;
  /** Something changed that a status may depend on. */
  changed(): void;
  close(): Promise<void>;
}

interface Known {
  readonly head: ObjectHead;
  /** What the object says. */
  observed: ObjectStatus;
  /** What was told of it by Events. */
  told: ObjectStatus | undefined;
  /** Nobody knows what was told of it before, so what stands well is not news until something happens to it. */
  quiet: boolean;
  /** What was written last, when, and how often before it nothing but the number of proxies had changed. */
  written: { readonly status: ObjectStatus; readonly at: number; readonly counted: number } | undefined;
}

const defaultPace: ReporterPace = {
  afterChangeMs: 150,
  betweenMs: 1_000,
  discoverMs: 60_000,
  retryMs: 5_000,
  againMs: 5_000,
  progressMs: 10_000,
};
/** Objects that are looked at before proxies have their turn. */
const slice = 100;
const eventAttempts = 5;

/**
 * Compares, again and again, what each object says with what it should say, and writes the difference while this
 * replica leads. Nothing that is served waits for it.
 */
export function createReporter(options: ReporterOptions): Reporter {
  const { client, instance, isLeading, view, isCurrent, grantsOf, countsOf, outcomes, onDropped } = options;
  const pace = options.pace ?? defaultPace;
  const closed = new AbortController();
  const { signal } = closed;
  const book = new Map<string, Known>();
  const now = (): number => performance.now();
  const pause = async (milliseconds: number): Promise<void> =>
    // To be closed is the other way to have waited enough.
    delay(timerMs(milliseconds), undefined, { signal }).catch(() => undefined);
  let subresource: 'there' | 'missing' | 'unknown' = 'unknown';
  let discoveredAt = -Infinity;
  let led = false;
  let retryAt = Infinity;
  /** Meshes of which an object waits for proxies, and how they stood. */
  let pending: ReadonlyMap<string, string> = new Map();
  let wanted = Promise.withResolvers<void>();
  let isWanted = false;

  const changed = (): void => {
    isWanted = true;
    wanted.resolve();
  };

  const statuses = createWorkQueue<ObjectStatus>({
    perSecond: 50,
    burst: 100,
    parallel: 4,
    longest: Infinity,
    onDropped,
    run: async (path, status) => {
      const known = book.get(path);
      if (known === undefined || !isLeading()) return;
      // A look may have asked for it once more while it was under way.
      if (isSameStatus(known.observed, status)) return;
      const result = await writeStatus(client, known.head, status, signal);
      if (signal.aborted) return;
      outcomes('status', result.kind === 'failed' ? result.reason : undefined);
      // The object may be known anew by now.
      const current = book.get(path) ?? known;
      const counted = isProgress(known.observed, status) ? (known.written?.counted ?? 0) + 1 : 0;
      current.written = { status, at: now(), counted };
      switch (result.kind) {
        case 'written':
          current.observed = result.status;
          return;
        case 'pruned':
          subresource = 'missing';
          discoveredAt = now();
          return;
        case 'gone':
          discoveredAt = -Infinity;
          return changed();
        case 'failed':
          current.written = undefined;
          retryAt = Math.min(retryAt, now() + pace.retryMs);
          return;
      }
    },
  });

  const events = createWorkQueue<EventJob & { readonly attempts: number }>({
    perSecond: 10,
    burst: 50,
    parallel: 2,
    longest: 1_000,
    onDropped,
    run: async (key, job) => {
      if (!isLeading()) return;
      const failure = await writeEvent(client, job, { instance, now: Date.now() }, signal);
      if (signal.aborted) return;
      outcomes('event', failure);
      if (failure === undefined) return;
      if (job.attempts >= eventAttempts) return onDropped();
      await pause(1000 * job.attempts);
      events.put(key, { ...job, attempts: job.attempts + 1 });
    },
  });

  /** Whoever leads anew does not know what was told, but of what stands on the objects. */
  const begin = (): void => {
    discoveredAt = -Infinity;
    for (const known of book.values()) {
      known.told = undefined;
      known.written = undefined;
    }
  };

  const discover = async (): Promise<void> => {
    const believedMs = subresource === 'unknown' ? pace.retryMs : pace.discoverMs;
    if (now() - discoveredAt < believedMs) return;
    const found = await discoverStatus(client, signal);
    if (found !== 'unknown') subresource = found;
    discoveredAt = now();
  };

  const tell = (known: Known, status: ObjectStatus, isFirst: boolean): void => {
    const before = known.told ?? known.observed;
    known.told = status;
    if (isFirst) known.quiet = subresource === 'missing';
    const news = changesToReport(before, status);
    for (const told of news) {
      if (known.quiet && told.type === 'Normal') continue;
      events.put(`${known.head.path} ${told.reason}`, { head: known.head, told, attempts: 1 });
    }
    // That it went wrong while this replica led was told, so that it is well again is to be told too.
    if (!isFirst && news.some(({ type }) => type !== 'Normal')) known.quiet = false;
  };

  const write = (known: Known, status: ObjectStatus): void => {
    if (subresource !== 'there') return;
    const { path } = known.head;
    if (isSameStatus(known.observed, status)) return statuses.remove(path);
    const { written, observed } = known;
    if (written !== undefined) {
      const waitMs = isSameStatus(written.status, status)
        ? pace.againMs
        : isProgress(observed, status)
          ? // A proxy that never has it, among others that come and go, must not keep this busy.
            progressPauseMs(pace.progressMs, written.counted)
          : 0;
      if (now() - written.at < waitMs) {
        retryAt = Math.min(retryAt, written.at + waitMs);
        return;
      }
    }
    statuses.put(path, status);
  };

  /** Looks at all objects once; the view is that of the beginning. */
  const look = async (isFirst: boolean): Promise<void> => {
    const report = createReport({ view: view(), grantsOf, countsOf, now: Date.now() });
    const waiting = new Set<string>();
    let count = 0;
    for (const [path, known] of book.entries().toArray()) {
      count += 1;
      if (count % slice === 0) await yieldTurn();
      if (signal.aborted || !isLeading()) return;
      // What became known meanwhile is not in the view; it is looked at next.
      if (book.get(path) !== known) continue;
      const { mesh, status } = report(known.head, known.told ?? known.observed);
      if (mesh !== undefined && isWaiting(status)) waiting.add(mesh);
      tell(known, status, isFirst);
      write(known, status);
    }
    pending = new Map(waiting.keys().map((mesh) => [mesh, standing(mesh)]));
  };

  const standing = (mesh: string): string => {
    const version = view().meshes.get(mesh)?.secrets.version;
    return version === undefined ? '' : JSON.stringify(countsOf(mesh, version));
  };

  const pass = async (): Promise<void> => {
    if (!isLeading()) {
      led = false;
      statuses.clear();
      events.clear();
      return;
    }
    if (!view().ready) return;
    const isFirst = !led;
    if (isFirst) begin();
    await discover();
    // Unknown: the API server, or the CRD, is not there; the next look is soon enough.
    if (subresource === 'unknown' || !isCurrent() || !isLeading()) return changed();
    retryAt = Infinity;
    await look(isFirst);
    led = isLeading();
  };

  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      await Promise.race([wanted.promise, pause(pace.betweenMs)]);
      if (signal.aborted) return;
      const isOverdue =
        pending.entries().some(([mesh, was]) => standing(mesh) !== was) ||
        now() >= retryAt ||
        now() - discoveredAt >= pace.discoverMs;
      if (!isWanted && !isOverdue) continue;
      await pause(pace.afterChangeMs);
      isWanted = false;
      wanted = Promise.withResolvers();
      await pass();
      await pause(pace.betweenMs);
    }
  };

  const running = run();
  return {
    heads({ put, gone }) {
      for (const head of put) {
        const before = book.get(head.path);
        const isSame = before?.head.uid === head.uid;
        const isUnchanged = isSame && before.head.generation === head.generation;
        book.set(head.path, {
          head: { ...head, status: undefined },
          observed: observedStatus(head.status),
          told: isSame ? before.told : undefined,
          quiet: isUnchanged && before.quiet,
          written: isSame ? before.written : undefined,
        });
      }
      for (const path of gone) {
        book.delete(path);
        statuses.remove(path);
      }
      if (put.length + gone.length > 0) changed();
    },
    changed,
    async close() {
      closed.abort();
      wanted.resolve();
      await running;
      await Promise.all([statuses.close(), events.close()]);
    },
  };
}

/** Of `Programmed`: it may turn true by what proxies do, without a change of what is served. */
const waiting: ReadonlySet<Reason> = new Set<Reason>([
  'Pending',
  'ProxiesLost',
  'CountsIncomplete',
  'NoProxies',
]);

function isWaiting(status: ObjectStatus): boolean {
  const reason = conditionOf(status, 'Programmed')?.reason;
  return reason !== undefined && waiting.has(reason);
}
