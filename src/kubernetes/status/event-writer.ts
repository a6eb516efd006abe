import { setTimeout as delay } from 'node:timers/promises';

import type { ApiClient } from '../client/api-client.ts';
import type { ObjectHead } from '../client/api-object.ts';
import { callApi, refusalOf } from '../client/call-api.ts';
import { eventsPath } from './api-paths.ts';
import { changesToReport, renderEvent } from './core/render-events.ts';
import type { StatusChange } from './core/render-events.ts';
import type { ObjectStatus } from './core/status.ts';
import type { StatusSubresource } from './discover-status.ts';
import type { Outcomes } from './outcomes.ts';
import type { TrackedObject } from './tracked-object.ts';
import { createWorkQueue } from './work-queue.ts';
import { timerMs } from '../../xds/timers/timers.ts';

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

interface EventWriterOptions {
  readonly client: ApiClient;
  /** Name of this replica, which the Events contain. */
  readonly instance: string;
  readonly isLeading: () => boolean;
  readonly outcomes: Outcomes;
  readonly onDropped: () => void;
  readonly signal: AbortSignal;
}

interface EventJob {
  readonly head: ObjectHead;
  readonly change: StatusChange;
  /** Number of this attempt, from 1. */
  readonly attempt: number;
}

const maxAttempts = 5;
const maxWaiting = 1_000;

/** Creates a writer that sends at most 10 Events per second, after a burst of 50. */
export function createEventWriter(options: EventWriterOptions): EventWriter {
  const { client, instance, isLeading, outcomes, onDropped, signal } = options;

  const queue = createWorkQueue<EventJob>({
    perSecond: 10,
    burst: 50,
    parallel: 2,
    maxWaiting,
    onDropped,
    run: async (key, job) => {
      if (!isLeading()) return;
      const failure = await send(job);
      if (signal.aborted) return;
      outcomes('event', failure);
      if (failure === undefined) return;
      if (job.attempt >= maxAttempts) return onDropped();
      await delay(timerMs(1000 * job.attempt), undefined, { signal }).catch(() => undefined);
      queue.put(key, { ...job, attempt: job.attempt + 1 });
    },
  });

  /** Sends one Event. Returns the reason of a failure. An Event that exists already is a success. */
  async function send({ head, change }: EventJob): Promise<string | undefined> {
    const body = renderEvent(head, change, { instance, now: Date.now() });
    const reply = await callApi(client, { method: 'POST', path: eventsPath(head.namespace), body }, signal);
    if (reply.kind === 'answered' && (reply.status < 300 || reply.status === 409)) return undefined;
    return refusalOf(reply);
  }

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
