import type { MeshTrust } from '../model/mesh-trust.ts';
import { parseFile } from '../model/parse-file.ts';
import type { ParseOptions } from '../model/parse-file.ts';
import type { ParsedDocument } from '../model/parse-mesh-trust.ts';
import { formatForcedSteps } from '../model/forced-steps.ts';
import { annotationsPath } from '../model/read-rotation.ts';
import { parseMark } from '../model/rotation-values.ts';
import type { Path } from '../model/read-yaml.ts';
import { rotationKeys } from '../rotation-keys.ts';
import type { RotationKey } from '../rotation-keys.ts';
import type { AnchorReader } from '../x509/anchor-reader.ts';
import { removeAnnotation, setAnnotation } from './edit-annotations.ts';
import { addCertificate, removeCertificate } from './edit-certificates.ts';
import { restOfText } from './rest-of-text.ts';
import { EditError, entryOf } from './splice.ts';
import { lineStart, nodeAt, readTree } from './yaml-tree.ts';
import type { Node } from './yaml-tree.ts';

type ReadResource = Extract<ParsedDocument, { readonly kind: 'mesh-trust' }>;

/** One change of a MeshTrust. */
export type Edit =
  /** Sets an annotation, or removes it if the value is undefined. */
  | { readonly kind: 'annotate'; readonly key: RotationKey; readonly value: string | undefined }
  | { readonly kind: 'add'; readonly fingerprint: string; readonly pem: string }
  | { readonly kind: 'remove'; readonly fingerprint: string };

/** The next text of a file, or the reason why it must be changed by hand. */
export type EditedText =
  { readonly kind: 'edited'; readonly text: string } | { readonly kind: 'refused'; readonly reason: string };

/** The position of a resource in a file: the number of its document, and its path in a list. */
interface Position {
  readonly document: number;
  readonly path: Path;
}

/**
 * Changes one MeshTrust of a YAML or JSON text. All other characters stay as they are: comments, order, quotes. The
 * result is parsed again: if anything but the named changes differs, the text is refused.
 */
export function editText(
  text: string,
  resource: MeshTrust,
  edits: readonly Edit[],
  options: ParseOptions,
): EditedText {
  try {
    const position = positionOf(text, resource);
    if (position === undefined) throw new EditError('the resource was not found in the text');
    const edited = edits.reduce((current, edit) => applyEdit(current, position, edit, options.reader), text);
    return isOnlyChange(text, edited, resource, edits, options)
      ? { kind: 'edited', text: edited }
      : { kind: 'refused', reason: 'it has a form that cannot be edited without other changes' };
  } catch (error) {
    if (error instanceof EditError) return { kind: 'refused', reason: error.message };
    throw error;
  }
}

/**
 * Returns whether a text says the same as before except for the edits of one resource. This includes documents and
 * fields that are no trust: an alias can make an edit change them as well.
 */
export function isOnlyChange(
  before: string,
  after: string,
  resource: Pick<MeshTrust, 'identity' | 'place'>,
  edits: readonly Edit[],
  options: ParseOptions,
): boolean {
  const expected = digest(before, options, (one) =>
    one.identity === resource.identity ? afterEdits(one, edits) : one,
  );
  if (expected === undefined || digest(after, options, (one) => one) !== expected) return false;
  const position = positionOf(before, resource);
  const rest = position && restOfText(before, position);
  return position !== undefined && rest !== undefined && restOfText(after, position) === rest;
}

function applyEdit(text: string, position: Position, edit: Edit, reader: AnchorReader): string {
  const resource = resourceAt(text, position);
  const bundles = nodeAt(resource, ['spec', 'caBundles']);
  switch (edit.kind) {
    case 'add':
      return addCertificate(text, bundles, edit.pem);
    case 'remove': {
      const next = removeCertificate(text, bundles, edit.fingerprint, reader);
      // The resource may list a certificate more than once.
      return next === undefined ? text : applyEdit(next, position, edit, reader);
    }
    case 'annotate': {
      const form = entryOf(resource, 'kind') === undefined ? 'universal' : 'kubernetes';
      const holder = nodeAt(resource, annotationsPath(form).slice(0, -1));
      return edit.value === undefined
        ? removeAnnotation(text, holder, edit.key)
        : setAnnotation(text, holder, edit.key, edit.value);
    }
  }
}

