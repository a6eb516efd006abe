import { finding } from '../findings/finding.ts';
import type { Finding, Place } from '../findings/finding.ts';
import type { AnchorReader } from '../x509/anchor-reader.ts';
import { defaultLimits } from './limits.ts';
import type { Limits } from './limits.ts';
import { documentKindOf } from './document-kind.ts';
import type { DocumentKind } from './document-kind.ts';
import { placeOf } from './parse-context.ts';
import type { ParseContext } from './parse-context.ts';
import { parseMeshTrust, rejectUnrecognised } from './parse-mesh-trust.ts';
import type { ParsedDocument } from './parse-mesh-trust.ts';
import { readCaSecret } from './ca-secret.ts';
import type { CaSecret, ParsedIdentity } from './mesh-identity.ts';
import { parseMeshIdentity } from './parse-mesh-identity.ts';
import { readAhead } from './read-ahead.ts';
import { readYaml } from './read-yaml.ts';
import { countMarks, splitDocuments } from './split-documents.ts';
import type { TextPart } from './split-documents.ts';
import type { Path, YamlDocument } from './read-yaml.ts';
import {
  isFederatedTrustDomain,
  parseFederatedTrustDomain,
  remarksOf,
} from './parse-federated-trust-domain.ts';
import type { ParsedFederatedTrustDomain } from './federated-trust-domain.ts';
import { isMapping } from '../../text/json.ts';

/** Options of `parseFile`. */
export interface ParseOptions {
  readonly defaultMesh: string;
  readonly reader: AnchorReader;
  readonly limits?: Limits;
  /** True to read MeshIdentities, and the Secrets with their CA certificates, as well. */
  readonly identities?: boolean;
  /** True to read ClusterFederatedTrustDomains as well. */
  readonly federation?: boolean;
}

/**
 * A parsed file: its documents, or the reason why no part of it can be relied on. YAML is prefix-tolerant, and one
 * syntax error can swallow the documents around it, so an error anywhere refuses the whole file.
 */
export type ParsedFile =
  | {
      readonly kind: 'documents';
      readonly documents: readonly ParsedDocument[];
      /** Documents of other kinds. */
      readonly others: readonly OtherDocument[];
      /** The MeshIdentities, if they are read; otherwise they are documents of another kind. */
      readonly identities: readonly ParsedIdentity[];
      /** The Secrets that may have the CA of a MeshIdentity, if these are read. */
      readonly secrets: readonly CaSecret[];
      /** The ClusterFederatedTrustDomains, if they are read. They are among `others`, too. */
      readonly federated: readonly ParsedFederatedTrustDomain[];
      /** Findings about documents that are no MeshTrusts. */
      readonly remarks: readonly Finding[];
    }
  | { readonly kind: 'refused'; readonly findings: readonly Finding[] };

/** A document that is not a MeshTrust. */
export interface OtherDocument {
  /** The kind of the document, for messages. */
  readonly label: string;
  /** Kind, namespace and name: identify the document across versions of the file. */
  readonly id: string;
}

/** The number of levels of nested lists that are read. */
const deepestList = 4;

