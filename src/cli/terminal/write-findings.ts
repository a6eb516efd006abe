import { compareFindings, formatFinding } from '../../trust/findings/finding.ts';
import type { Finding } from '../../trust/findings/finding.ts';
import type { CommandIo } from './io.ts';
import { oneLine } from '../../text/plain-text.ts';
import { hasColours, paint } from './terminal.ts';
import type { Tone } from './terminal.ts';

/** Writes findings to stderr, one line each, the most severe first. */
export function writeFindings(io: CommandIo, findings: readonly Finding[]): void {
  for (const finding of findings.toSorted(compareFindings))
    io.stderr.write(`${findingLine(finding, hasColours(io.env, io.stderr))}\n`);
}

const tones = { error: 'bad', warning: 'warning', info: 'faint' } as const satisfies Record<
  Finding['severity'],
  Tone
>;

/** Returns a finding on one line, with its severity before it. */
export function findingLine(finding: Finding, colour: boolean): string {
  const { severity } = finding;
  return `${paint(`${severity}:`, colour ? tones[severity] : undefined)} ${oneLine(formatFinding(finding))}`;
}
