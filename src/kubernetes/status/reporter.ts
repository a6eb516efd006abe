import { setImmediate as yieldTurn, setTimeout as delay } from 'node:timers/promises';
import type { ApiClient } from '../client/api-client.ts';
import type { HeadChange } from '../client/watch-types.ts';
import { createReport } from './core/report.ts';
import type { ReportInput, ReportView } from './core/report.ts';
import { conditionOf } from './core/status.ts';
import type { ObjectStatus, Reason } from './core/status.ts';
import { createEventWriter } from './event-writer.ts';
import type { Outcomes } from './outcomes.ts';
import { defaultPace, createStatusWriter } from './status-writer.ts';
import type { ReporterPace } from './status-writer.ts';
import { trackObject } from './tracked-object.ts';
import type { TrackedObject } from './tracked-object.ts';
import { reasonOf } from '../../text/system-error.ts';
import { timerMs } from '../../xds/timers/timers.ts';

export interface ReporterOptions extends Pick<ReportInput, 'grantsOf' | 'countsOf'> {
  readonly client: ApiClient;
  /** Name of this replica, which the Events contain. */
  readonly instance: string;
  readonly isLeading: () => boolean;
  readonly view: () => ReportView;
  /** True if the view contains everything that the source has delivered. */
  readonly isCurrent: () => boolean;
  readonly outcomes: Outcomes;
  /** Called when a write is given up. */
  readonly onDropped: () => void;
  readonly pace?: ReporterPace | undefined;
}

/** Writes the status of each object, if the CRD has one, and Events. */
export interface Reporter {
  /** Adds, replaces and removes objects, as the watch reported them. */
  heads(change: HeadChange): void;
  /** Requests a comparison, because something changed on which a status may depend. */
  changed(): void;
  close(): Promise<void>;
}

/** Number of objects that are compared before the event loop can serve proxies. */
const objectsPerTurn = 100;

/**
 * Creates a reporter. While this replica is the leader, it repeatedly compares the status that each object has with
 * the status that it should have, and writes the differences. Serving never waits for it.
 */
export function createReporter(options: ReporterOptions): Reporter {
  const { isLeading, view, isCurrent, grantsOf, countsOf, pace = defaultPace } = options;
  const closed = new AbortController();
  const { signal } = closed;
  const objects = new Map<string, TrackedObject>();
  const pause = async (milliseconds: number): Promise<void> =>
    // Closing ends the pause, too.
    delay(timerMs(milliseconds), undefined, { signal }).catch(() => undefined);
  /** True after a comparison to the end as the leader. Before the first one, nothing that was reported is known. */
  let wasLeading = false;
  /** The meshes with an object that waits for proxies, and their proxy counts at the last comparison. */
  let pendingMeshes: ReadonlyMap<string, string> = new Map();
  /** Resolved by a request, and replaced when its comparison begins: a request during a comparison is another one. */
  let request = Promise.withResolvers<void>();
  /** True from a request until its comparison begins. Closing resolves `request` as well, and requests nothing. */
  let isRequested = false;

  const changed = (): void => {
    isRequested = true;
    request.resolve();
  };

  const statuses = createStatusWriter({ ...options, objects, pace, signal, onStale: changed });
  const events = createEventWriter({ ...options, signal });

  /** A new leader knows from the objects alone what earlier leaders reported. */
  const forgetReports = (): void => {
    statuses.expireDiscovery();
    for (const object of objects.values()) {
      object.reported = undefined;
      object.lastWrite = undefined;
      object.failure = undefined;
    }
  };

  /** Compares all objects once. All statuses are rendered from one view. */
  const compareAll = async (isFirst: boolean): Promise<void> => {
    const report = createReport({ view: view(), grantsOf, countsOf, now: Date.now() });
    const waiting = new Set<string>();
    let count = 0;
    for (const [path, object] of objects.entries().toArray()) {
      count += 1;
      if (count % objectsPerTurn === 0) await yieldTurn();
      if (signal.aborted || !isLeading()) return;
      // The view does not contain changes that arrived meanwhile. The next comparison does.
      if (objects.get(path) !== object) continue;
      const { mesh, status } = report(object.head, object.reported ?? object.observed);
      if (mesh !== undefined && isWaiting(status)) waiting.add(mesh);
      events.report(object, status, { isFirst, subresource: statuses.subresource });
      statuses.write(object, status);
    }
    pendingMeshes = new Map(waiting.keys().map((mesh) => [mesh, describeCounts(mesh)]));
  };

  /** Returns the proxy counts of a mesh as a text, to be compared. */
  const describeCounts = (mesh: string): string => {
    const version = view().meshes.get(mesh)?.secrets.version;
    return version === undefined ? '' : JSON.stringify(countsOf(mesh, version));
  };

  const pass = async (): Promise<void> => {
    if (!isLeading()) {
      wasLeading = false;
      statuses.clear();
      events.clear();
      return;
    }
    if (!view().ready) return;
    const isFirst = !wasLeading;
    if (isFirst) forgetReports();
    await statuses.discover();
    // Unknown: the API server does not answer, or the CRD is absent. The next pass tries again.
    if (statuses.subresource === 'unknown' || !isCurrent() || !isLeading()) return changed();
    statuses.startPass();
    await compareAll(isFirst);
    wasLeading = isLeading();
  };

  const isOverdue = (): boolean =>
    pendingMeshes.entries().some(([mesh, counts]) => describeCounts(mesh) !== counts) || statuses.isDue();

  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      await Promise.race([request.promise, pause(pace.betweenMs)]);
      if (signal.aborted) return;
      if (!isRequested && !isOverdue()) continue;
      await pause(pace.afterChangeMs);
      isRequested = false;
      request = Promise.withResolvers();
      try {
        await pass();
      } catch (error) {
        // A defect must not end the reports: the comparison is made again.
        options.outcomes('status', reasonOf(error));
        changed();
      }
      await pause(pace.betweenMs);
    }
  };

  const running = run();
  return {
    heads({ put, gone }) {
      for (const head of put) objects.set(head.path, trackObject(head, objects.get(head.path)));
      for (const path of gone) {
        objects.delete(path);
        statuses.remove(path);
      }
      if (put.length + gone.length > 0) changed();
    },
    changed,
    async close() {
      closed.abort();
      request.resolve();
      await running;
      await Promise.all([statuses.close(), events.close()]);
    },
  };
}

/** The reasons of `Programmed` with which it may become True without a change of the served bundle. */
const waitingReasons: ReadonlySet<Reason> = new Set<Reason>([
  'Pending',
  'ProxiesLost',
  'CountsIncomplete',
  'NoProxies',
]);

function isWaiting(status: ObjectStatus): boolean {
  const reason = conditionOf(status, 'Programmed')?.reason;
  return reason !== undefined && waitingReasons.has(reason);
}
