import { countFindings } from '../trust/findings/count-findings.ts';
import type { StateView } from '../runtime/state-view.ts';
import type { ServerEvent } from './event-types.ts';

/** Returns the event for a change of the server's state. `changes` is the number of changes so far. */
export function presentServerEvent({ readiness, findings, ledger }: StateView, changes: number): ServerEvent {
  return {
    changes,
    readiness: readiness.kind,
    findings: countFindings(findings),
    held: ledger.held.length,
  };
}
