import { changesToReport } from './core/render-events.ts';
import type { ObjectStatus } from './core/status.ts';
import type { StatusSubresource } from './status-writer.ts';
import { createEventQueue } from './event-queue.ts';
import type { EventQueueOptions } from './event-queue.ts';
import type { TrackedObject } from './tracked-object.ts';

/** Sends Events about changes of status. */
export interface EventWriter {
  /**
   * Sends Events about the differences between the status that was reported last and this one. `isFirst`: this
   * replica has just become the leader.
   */
  report(
    object: TrackedObject,
    status: ObjectStatus,
    context: { readonly isFirst: boolean; readonly subresource: StatusSubresource },
  ): void;
  /** Drops all Events that wait. */
  clear(): void;
  close(): Promise<void>;
}

/** Creates a writer of Events about MeshTrusts. */
export function createEventWriter(options: EventQueueOptions): EventWriter {
  const queue = createEventQueue(options);
  return {
    report(object, status, { isFirst, subresource }) {
      const { head, observed, reported = observed } = object;
      object.reported = status;
      // Without the status subresource, the object does not show what an earlier leader reported.
      if (isFirst) object.isQuiet = subresource === 'absent';
      const changes = changesToReport(reported, status);
      for (const change of changes) {
        if (object.isQuiet && change.type === 'Normal') continue;
        queue.put(`${head.path} ${change.reason}`, { head, change, attempt: 1 });
      }
      // This replica has reported a problem, so it must report its end, too.
      if (!isFirst && changes.some(({ type }) => type !== 'Normal')) object.isQuiet = false;
    },
    clear: () => queue.clear(),
    close: () => queue.close(),
  };
}