function positionOf(text: string, { place }: Pick<MeshTrust, 'place'>): Position | undefined {
  const roots = readTree(text) ?? [];
  const path = [...(place.path ?? '').matchAll(/([A-Za-z]+)|\[(\d+)\]/g)].map(
    ([, name, index]) => name ?? Number(index),
  );
  const lines = (at: number): number => text.slice(0, lineStart(text, at)).split('\n').length;
  const document = roots.findIndex((root) => {
    const node = nodeAt(root, path);
    return node?.kind === 'mapping' && lines(node.start) === place.line;
  });
  return document === -1 ? undefined : { document, path };
}

function resourceAt(text: string, { document, path }: Position): Node {
  const root = readTree(text)?.[document];
  const node = root && nodeAt(root, path);
  if (node?.kind !== 'mapping') throw new EditError('the resource was not found in the text');
  return node;
}

/** The content of a resource, without its place. */
interface Meaning {
  readonly identity: string;
  readonly trustDomain: string;
  readonly origin: string | undefined;
  readonly blocks: readonly string[];
  readonly rotation: Readonly<Partial<Record<RotationKey, string | number | undefined>>>;
  readonly remarks: readonly string[];
}

function meaningOf({ resource, remarks }: ReadResource): Meaning {
  const { identity, trustDomain, originKri, blocks, rotation, forcedSteps } = resource;
  return {
    identity,
    trustDomain,
    origin: originKri,
    blocks: blocks.map((block) =>
      block.kind === 'anchor' ? block.certificate.fingerprint : `${block.code} ${block.reason}`,
    ),
    rotation: {
      [rotationKeys.old]: rotation?.old,
      [rotationKeys.new]: rotation?.new,
      [rotationKeys.switchedAt]: rotation?.switchedAt,
      [rotationKeys.leafTtl]: rotation?.leafTtlMs,
      [rotationKeys.startedAt]: rotation?.startedAt,
      [rotationKeys.backAt]: rotation?.backAt,
      [rotationKeys.forced]: forcedSteps && formatForcedSteps(forcedSteps),
    },
    remarks: remarks.filter(({ code }) => code !== 'MT100').map(({ code, message }) => `${code} ${message}`),
  };
}

/** Returns what a resource says after the edits. */
function afterEdits(before: Meaning, edits: readonly Edit[]): Meaning {
  let { blocks, rotation } = before;
  for (const edit of edits) {
    if (edit.kind === 'add') blocks = [...blocks, edit.fingerprint];
    else if (edit.kind === 'remove') blocks = blocks.filter((one) => one !== edit.fingerprint);
    else {
      const value = edit.value === undefined ? undefined : parseMark(edit.key, edit.value);
      rotation = { ...rotation, [edit.key]: value };
    }
  }
  return { ...before, blocks, rotation };
}

/** Returns all that a text says, as one string; `undefined` if it cannot be read. */
function digest(
  text: string,
  options: ParseOptions,
  change: (meaning: Meaning) => Meaning,
): string | undefined {
  const parsed = parseFile('text', text, options);
  if (parsed.kind === 'refused') return undefined;
  const documents = parsed.documents.map((document) =>
    document.kind === 'mesh-trust'
      ? change(meaningOf(document))
      : { kind: document.kind, findings: document.findings.map(({ code, message }) => `${code} ${message}`) },
  );
  return JSON.stringify([documents, parsed.others, parsed.identities.length, parsed.secrets.length]);
}
