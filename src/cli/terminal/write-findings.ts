import { compareFindings, formatFinding } from '../../trust/findings/finding.ts';
import type { Finding } from '../../trust/findings/finding.ts';
import type { CommandIo } from './io.ts';
import { say } from './terminal.ts';

/** Tells of findings on stderr, most severe first, a line each. */
export function writeFindings(io: CommandIo, findings: readonly Finding[]): void {
  for (const finding of findings.toSorted(compareFindings))
    say(io, `${finding.severity}: ${formatFinding(finding)}`);
}
