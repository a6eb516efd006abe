import { finding } from '../findings/finding.ts';
import type { FindingCode } from '../findings/catalogue.ts';
import type { Finding } from '../findings/finding.ts';
import { pathText, placeOf } from './parse-context.ts';
import type { ParseContext } from './parse-context.ts';
import type { Path } from './read-yaml.ts';
import { isMapping } from '../../text/json.ts';

/** Records a violation at a path. `message` is a predicate about the value. Returns `undefined` as its result. */
export type Report = (path: Path, message: string, code?: 'MT003' | 'MT008') => undefined;

/**
 * The limit on findings of one kind for one resource. A hostile document of 100 KB has 16,000 unknown fields, and each
 * finding goes into the log.
 */
export const maxFindings = 100;

/** Returns the finding in place of those beyond the limit. */
export function furtherFindings(code: FindingCode, root: Path, context: ParseContext): Finding {
  return finding(
    code,
    'the resource has more findings of this kind, which are not listed',
    placeOf(context, root),
  );
}

/**
 * Collects the violations of the document at `root`. Parsing continues after a violation, to find all of them up to the
 * limit.
 */
export function collectViolations(
  root: Path,
  context: ParseContext,
): { readonly findings: readonly Finding[]; readonly report: Report } {
  const findings: Finding[] = [];
  const report: Report = (path, message, code = 'MT003') => {
    if (findings.length > maxFindings) return undefined;
    if (findings.length === maxFindings) findings.push(furtherFindings(code, root, context));
    else findings.push(finding(code, `${subjectOf(path)} ${message}`, placeOf(context, [...root, ...path])));
    return undefined;
  };
  return { findings, report };
}

/** Returns the last name of a path and its index: `caBundles[1]`. The place of the finding has the whole path. */
function subjectOf(path: Path): string {
  const name = path.findLastIndex((part) => typeof part === 'string');
  return name === -1 ? 'the document' : pathText(path.slice(name));
}

/** Returns the value if it is a mapping; otherwise reports that it is missing or has another type. */
export function requireMapping(
  value: unknown,
  path: Path,
  report: Report,
): Readonly<Record<string, unknown>> | undefined {
  if (isMapping(value)) return value;
  return report(path, value == null ? 'is required' : 'must be a mapping');
}
