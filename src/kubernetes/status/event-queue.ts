import { setTimeout as delay } from 'node:timers/promises';

import type { ApiClient } from '../client/api-client.ts';
import type { ObjectHead } from '../client/api-object.ts';
import { callApi, refusalOf } from '../client/call-api.ts';
import { eventsPath } from './api-paths.ts';
import { renderEvent } from './core/render-events.ts';
import type { StatusChange } from './core/render-events.ts';
import type { Outcomes } from './outcomes.ts';
import { createWorkQueue } from './work-queue.ts';
import type { WorkQueue } from './work-queue.ts';
import { timerMs } from '../../xds/timers/timers.ts';

export interface EventQueueOptions {
  readonly client: ApiClient;
  /** Name of this replica, which the Events contain. */
  readonly instance: string;
  readonly isLeading: () => boolean;
  readonly outcomes: Outcomes;
  readonly onDropped: () => void;
  readonly signal: AbortSignal;
  /** The kind of the objects. Default: MeshTrust. */
  readonly kind?: string | undefined;
}

/** An Event to be sent. */
export interface EventJob {
  readonly head: ObjectHead;
  readonly change: StatusChange;
  /** Number of this attempt, from 1. */
  readonly attempt: number;
}

const maxAttempts = 5;
const maxWaiting = 1_000;

/** Creates a queue that sends at most 10 Events per second, after a burst of 50, while this replica is the leader. */
export function createEventQueue(options: EventQueueOptions): WorkQueue<EventJob> {
  const { client, instance, isLeading, outcomes, onDropped, signal, kind } = options;

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
      queue.putAgain(key, { ...job, attempt: job.attempt + 1 });
    },
  });

  /** Sends one Event. Returns the reason of a failure. An Event that exists already is a success. */
  async function send({ head, change }: EventJob): Promise<string | undefined> {
    const body = renderEvent(head, change, { instance, now: Date.now(), kind });
    const reply = await callApi(client, { method: 'POST', path: eventsPath(head.namespace), body }, signal);
    if (reply.kind === 'answered' && (reply.status < 300 || reply.status === 409)) return undefined;
    return refusalOf(reply);
  }

  return queue;
}
