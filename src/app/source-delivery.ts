import type { Logger } from '../observe/log/log.ts';
import type { Clock } from '../runtime/clock.ts';
import { reasonOf } from '../text/system-error.ts';
import { joinEvents } from '../trust/join-events.ts';
import type { SourceEvent } from '../trust/source.ts';

/** Receives the events of a source, by its name. */
export type Deliver = (source: string, events: readonly SourceEvent[]) => void;

export interface SourceDeliveryOptions {
  /** Applies a batch of events. It may throw an error, also after a part of the batch was applied. */
  readonly apply: Deliver;
  readonly clock: Pick<Clock, 'after'>;
  readonly log: Pick<Logger, 'error' | 'info'>;
}

/** Stands between the sources and the function that applies their events. */
export interface SourceDelivery extends Disposable {
  /** Applies a batch, after all earlier events of the source. It never throws. */
  readonly deliver: Deliver;
  /** Drops the events that were not applied, and tries them no more. */
  [Symbol.dispose](): void;
}

/** The events of a source that could not be applied. */
interface Undelivered {
  /** In their order, and joined. */
  events: readonly SourceEvent[];
  /** Whether the source counts as failed because of them. */
  isReported: boolean;
  cancelRetry: () => void;
}

/** The first pause before events are tried again, in milliseconds. It doubles each time. */
const firstRetryMs = 1_000;
/** The longest pause before events are tried again, in milliseconds. */
const lastRetryMs = 60_000;

/**
 * Creates the delivery of events for all sources. Events that cannot be applied are kept, and are applied again with the
 * next batch of their source, or after a pause. They stay in one batch with all later events: a removal that was applied
 * without the text before it would withdraw the trust of a resource that has moved to another file. Meanwhile the source
 * counts as failed, and its earlier trust stays in force.
 */
export function createSourceDelivery({ apply, clock, log }: SourceDeliveryOptions): SourceDelivery {
  const undelivered = new Map<string, Undelivered>();
  let isClosed = false;

  const deliver: Deliver = (source, events) => {
    if (isClosed) return;
    const waiting = undelivered.get(source);
    const all = waiting === undefined ? events : joinEvents([...waiting.events, ...events]);
    try {
      apply(source, waiting?.isReported === true ? [recovered(source), ...all] : all);
    } catch (error) {
      keep(source, all, error);
      return;
    }
    if (waiting === undefined) return;
    waiting.cancelRetry();
    undelivered.delete(source);
    log.info({ event: 'source-delivered', source }, `${source}: its events are applied again`);
  };

  const keep = (source: string, events: readonly SourceEvent[], error: unknown): void => {
    const before = undelivered.get(source);
    const waiting = before ?? { events: [], isReported: false, cancelRetry: () => undefined };
    waiting.events = joinEvents(events);
    waiting.isReported ||= report(source, error);
    if (before !== undefined) return;
    undelivered.set(source, waiting);
    retryAfter(source, waiting, firstRetryMs);
    log.error(
      { event: 'source-undelivered', source, err: error },
      `${source}: its events cannot be applied; its earlier trust stays in force; trying again`,
    );
  };

  /** Reports that the source has failed. Returns whether that was accepted: the defect may affect all events. */
  const report = (source: string, error: unknown): boolean => {
    const reason = `its events cannot be applied: ${reasonOf(error)}`;
    try {
      apply(source, [{ kind: 'failed', path: failurePath(source), reason }]);
      return true;
    } catch {
      return false;
    }
  };

  const retryAfter = (source: string, waiting: Undelivered, pauseMs: number): void => {
    waiting.cancelRetry = clock.after(pauseMs, () => {
      deliver(source, []);
      if (undelivered.get(source) === waiting)
        retryAfter(source, waiting, Math.min(2 * pauseMs, lastRetryMs));
    });
  };

  return {
    deliver,
    [Symbol.dispose]() {
      isClosed = true;
      for (const { cancelRetry } of undelivered.values()) cancelRetry();
      undelivered.clear();
    },
  };
}

/** Returns the path of a failure to apply the events of a source. No source uses it. */
function failurePath(source: string): string {
  return `events of ${source}`;
}

function recovered(source: string): SourceEvent {
  return { kind: 'recovered', path: failurePath(source) };
}
