import { catalogue } from './catalogue.ts';
import type { FindingCode, Severity } from './catalogue.ts';
import { compareText } from '../../text/compare-text.ts';

/** The place of a finding in the input, as far as it is known. */
export interface Place {
  /** The file of the resource, as the user named it, or `kubernetes:namespace/name`. */
  readonly file?: string | undefined;
  /** 1-based line in the file. */
  readonly line?: number | undefined;
  /** `mesh/namespace/name` of the MeshTrust. */
  readonly resource?: string | undefined;
  /** Path in the resource, e.g. `spec.caBundles[1].pem.value`. */
  readonly path?: string | undefined;
  /** 1-based number of the PEM block at the path. */
  readonly block?: number | undefined;
}

/** One observation about the input or the served trust. Never contains certificate or key material. */
export interface Finding extends Place {
  readonly code: FindingCode;
  readonly severity: Severity;
  /** One sentence: the problem and its effect on the served trust. */
  readonly message: string;
  readonly mesh?: string | undefined;
  readonly trustDomain?: string | undefined;
  /** SHA-256 of the certificate as it was listed, lower-case hex. */
  readonly fingerprint?: string | undefined;
}

type FindingDetail = Omit<Finding, 'code' | 'severity' | 'message'>;

/** Makes a finding. The severity is by default the one in the catalogue; some codes have several degrees. */
export function finding(
  code: FindingCode,
  message: string,
  detail: FindingDetail = {},
  severity: Severity = catalogue[code].severity,
): Finding {
  return { code, severity, message, ...detail };
}

const rank: Readonly<Record<Severity, number>> = { error: 0, warning: 1, info: 2 };

/** Compares findings for sorting: the most severe first, then by place. */
export function compareFindings(a: Finding, b: Finding): number {
  return (
    rank[a.severity] - rank[b.severity] ||
    compareText(a.file, b.file) ||
    (a.line ?? 0) - (b.line ?? 0) ||
    compareText(a.resource, b.resource) ||
    compareText(a.code, b.code) ||
    compareText(a.fingerprint, b.fingerprint)
  );
}

/** Formats a finding with the known parts of its place: `a.yaml:14 spec.caBundles[1].pem.value block 2: MT013 …`. */
export function formatFinding(f: Finding): string {
  const where = f.file === undefined ? f.resource : f.line === undefined ? f.file : `${f.file}:${f.line}`;
  const block = f.block === undefined ? undefined : `block ${f.block}`;
  const place = [where, f.path, block].filter((part) => part !== undefined).join(' ');
  return place === '' ? `${f.code} ${f.message}` : `${place}: ${f.code} ${f.message}`;
}

/** Returns the day of a time, in UTC: `2026-12-03`. `time` is in epoch milliseconds. */
export function formatDate(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

/** Counts the findings of each severity. */
export function countFindings(findings: Iterable<Finding>): Readonly<Record<Severity, number>> {
  const counts = { error: 0, warning: 0, info: 0 };
  for (const { severity } of findings) counts[severity] += 1;
  return counts;
}

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