/** Parses a YAML or JSON file (YAML 1.2 is a superset of JSON): documents that are each a resource or a list. */
export function parseFile(file: string, text: string, options: ParseOptions): ParsedFile {
  const steps = parseFileSteps(file, text, options);
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/**
 * Parses like `parseFile`, but yields after each document, and within a long one, so that other work can run before the
 * next.
 */
export function* parseFileSteps(
  file: string,
  text: string,
  options: ParseOptions,
): Generator<undefined, ParsedFile> {
  if (!/\S/.test(text)) return refuse([finding('MT006', 'the file is empty', { file })]);
  const limits = options.limits ?? defaultLimits;
  const collected: Collected = {
    documents: [],
    others: [],
    identities: [],
    secrets: [],
    federated: [],
    remarks: [],
  };
  const problems: Finding[] = [];
  const checkPart = createPartCheck(file, limits);
  let count = 0;
  let isFirst = true;
  for (const part of splitDocuments(text, longestPart(limits))) {
    if (!isFirst) yield;
    isFirst = false;
    const excess = checkPart(part);
    if (excess !== undefined) return refuse([excess]);
    const reading = readYaml(part.text, part.line);
    if (reading.kind === 'failed')
      return refuse([
        finding('MT002', `the YAML cannot be read: ${reading.reason}`, { file, line: reading.line }),
      ]);
    for (const document of reading.documents) {
      if (document.value === null) continue;
      count += 1;
      const found = checkDocument(document, file, limits);
      problems.push(...found);
      if (found.length === 0) yield* collectItems(document, file, options, collected);
    }
  }
  if (count === 0) return refuse([finding('MT006', 'the file has no document', { file })]);
  if (problems.length > 0) return refuse(problems);
  const remarks = [...collected.remarks, ...collected.federated.flatMap(remarksOf)];
  return { kind: 'documents', ...collected, remarks };
}

/** The resources of a file so far, by kind. */
interface Collected {
  readonly documents: ParsedDocument[];
  readonly others: OtherDocument[];
  readonly identities: ParsedIdentity[];
  readonly secrets: CaSecret[];
  readonly federated: ParsedFederatedTrustDomain[];
  readonly remarks: Finding[];
}

/** Creates a function that returns a finding if a part, or all parts of the file so far, exceed a limit. */
function createPartCheck(file: string, limits: Limits): (part: TextPart) => Finding | undefined {
  const longest = longestPart(limits);
  const most = maxMarks(limits);
  let parts = 0;
  let marks = 0;
  return ({ text, line }) => {
    parts += 1;
    if (parts > mostDocuments)
      return finding('MT007', `the file has more than ${mostDocuments} documents`, { file });
    if (text.length > longest) return finding('MT007', tooLong(limits), { file, line });
    const ofPart = countMarks(text, most);
    if (ofPart > most) return finding('MT007', `the document ${tooManyMarks}`, { file, line });
    marks += ofPart;
    return marks > mostFullDocuments * most
      ? finding('MT007', `the file ${tooManyMarks}`, { file, line })
      : undefined;
  };
}

/** Parses the items of a document. */
function* collectItems(
  document: YamlDocument,
  file: string,
  options: ParseOptions,
  into: Collected,
): Generator<undefined, undefined> {
  const context: ParseContext = { file, ...document, ...options };
  let items = 0;
  for (const one of classify(document.value, [], 0)) {
    items += 1;
    if (items % itemsPerStep === 0) yield;
    if (one.kind === 'kubernetes' || one.kind === 'universal')
      yield* readAhead(one.value, options.reader, options.limits ?? defaultLimits);
    const form = options.identities === true ? identityFormOf(one.value) : undefined;
    if (form !== undefined)
      into.identities.push(parseMeshIdentity(form, one.value as Record<string, unknown>, one.path, context));
    else if (one.kind === 'other') collectOther(one, context, options, into);
    else into.documents.push(readClassified(one, context));
  }
}

/** Adds a document that is not a MeshTrust, and the resource in it that the options ask for. */
function collectOther(
  { label, id, value, path }: Extract<Classified, { readonly kind: 'other' }>,
  context: ParseContext,
  { federation, identities }: ParseOptions,
  into: Collected,
): void {
  into.others.push({ label, id });
  if (isFederatedTrustDomain(value)) {
    if (federation === true) into.federated.push(parseFederatedTrustDomain(value, path, context));
    else into.remarks.push(federationOff(path, context));
  }
  const secret = identities === true && isMapping(value) ? readCaSecret(value, path, context) : undefined;
  if (secret !== undefined) into.secrets.push(secret);
}

/** Returns the form of a MeshIdentity; `undefined` for documents of other kinds. */
function identityFormOf(value: unknown): 'kubernetes' | 'universal' | undefined {
  if (!isMapping(value)) return undefined;
  const { type, kind, apiVersion } = value;
  if (kind === undefined && type === 'MeshIdentity') return 'universal';
  const isKuma = typeof apiVersion === 'string' && apiVersion.startsWith('kuma.io/');
  return kind === 'MeshIdentity' && isKuma ? 'kubernetes' : undefined;
}

/** Returns the limit on marks: twice as many as PEM of the maximum length has, and enough for a short document. */
function maxMarks({ documentLength }: Limits): number {
  return Math.max(minimumMarks, Math.ceil(documentLength / 16));
}

const minimumMarks = 8192;
/** Items of a list that are read in one step. */
const itemsPerStep = 50;
/** The limit on marks in one file, in documents with the maximum number of marks: 32 of them take half a second. */
const mostFullDocuments = 32;
/** The limit on documents in one file: more than any repository has in one. */
const mostDocuments = 10_000;

/** The limit on a part, which has the comments around its document as well. The exact check of the document follows. */
function longestPart({ documentLength }: Limits): number {
  return 2 * documentLength;
}

function tooLong({ documentLength }: Limits): string {
  return `the document has more than ${documentLength} characters`;
}

const tooManyMarks = 'has too many values, lines or escapes for a MeshTrust';

type Classified = { readonly value: unknown; readonly path: Path } & Exclude<
  DocumentKind,
  { readonly kind: 'list' }
>;

/** Returns the kind of a document or, for a list, the kind of each item. */
function* classify(value: unknown, path: Path, depth: number): Generator<Classified, undefined> {
  const found = documentKindOf(value);
  if (found.kind !== 'list') {
    yield { ...found, value, path };
    return;
  }
  const tooDeep = depth >= deepestList ? 'is a list nested in too many lists' : undefined;
  const partial = found.isPartial ? 'is one page of a longer list' : undefined;
  const reason = tooDeep ?? partial;
  if (reason !== undefined) yield { kind: 'unrecognised', reason, value, path };
  if (tooDeep !== undefined) return;
  for (const [index, item] of found.items.entries())
    yield* classify(item, [...path, 'items', index], depth + 1);
}

function readClassified(
  one: Exclude<Classified, { readonly kind: 'other' }>,
  context: ParseContext,
): ParsedDocument {
  return one.kind === 'unrecognised'
    ? rejectUnrecognised(one.reason, one.value, one.path, context)
    : parseMeshTrust(one.kind, one.value as Record<string, unknown>, one.path, context);
}

function federationOff(path: Path, context: ParseContext): Finding {
  return finding(
    'MT082',
    'the ClusterFederatedTrustDomain is not read: serve --federation reads it',
    placeOf(context, path),
  );
}

function refuse(findings: readonly Finding[]): ParsedFile {
  return { kind: 'refused', findings };
}

function checkDocument(
  { value, length, lineOf }: YamlDocument,
  file: string,
  limits: Limits,
): readonly Finding[] {
  // Any other value is the beginning of an unfinished file, or the file is not a resource file at all.
  if (typeof value !== 'object' || Array.isArray(value)) {
    const isPem = typeof value === 'string' && value.startsWith('-----BEGIN ');
    const reason = isPem ? isPemInstead : 'the document is not a mapping';
    return [finding('MT002', reason, { file, line: lineOf([]) })];
  }
  return checkLength(length, limits, { file, line: lineOf([]) });
}

const isPemInstead = 'the document is PEM, not a MeshTrust: put it into spec.caBundles[0].pem.value of one';

/** Returns a finding if a document of `length` characters exceeds the limit. */
export function checkLength(length: number, { documentLength }: Limits, place: Place): readonly Finding[] {
  if (length <= documentLength) return [];
  return [finding('MT007', `the document has ${length} characters, more than ${documentLength}`, place)];
}
