import { formatFinding } from './finding.ts';
import type { Finding } from './finding.ts';

/**
 * Findings in the order given, as one text of at most `limit` characters: those that do not fit are counted. The
 * object is left out of each, since the text stands on the object itself.
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

/** One finding as it is told on its own object: by path and block, or else by certificate. */
export function describeFinding({ fingerprint, ...finding }: Finding): string {
  const rest = { ...finding, file: undefined, line: undefined, resource: undefined };
  const text = formatFinding(rest);
  const isPlaced = finding.path !== undefined || finding.block !== undefined;
  return isPlaced || fingerprint === undefined ? text : `certificate ${fingerprint.slice(0, 16)}: ${text}`;
}

function moreText(count: number): string {
  return `; and ${count} more`;
}
