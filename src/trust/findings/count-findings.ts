import type { Severity } from './catalogue.ts';
import type { Finding } from './finding.ts';

/** Counts the findings of each severity. */
export function countFindings(findings: Iterable<Finding>): Readonly<Record<Severity, number>> {
  const counts = { error: 0, warning: 0, info: 0 };
  for (const { severity } of findings) counts[severity] += 1;
  return counts;
}
