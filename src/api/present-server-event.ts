import { countFindings } from '../trust/findings/count-findings.ts';
import type { StateView } from '../runtime/state-view.ts';
import type { ServerEvent } from './event-types.ts';

/** What is told of a change of the server's state; `changes`: how many there were. */
export function presentServerEvent({ readiness, findings, ledger }: StateView, changes: number): ServerEvent {
  return {
    changes,
    readiness: readiness.kind,
    findings: countFindings(findings),
    held: ledger.held.length,
  };
}
