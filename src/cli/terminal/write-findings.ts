import { compareFindings, formatFinding } from '../../trust/findings/finding.ts';
import type { Finding } from '../../trust/findings/finding.ts';
import type { CommandIo } from './io.ts';
import { say } from './terminal.ts';

/** Writes findings to stderr, one line each, the most severe first. */
export function writeFindings(io: CommandIo, findings: readonly Finding[]): void {
  for (const finding of findings.toSorted(compareFindings))
    say(io, `${finding.severity}: ${formatFinding(finding)}`);
}
