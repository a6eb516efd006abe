import type { ApiClient } from '../client/api-client.ts';
import { isProgress, isSameStatus, progressPauseMs } from './core/status.ts';
import type { ObjectStatus } from './core/status.ts';
import type { Outcomes } from './outcomes.ts';
import type { TrackedObject } from './tracked-object.ts';
import { createWorkQueue } from './work-queue.ts';
import { writeStatus } from './write-status.ts';
import { resource } from '../client/api-object.ts';
import { callApi } from '../client/call-api.ts';
import { discoveryPath } from './api-paths.ts';
import { asMapping } from '../../text/json.ts';

/** The times of a reporter, in milliseconds. */
export interface ReporterPace {
  /** Pause after a change. Most proxies have acknowledged the change by then. */
  readonly afterChangeMs: number;
  /** Pause between two comparisons of all objects. */
  readonly betweenMs: number;
  /** Time for which the answer about the status subresource is used before the reporter asks again. */
  readonly discoverMs: number;
  /**
   * Pause after a failed question about the status subresource, and after a failed write. For the writes of one object
   * it doubles while no write succeeds.
   */
  readonly retryMs: number;
  /** Pause before the same status is written again to an object that does not show it. */
  readonly rewriteMs: number;
  /** Pause before new proxy counts of an object are written. It doubles each time that nothing else changed. */
  readonly progressMs: number;
}

export const defaultPace: ReporterPace = {
  afterChangeMs: 150,
  betweenMs: 1_000,
  discoverMs: 60_000,
  retryMs: 5_000,
  rewriteMs: 5_000,
  progressMs: 10_000,
};

/** The longest pause after a failed write, in ms. Statuses can stay old for this time after a right is granted. */
const longestRetryMs = 60_000;

/** Writes statuses, if the CRD has the status subresource. */
export interface StatusWriter {
  /** Whether the CRD has the status subresource, as far as is known. */
  readonly subresource: StatusSubresource;
  /** Asks the API server about the status subresource, if the last answer is too old. */
  discover(): Promise<void>;
  /** Makes the next `discover` ask again. */
  expireDiscovery(): void;
  /** True if a write must be tried again now, or if the answer about the status subresource is too old. */
  isDue(): boolean;
  /** Forgets which writes must be tried again. Call it before all objects are compared. */
  startPass(): void;
  /** Writes the status that an object should have, unless it has it, or was written too recently. */
  write(object: TrackedObject, status: ObjectStatus): void;
  /** Drops the pending write of an object. */
  remove(path: string): void;
  /** Drops all pending writes. */
  clear(): void;
  close(): Promise<void>;
}

interface StatusWriterOptions {
  readonly client: ApiClient;
  readonly objects: ReadonlyMap<string, TrackedObject>;
  readonly isLeading: () => boolean;
  readonly outcomes: Outcomes;
  readonly onDropped: () => void;
  /** Called if all objects must be compared again. */
  readonly onStale: () => void;
  readonly pace: ReporterPace;
  readonly signal: AbortSignal;
}

/** A status to be written, and the object that it was compared for. */
interface StatusJob {
  readonly uid: string;
  readonly status: ObjectStatus;
}

