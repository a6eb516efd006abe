import { formatFinding } from './finding.ts';
import type { Finding } from './finding.ts';

/**
 * Joins findings, in the given order, into one text of at most `limit` characters. Findings that do not fit are only
 * counted. The text is attached to the object itself, so it does not repeat the name of the object.
 */
export function describeFindings(findings: readonly Finding[], limit: number): string {
  let text = '';
  for (const [index, finding] of findings.entries()) {
    const more = findings.length - index - 1;
    const line = describeFinding(finding);
    const next = text === '' ? line : `${text}; ${line}`;
    if (next.length + (more > 0 ? moreText(more).length : 0) > limit)
      return text === '' ? line.slice(0, limit) : text + moreText(more + 1);
    text = next;
  }
  return text;
}

/** Formats a finding for the object that it concerns: with path and block or, without these, the certificate. */
export function describeFinding({ fingerprint, ...finding }: Finding): string {
  const rest = { ...finding, file: undefined, line: undefined, resource: undefined };
  const text = formatFinding(rest);
  const isPlaced = finding.path !== undefined || finding.block !== undefined;
  return isPlaced || fingerprint === undefined ? text : `certificate ${fingerprint.slice(0, 16)}: ${text}`;
}

function moreText(count: number): string {
  return `; and ${count} more`;
}
