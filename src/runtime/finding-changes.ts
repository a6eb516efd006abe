import { compareFindings } from '../trust/findings/finding.ts';
import type { Finding } from '../trust/findings/finding.ts';

export interface FindingChanges {
  readonly appeared: readonly Finding[];
  readonly resolved: readonly Finding[];
}

/**
 * Returns the difference between two sets of findings, in the order for people. Nearly all findings are the same
 * objects as before, so only the others are compared by content.
 */
export function findingChanges(before: readonly Finding[], after: readonly Finding[]): FindingChanges {
  const gone = others(before, after);
  const come = others(after, before);
  return { appeared: unlike(come, gone), resolved: unlike(gone, come) };
}

function others(all: readonly Finding[], known: readonly Finding[]): readonly Finding[] {
  const objects = new Set(known);
  return all.filter((finding) => !objects.has(finding));
}

function unlike(all: readonly Finding[], known: readonly Finding[]): readonly Finding[] {
  const keys = new Set(known.map(findingKey));
  return all.filter((finding) => !keys.has(findingKey(finding))).sort(compareFindings);
}

/** Returns a key of everything except the line, which moves with edits above it. */
export function findingKey(finding: Finding): string {
  const { code, severity, file, resource, mesh, trustDomain, fingerprint, path, block, message } = finding;
  return [code, severity, file, resource, mesh, trustDomain, fingerprint, path, block, message].join('\0');
}
