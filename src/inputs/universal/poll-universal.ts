import { setTimeout as delay } from 'node:timers/promises';
import type { ListLimits } from '../../net/list-budget.ts';
import type { Source, SourceSink } from '../../trust/source.ts';
import { reasonOf } from '../../text/system-error.ts';
import { spread, timerMs } from '../../xds/timers/timers.ts';
import { createLister } from './list-resources.ts';
import { initialPollState, stepPoll } from './poll-state.ts';
import type { PollInput } from './poll-state.ts';
import { createRestClient } from './rest-client.ts';
import type { RestAccess } from './rest-client.ts';
import type { UniversalResource } from './universal-resource.ts';

export interface PollUniversalOptions extends RestAccess {
  readonly name: string;
  readonly resource: UniversalResource;
  /** True if a server that does not know this kind counts as one without such resources. */
  readonly isOptional?: boolean | undefined;
  /** True if an earlier run read such resources. Then only two equal answers in a row say that the kind is unknown. */
  readonly confirmsAbsence?: boolean | undefined;
  /** The time between two polls in milliseconds, plus or minus a tenth. Default: 10,000. */
  readonly intervalMs?: number | undefined;
  /**
   * The time after which a list is read again because it is the first one, or lacks a known resource. Default: 1,000.
   */
  readonly confirmMs?: number | undefined;
  /** The limits of one list. Default: `defaultListLimits`. */
  readonly limits?: ListLimits | undefined;
  /** Waits between requests. The signal ends the wait. Tests wait less. */
  readonly sleep?: ((milliseconds: number, signal: AbortSignal) => Promise<void>) | undefined;
}

/**
 * Polls a kind of resource of Kuma's REST API (see `SourceEvent`). Starts at once, and runs until it is closed:
 * failures are reported, and requests are repeated. An empty batch confirms that everything reported before is still
 * true.
 */
export function pollUniversal(options: PollUniversalOptions, sink: SourceSink): Source {
  const { name, resource, isOptional = false, intervalMs = 10_000, confirmMs = 1_000 } = options;
  const { confirmsAbsence = false } = options;
  const { sleep = sleepFor } = options;
  const client = createRestClient(options);
  const list = createLister(client, resource, options.limits);
  const closed = new AbortController();
  const { signal } = closed;
  let state = initialPollState;
  let hasListed = false;
  let wasAbsent = !confirmsAbsence;

  const pollOnce = async (): Promise<PollInput> => {
    const result = await list(signal);
    if (result.kind === 'listed') hasListed = true;
    if (result.kind !== 'absent') {
      wasAbsent = !confirmsAbsence;
      return result;
    }
    const isConfirmed = wasAbsent;
    wasAbsent = true;
    // A server that has listed this kind still knows it: the 404 comes from something else.
    return isOptional && !hasListed && isConfirmed
      ? { kind: 'listed', resources: [] }
      : { kind: 'failed', reason: `the server has no ${resource.plural} (404)` };
  };

  const apply = (input: PollInput): void => {
    const step = stepPoll(state, input, resource.place);
    ({ state } = step);
    if (step.events.length > 0 || input.kind === 'listed') sink(step.events);
  };

  /** Applies a result. A defect counts as a failed poll, and does not end the polls. */
  const tryToApply = (input: PollInput): PollInput => {
    try {
      apply(input);
      return input;
    } catch (error) {
      return input.kind === 'failed' ? input : tryToApply({ kind: 'failed', reason: reasonOf(error) });
    }
  };

  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      const result = await pollOnce();
      if (signal.aborted) return;
      const input = tryToApply(result);
      const isConfirmed = state.synced && state.missing.size === 0;
      const waitMs = input.kind === 'listed' && !isConfirmed ? confirmMs : intervalMs;
      await sleep(spread(waitMs), signal);
    }
  };

  const running = run();
  return {
    name,
    close: async () => {
      closed.abort();
      await running;
      client.close();
    },
  };
}

async function sleepFor(milliseconds: number, signal: AbortSignal): Promise<void> {
  // An abort ends the wait, too.
  await delay(timerMs(milliseconds), undefined, { signal }).catch(() => undefined);
}
