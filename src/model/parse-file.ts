import { LineCounter, isNode, isScalar, parseAllDocuments } from 'yaml';
import type { Document } from 'yaml';
import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import type { AnchorReader } from '../x509/anchor-reader.ts';
import { defaultLimits } from './limits.ts';
import type { Limits } from './limits.ts';
import { parseMeshTrust } from './parse-mesh-trust.ts';
import type { ParseContext, ParsedDocument, Path } from './parse-mesh-trust.ts';

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
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, stringKeys: true });
  if (!Array.isArray(documents) || text.trim() === '')
    return refuse([finding('MT006', 'is empty', { file })]);
  const limits = options.limits ?? defaultLimits;
  const problems = documents.flatMap((document) => syntaxFindings(document, file, lines, limits));
  if (problems.length > 0) return refuse(problems);

  const parsed: ParsedDocument[] = [];
  let hasContent = false;
  for (const document of documents) {
    const value = valueOf(document);
    if (value.kind === 'failed')
      return refuse([finding('MT002', value.reason, { file, line: lineOfDocument(document, lines) })]);
    if (value.value === null) continue;
    hasContent = true;
    if (typeof value.value !== 'object' || Array.isArray(value.value)) {
      return refuse([finding('MT002', 'is not a mapping', { file, line: lineOfDocument(document, lines) })]);
    }
    const context = contextOf(file, document, lines, options);
    for (const { item, path } of itemsOf(value.value)) parsed.push(parseMeshTrust(item, path, context));
  }
  if (!hasContent) return refuse([finding('MT006', 'has no document', { file })]);
  const known = parsed.filter((document): document is KnownDocument => document.kind !== 'other');
  return { kind: 'documents', documents: known, otherKinds: parsed.length - known.length };
}

function refuse(findings: readonly Finding[]): ParsedFile {
  return { kind: 'refused', findings };
}

function syntaxFindings(
  document: Document,
  file: string,
  lines: LineCounter,
  limits: Limits,
): readonly Finding[] {
  const errors = document.errors.map((error) =>
    finding('MT002', firstLine(error.message), { file, line: lines.linePos(error.pos[0]).line }),
  );
  const length = document.range === undefined ? 0 : document.range[2] - document.range[0];
  if (length > limits.documentLength) {
    const message = `the document has ${length} characters, more than ${limits.documentLength}`;
    errors.push(finding('MT007', message, { file, line: lineOfDocument(document, lines) }));
  }
  return errors;
}

function valueOf(
  document: Document,
):
  { readonly kind: 'value'; readonly value: unknown } | { readonly kind: 'failed'; readonly reason: string } {
  try {
    return { kind: 'value', value: document.toJS() };
  } catch (error) {
    // Unresolved aliases, and alias bombs, are found only when the document is turned into values.
    return { kind: 'failed', reason: firstLine(error instanceof Error ? error.message : String(error)) };
  }
}

function itemsOf(value: object): readonly { readonly item: unknown; readonly path: Path }[] {
  const list = value as { readonly kind?: unknown; readonly items?: unknown };
  const isList = (list.kind === 'List' || list.kind === 'MeshTrustList') && Array.isArray(list.items);
  if (!isList) return [{ item: value, path: [] }];
  return (list.items as readonly unknown[]).map((item, index) => ({ item, path: ['items', index] }));
}

function contextOf(
  file: string,
  document: Document,
  lines: LineCounter,
  options: ParseOptions,
): ParseContext {
  const lineOf = (path: Path): number | undefined => {
    for (let length = path.length; length >= 0; length--) {
      const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
    }
    return undefined;
  };
  const lineInside = (path: Path, line: number): number | undefined => {
    const start = lineOf(path);
    const node = document.getIn(path, true);
    // Only in a literal block is each line of the value a line of the file, below its header.
    const literal = isScalar(node) && node.type === 'BLOCK_LITERAL';
    return start === undefined || !literal ? start : start + line;
  };
  return { file, lineOf, lineInside, ...options };
}

function lineOfDocument(document: Document, lines: LineCounter): number {
  return lines.linePos(document.contents?.range?.[0] ?? document.range?.[0] ?? 0).line;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? text;
}
