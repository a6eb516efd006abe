import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import { pathText, placeOf } from './parse-context.ts';
import type { ParseContext } from './parse-context.ts';
import type { Path } from './read-yaml.ts';

/** Notes what is wrong with the value at a path, as a sentence whose subject is the name of the value; undefined, so that a reader can return it for no value. */
export type Report = (path: Path, message: string, code?: 'MT003' | 'MT008') => undefined;

/** The violations of the document at `root`, as they are reported: reading goes on, to find all of them. */
export function collectViolations(
  root: Path,
  context: ParseContext,
): { readonly findings: readonly Finding[]; readonly report: Report } {
  const findings: Finding[] = [];
  const report: Report = (path, message, code = 'MT003') => {
    findings.push(finding(code, `${subjectOf(path)} ${message}`, placeOf(context, [...root, ...path])));
    return undefined;
  };
  return { findings, report };
}

/** The last name of a path, with the index behind it: `caBundles[1]`. The place of the finding has all of the path. */
function subjectOf(path: Path): string {
  const name = path.findLastIndex((part) => typeof part === 'string');
  return name === -1 ? 'the document' : pathText(path.slice(name));
}

/** The value as a mapping; reports one that is missing or something else. */
export function asMapping(value: unknown, path: Path, report: Report): Record<string, unknown> | undefined {
  if (isMapping(value)) return value;
  return report(path, value == null ? 'is required' : 'must be a mapping');
}

/** True for what a YAML mapping or a JSON object gives. */
export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
