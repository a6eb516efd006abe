import { finding } from '../findings/finding.ts';
import type { Finding, Place } from '../findings/finding.ts';
import type { AnchorReader } from '../x509/anchor-reader.ts';
import { defaultLimits } from './limits.ts';
import type { Limits } from './limits.ts';
import { parseMeshTrust } from './parse-mesh-trust.ts';
import type { ParsedDocument } from './parse-mesh-trust.ts';
import { readYaml } from './read-yaml.ts';
import type { Path, YamlDocument } from './read-yaml.ts';

export interface ParseOptions {
  readonly defaultMesh: string;
  readonly reader: AnchorReader;
  readonly limits?: Limits;
}

/**
 * A whole file: its MeshTrusts, or the reason why nothing in it can be relied on. YAML is prefix-tolerant
 * and one syntax error can swallow the documents around it, so an error anywhere refuses the whole file.
 */
export type ParsedFile =
  | { readonly kind: 'documents'; readonly documents: readonly KnownDocument[]; readonly otherKinds: number }
  | { readonly kind: 'refused'; readonly findings: readonly Finding[] };

export type KnownDocument = Exclude<ParsedDocument, { readonly kind: 'other' }>;

/** Reads a YAML or JSON file (YAML 1.2 is a superset): one or several documents, each a resource or a List. */
export function parseFile(file: string, text: string, options: ParseOptions): ParsedFile {
  if (text.trim() === '') return refuse([finding('MT006', 'is empty', { file })]);
  const reading = readYaml(text);
  if (reading.kind === 'failed')
    return refuse([finding('MT002', reading.reason, { file, line: reading.line })]);
  const documents = reading.documents.filter(({ value }) => value !== null);
  if (documents.length === 0) return refuse([finding('MT006', 'has no document', { file })]);
  const problems = documents.flatMap((document) =>
    objection(document, file, options.limits ?? defaultLimits),
  );
  if (problems.length > 0) return refuse(problems);
  const parsed = documents.flatMap((document) =>
    itemsOf(document.value).map(({ item, path }) =>
      parseMeshTrust(item, path, { file, ...document, ...options }),
    ),
  );
  const known = parsed.filter((document): document is KnownDocument => document.kind !== 'other');
  return { kind: 'documents', documents: known, otherKinds: parsed.length - known.length };
}

function refuse(findings: readonly Finding[]): ParsedFile {
  return { kind: 'refused', findings };
}

function objection(
  { value, length, lineOf }: YamlDocument,
  file: string,
  limits: Limits,
): readonly Finding[] {
  // What is neither a mapping nor nothing is the beginning of something, or no resource file at all.
  if (typeof value !== 'object' || Array.isArray(value)) {
    return [finding('MT002', 'is not a mapping', { file, line: lineOf([]) })];
  }
  return objectionToLength(length, limits, { file, line: lineOf([]) });
}

/** What is wrong with a document of so many characters. */
export function objectionToLength(
  length: number,
  { documentLength }: Limits,
  place: Place,
): readonly Finding[] {
  if (length <= documentLength) return [];
  return [finding('MT007', `the document has ${length} characters, more than ${documentLength}`, place)];
}

function itemsOf(value: unknown): readonly { readonly item: unknown; readonly path: Path }[] {
  const list = value as { readonly kind?: unknown; readonly items?: unknown };
  const isList = (list.kind === 'List' || list.kind === 'MeshTrustList') && Array.isArray(list.items);
  if (!isList) return [{ item: value, path: [] }];
  return (list.items as readonly unknown[]).map((item, index) => ({ item, path: ['items', index] }));
}