/** Creates a writer that has not asked about the status subresource yet. */
export function createStatusWriter(options: StatusWriterOptions): StatusWriter {
  const { client, objects, isLeading, outcomes, onDropped, onStale, pace, signal } = options;
  const now = (): number => performance.now();
  let subresource: StatusSubresource = 'unknown';
  let discoveredAt = -Infinity;
  let retryAt = Infinity;
  let succeededAt = -Infinity;
  /** True if a write failed since the last one that succeeded. */
  let hasFailed = false;
  /** The paths of the objects whose last write failed. */
  const failing = new Set<string>();

  const queue = createWorkQueue<StatusJob>({
    perSecond: 50,
    burst: 100,
    parallel: 4,
    maxWaiting: Infinity,
    onDropped,
    run: async (path, { uid, status }) => {
      const object = objects.get(path);
      // Another object of this name has another status, which is not compared yet.
      if (object?.head.uid !== uid || !isLeading()) return;
      // While a write was in progress, another comparison may have queued the same write.
      if (isSameStatus(object.observed, status)) return;
      const result = await writeStatus(client, object.head, status, signal);
      if (signal.aborted) return;
      // An object that was deleted meanwhile is never written again.
      if (result.kind === 'failed' && objects.has(path)) failing.add(path);
      else failing.delete(path);
      outcomes('status', result.kind === 'failed' ? result.reason : undefined, () => failing.size > 0);
      // The watch may have reported the object again during the write.
      const latest = objects.get(path);
      const current = latest?.head.uid === uid ? latest : object;
      const isCount = isProgress(object.observed, status);
      const progressWrites = isCount ? (object.lastWrite?.progressWrites ?? 0) + 1 : 0;
      current.lastWrite = { status, at: now(), progressWrites };
      const failedBefore = object.failure?.count ?? 0;
      current.failure = undefined;
      switch (result.kind) {
        case 'written':
          succeededAt = now();
          if (hasFailed) retryAt = Math.min(retryAt, succeededAt + pace.retryMs);
          hasFailed = false;
          // If the watch reported the object during the write, its report counts: it has the result of this write or of
          // a later one, or the watch reports that result next.
          if (current === object) object.observed = result.status;
          return;
        case 'pruned':
          subresource = 'absent';
          discoveredAt = now();
          return;
        case 'gone':
          discoveredAt = -Infinity;
          return onStale();
        case 'failed':
          hasFailed = true;
          current.lastWrite = undefined;
          current.failure = { count: failedBefore + 1, at: now() };
          retryAt = Math.min(retryAt, earliestWrite(current, status, pace, succeededAt));
          return;
      }
    },
  });

  return {
    get subresource() {
      return subresource;
    },
    async discover() {
      const validMs = subresource === 'unknown' ? pace.retryMs : pace.discoverMs;
      if (now() - discoveredAt < validMs) return;
      const found = await discoverStatus(client, signal);
      if (found !== 'unknown') subresource = found;
      discoveredAt = now();
    },
    expireDiscovery: () => {
      discoveredAt = -Infinity;
    },
    isDue: () => now() >= retryAt || now() - discoveredAt >= pace.discoverMs,
    startPass: () => {
      retryAt = Infinity;
    },
    write(object, status) {
      if (subresource !== 'present') return;
      const { path, uid } = object.head;
      if (isSameStatus(object.observed, status)) {
        failing.delete(path);
        return queue.remove(path);
      }
      const writableAt = earliestWrite(object, status, pace, succeededAt);
      if (now() < writableAt) retryAt = Math.min(retryAt, writableAt);
      else queue.put(path, { uid, status });
    },
    remove: (path) => {
      failing.delete(path);
      queue.remove(path);
    },
    clear: () => queue.clear(),
    close: () => queue.close(),
  };
}

/** Returns the time from which a status may be written, in monotonic milliseconds; `-Infinity` if at once. */
function earliestWrite(
  { lastWrite, observed, failure }: TrackedObject,
  status: ObjectStatus,
  pace: ReporterPace,
  succeededAt: number,
): number {
  // Without the right to write, the status of each object would be sent every few seconds for good.
  if (failure !== undefined) {
    const isOutage = succeededAt < failure.at;
    const doubledMs = Math.min(pace.retryMs * 2 ** (failure.count - 1), longestRetryMs);
    return failure.at + (isOutage ? doubledMs : pace.retryMs);
  }
  if (lastWrite === undefined) return -Infinity;
  if (isSameStatus(lastWrite.status, status)) return lastWrite.at + pace.rewriteMs;
  // A proxy that never acknowledges, among others that connect and disconnect, must not cause a write each time.
  if (isProgress(observed, status))
    return lastWrite.at + progressPauseMs(pace.progressMs, lastWrite.progressWrites);
  return -Infinity;
}

/** Whether the CRD has the status subresource; `unknown` if the API server did not answer that. */
export type StatusSubresource = 'present' | 'absent' | 'unknown';

/**
 * Asks the API server whether the installed CRD has the status subresource. Kuma's CRD has none: to write a status
 * without it, meshtrust would need the right to change trust.
 */
async function discoverStatus(client: ApiClient, signal: AbortSignal): Promise<StatusSubresource> {
  const reply = await callApi(client, discoveryPath, signal);
  if (reply.kind !== 'answered' || reply.status !== 200) return 'unknown';
  const { resources } = reply.object;
  if (!Array.isArray(resources)) return 'unknown';
  const names = resources.map((entry) => asMapping(entry)?.['name']);
  if (!names.includes(resource.plural)) return 'unknown';
  return names.includes(`${resource.plural}/status`) ? 'present' : 'absent';
}
