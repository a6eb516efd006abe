import { createAuditLog } from '../observe/audit/audit-log.ts';
import type { Rollout } from '../fleet/rollout.ts';
import type { Logger } from '../observe/log/log.ts';
import type { StateEvent } from '../runtime/state-view.ts';
import type { Interval } from '../observe/tracing/trace-changes.ts';
import { systemClock } from '../runtime/clock.ts';
import type { Loss } from '../fleet/follow-losses.ts';
import type { ServeOptions } from '../runtime/serve-options.ts';

/** What is kept of each change for later: the record of trust and, where there is a collector, traces. */
export interface ChangeRecord extends AsyncDisposable {
  /** Takes what happened, and when it was handed to proxies if it was. */
  state(event: StateEvent, publish: Interval): void;
  /** All connected proxies of a mesh have what was served last; `gaveUp` lost ones are not waited for any more. */
  readonly converged: (rollout: Rollout, gaveUp: number) => void;
  /** A roll-out has lost proxies, or gives lost ones up. */
  readonly lost: (loss: Loss) => void;
}

export interface ChangeRecordInput {
  readonly options: Pick<ServeOptions, 'tracing' | 'version'>;
  readonly log: Logger;
  /** How many proxies of a mesh are connected. */
  readonly proxies: (mesh: string) => number;
}

/** Starts to keep it. */
export async function createChangeRecord({
  options: { tracing: isTracing = false, version },
  log,
  proxies,
}: ChangeRecordInput): Promise<ChangeRecord> {
  const audit = createAuditLog({ log, proxies });
  // OpenTelemetry costs 0.25 s and 48 MB to load: only who has a collector pays.
  const tracing = isTracing
    ? (await import('../observe/tracing/start-tracing.ts')).startTracing({
        version,
        log,
        proxies,
        clock: systemClock,
      })
    : undefined;
  return {
    state(event, publish) {
      audit.state(event);
      if (event.kind === 'served') tracing?.served(event, publish);
    },
    lost: audit.lost,
    converged(rollout, gaveUp) {
      audit.converged(rollout, gaveUp);
      tracing?.converged(rollout, gaveUp);
    },
    [Symbol.asyncDispose]: async () => tracing?.close(),
  };
}
