import { loadAll } from 'js-yaml';
import { isMapping } from '../text/json.ts';
import { isAmbiguous, namesIn, parsePathPattern, parsePattern, parseSpiffePattern } from './pattern.ts';
import type { ParsedPattern, Pattern } from './pattern.ts';
import { serviceAccountNames } from './rules.ts';
import type { AccessRule, RuleFrom } from './rules.ts';

/** Parsed rules, or all violations, each with its path. */
export type ParsedRules =
  | { readonly kind: 'rules'; readonly rules: readonly AccessRule[] }
  | { readonly kind: 'invalid'; readonly violations: readonly string[] };

/** Maximum length of the file, in characters, and maximum number of rules. */
const maxLength = 1_048_576;
const maxRules = 10_000;

/** Collects violations. A path has the form `[0].from.spiffeId`. */
interface Violations {
  /** Returns `undefined`, so that a reader can report and return in one statement. */
  add(path: string, reason: string): undefined;
}

/**
 * Parses the rules of `--xds-access`: a YAML list. An unknown field is a violation, because a rule with a misspelt
 * field would allow more than was meant. Violations quote nothing of the file.
 */
export function parseRules(text: string): ParsedRules {
  const violations: string[] = [];
  const report: Violations = {
    add: (path, reason) => {
      violations.push(`${path} ${reason}`);
    },
  };
  const rules = readRules(text, report);
  return violations.length > 0 || rules === undefined
    ? { kind: 'invalid', violations }
    : { kind: 'rules', rules };
}

function readRules(text: string, report: Violations): readonly AccessRule[] | undefined {
  if (text.length > maxLength) return report.add('the file', `is longer than ${maxLength} characters`);
  let documents: readonly unknown[];
  try {
    documents = loadAll(text);
  } catch (error) {
    const line = (error as { readonly mark?: { readonly line?: unknown } }).mark?.line;
    const where = typeof line === 'number' ? ` (line ${line + 1})` : '';
    return report.add('the file', `is not valid YAML${where}`);
  }
  const [list, ...more] = documents;
  if (more.length > 0) return report.add('the file', 'has more than one YAML document');
  // An empty file is probably an unfinished write. If it counted as an empty list, every proxy would be refused.
  if (!Array.isArray(list)) return report.add('the file', 'is not a list of rules ([] refuses every proxy)');
  if (list.length > maxRules) return report.add('the file', `has more than ${maxRules} rules`);
  return list.flatMap((item: unknown, index) => readRule(item, `[${index}]`, report) ?? []);
}

function readRule(item: unknown, path: string, report: Violations): AccessRule | undefined {
  if (!isMapping(item)) return report.add(path, 'is not a mapping');
  refuseUnknown(item, ['from', 'mesh', 'node'], path, report);
  const from = readFrom(item['from'], `${path}.from`, report);
  const bound = from && new Set(boundNames(from));
  const meshes = readMeshes(item['mesh'], `${path}.mesh`, bound, report);
  const node = 'node' in item ? readTemplate(item['node'], `${path}.node`, bound, report) : undefined;
  return from && meshes && { from, meshes, node };
}

function readFrom(value: unknown, path: string, report: Violations): RuleFrom | undefined {
  if (!isMapping(value))
    return report.add(path, 'is not a mapping with spiffeId, or with namespace and serviceAccount');
  refuseUnknown(value, ['spiffeId', 'namespace', 'serviceAccount'], path, report);
  if ('spiffeId' in value) {
    if ('namespace' in value || 'serviceAccount' in value)
      return report.add(path, 'has both spiffeId and a service account: write two rules');
    const id = readSource(value['spiffeId'], `${path}.spiffeId`, parseSpiffePattern, report);
    return id && { kind: 'spiffe', id };
  }
  const namespace = readSource(value['namespace'], `${path}.namespace`, parsePattern, report);
  const name = readSource(value['serviceAccount'], `${path}.serviceAccount`, parsePattern, report);
  return namespace && name && { kind: 'service-account', namespace, name };
}

/** Reads a pattern of `from`, which is matched with the identity of a client. */
function readSource(
  value: unknown,
  path: string,
  parse: (text: string) => ParsedPattern,
  report: Violations,
): Pattern | undefined {
  const pattern = readPattern(value, path, parse, report);
  if (pattern === undefined || !isAmbiguous(pattern)) return pattern;
  return report.add(path, 'has a segment with more than one * or {name}');
}

function readMeshes(
  value: unknown,
  path: string,
  bound: ReadonlySet<string> | undefined,
  report: Violations,
): readonly Pattern[] | undefined {
  if (!Array.isArray(value)) {
    const mesh = readTemplate(value, path, bound, report);
    return mesh && [mesh];
  }
  if (value.length === 0) return report.add(path, 'is an empty list');
  const meshes = value.map((item: unknown, index) => readTemplate(item, `${path}[${index}]`, bound, report));
  return meshes.filter((mesh) => mesh !== undefined);
}

/** Reads a pattern that may use the names in `bound`: those of `from`, or `undefined` if `from` is invalid. */
function readTemplate(
  value: unknown,
  path: string,
  bound: ReadonlySet<string> | undefined,
  report: Violations,
): Pattern | undefined {
  const pattern = readPattern(value, path, parsePathPattern, report);
  const missing = pattern && bound && namesIn(pattern).find((name) => !bound.has(name));
  if (missing === undefined) return pattern;
  return report.add(path, 'uses a {name} that is not in from');
}

function readPattern(
  value: unknown,
  path: string,
  parse: (text: string) => ParsedPattern,
  report: Violations,
): Pattern | undefined {
  if (value === undefined) return report.add(path, 'is missing');
  if (typeof value !== 'string') return report.add(path, 'is not a string');
  const parsed = parse(value);
  return parsed.kind === 'pattern' ? parsed.pattern : report.add(path, parsed.reason);
}

function boundNames(from: RuleFrom): readonly string[] {
  if (from.kind === 'spiffe') return namesIn(from.id);
  return [...serviceAccountNames, ...namesIn(from.namespace), ...namesIn(from.name)];
}

function refuseUnknown(
  value: Readonly<Record<string, unknown>>,
  known: readonly string[],
  path: string,
  report: Violations,
): void {
  const unknown = Object.keys(value).filter((key) => !known.includes(key)).length;
  if (unknown > 0) report.add(path, `has an unknown field: the fields are ${known.join(', ')}`);
}
