import type { Logger } from '../observe/log/log.ts';
import type { Clock } from '../runtime/clock.ts';
import { classOf } from '../text/system-error.ts';
import { joinEvents } from '../trust/join-events.ts';
import { unappliedPath } from '../trust/ledger/import-sources.ts';
import type { SourceEvent } from '../trust/source.ts';

/** Receives the events of a source, by its name. */
export type Deliver = (source: string, events: readonly SourceEvent[]) => void;

export interface SourceDeliveryOptions {
  /** Accepts a batch of events. It may throw an error, also after it accepted the batch or a part of it. */
  readonly apply: Deliver;
  readonly clock: Pick<Clock, 'after'>;
  readonly log: Pick<Logger, 'error' | 'info'>;
}

/**
 * Stands between the sources and the function that accepts their events. A function that only queues events, as the
 * pipeline does, throws nothing about what goes wrong with them later.
 */
export interface SourceDelivery extends Disposable {
  /** Passes a batch on, after all earlier events of the source. It never throws. */
  readonly deliver: Deliver;
  /** Drops the events that were not accepted, and stops the retries. */
  [Symbol.dispose](): void;
}

/** The events of a source that were not accepted. */
interface Undelivered {
  /** In their order, and joined. */
  events: readonly SourceEvent[];
  cancelRetry: () => void;
}

/** The first pause before events are tried again, in milliseconds. It doubles each time. */
const firstRetryMs = 1_000;
/** The longest pause before events are tried again, in milliseconds. */
const lastRetryMs = 60_000;

/**
 * Creates the delivery of events for all sources. Events that are not accepted are kept, and are passed on again with
 * the next batch of their source, or after a pause. They stay in one batch with all later events: a removal that was
 * applied without the text before it would withdraw the trust of a resource that has moved to another file. Meanwhile
 * the source counts as failed, and its earlier trust stays in force.
 */
export function createSourceDelivery({ apply, clock, log }: SourceDeliveryOptions): SourceDelivery {
  const undelivered = new Map<string, Undelivered>();
  let isClosed = false;

  const deliver: Deliver = (source, events) => {
    if (isClosed) return;
    const waiting = undelivered.get(source);
    const all = waiting === undefined ? events : joinEvents([...waiting.events, ...events]);
    try {
      apply(source, all);
      // Separately: a batch of which only a part was accepted must not end the failure.
      if (waiting !== undefined) apply(source, [{ kind: 'recovered', path: unappliedPath(source) }]);
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
    const waiting = before ?? { events: [], cancelRetry: () => undefined };
    waiting.events = joinEvents(events);
    report(source, error);
    if (before !== undefined) return;
    undelivered.set(source, waiting);
    retryAfter(source, waiting, firstRetryMs);
    log.error(
      { event: 'source-undelivered', source, err: error },
      `${source}: its events cannot be applied; its earlier trust stays in force; trying again`,
    );
  };

  /**
   * Reports that the source has failed, after each attempt: the defect may affect this event, too. The reason does
   * not quote the error, whose text may quote the content. The log has it.
   */
  const report = (source: string, error: unknown): void => {
    const reason = `unexpected ${classOf(error)}`;
    try {
      apply(source, [{ kind: 'failed', path: unappliedPath(source), reason }]);
    } catch {
      // Whether it was accepted is unknown. It is reported again after the next attempt, or as recovered.
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
