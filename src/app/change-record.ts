import { createAuditLog } from '../observe/audit/audit-log.ts';
import type { Rollout } from '../fleet/rollout.ts';
import type { Logger } from '../observe/log/log.ts';
import type { StateEvent } from '../runtime/state-view.ts';
import type { Interval } from '../observe/tracing/trace-changes.ts';
import { isTracingOn } from '../observe/tracing/tracing-environment.ts';
import type { TracingEnvironment } from '../observe/tracing/tracing-environment.ts';
import { systemClock } from '../runtime/clock.ts';
import type { Loss } from '../fleet/follow-losses.ts';

/** Records each change: in the audit log and, if there is a collector, as a trace. */
export interface ChangeRecord extends AsyncDisposable {
  /** Records an event, and when it was published to proxies. */
  state(event: StateEvent, publish: Interval): void;
  /** Records that all connected proxies of a mesh are in sync. `gaveUp`: the lost proxies that no longer count. */
  readonly converged: (rollout: Rollout, gaveUp: number) => void;
  /** Records that a roll-out lost proxies, or no longer waits for lost ones. */
  readonly lost: (loss: Loss) => void;
}

export interface ChangeRecordInput {
  readonly version: string;
  readonly env: TracingEnvironment;
  readonly log: Logger;
  /** Returns the number of connected proxies of a mesh. */
  readonly proxies: (mesh: string) => number;
}

/** Creates the record. */
export async function createChangeRecord({
  version,
  env,
  log,
  proxies,
}: ChangeRecordInput): Promise<ChangeRecord> {
  const audit = createAuditLog({ log, proxies });
  // OpenTelemetry costs 0.25 s and 48 MB to load: only servers with a collector pay for it.
  const tracing = isTracingOn(env)
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
