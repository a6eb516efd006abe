import { contents, context, contextConstructed, createCursor, inside, tag } from './der-reader.ts';
import type { Cursor } from './der-reader.ts';
import { takeName } from './walk-name.ts';
import { walkCertificate } from './certificate-walk.ts';
import { takeExtension } from './walk-extensions.ts';
import { canonicalName } from './canonical-name.ts';
import type { CanonicalName } from './canonical-name.ts';

/** A GeneralName (RFC 5280, section 4.2.1.6), with the distinctions that name constraints make. */
export type SubjectName =
  | { readonly kind: 'uri' | 'dns' | 'email'; readonly text: string }
  /** An e-mail address in the subject. BoringSSL compares only an IA5String. */
  | { readonly kind: 'email'; readonly text: string; readonly inSubject: true; readonly isIa5: boolean }
  | { readonly kind: 'directory'; readonly name: CanonicalName }
  /** An IP address, or an address and a mask in a constraint. BoringSSL does not compare it. */
  | { readonly kind: 'ip'; readonly bytes: Uint8Array }
  /** A name of another kind that BoringSSL does not compare; `tag` is its kind. */
  | { readonly kind: 'other'; readonly tag: number };

/** One entry of name constraints. */
export interface Subtree {
  readonly base: SubjectName;
  /** Whether it has a minimum or a maximum. BoringSSL refuses every name of the same kind then. */
  readonly isBounded: boolean;
}

/** The lists of a name constraints extension. */
export interface NameConstraints {
  readonly permitted: readonly Subtree[];
  readonly excluded: readonly Subtree[];
}

/** Reads the contents of a subject alternative name that was parsed before. */
export function takeSubjectNames(value: Cursor): readonly SubjectName[] {
  return takeNames(inside(value.der, value.take(tag.sequence, 'the names')));
}

/** Reads the contents of a name constraints extension that was parsed before. */
export function takeNameConstraints(value: Cursor): NameConstraints {
  const fields = inside(value.der, value.take(tag.sequence, 'the name constraints'));
  const takeList = (number: number): readonly Subtree[] => {
    const list = fields.takeIf(contextConstructed(number), 'the name constraints');
    if (list === undefined) return [];
    const subtrees = inside(value.der, list);
    const bases: Subtree[] = [];
    while (subtrees.peek() !== undefined) {
      const subtree = inside(value.der, subtrees.take(tag.sequence, 'a subtree'));
      const base = takeOne(subtree);
      bases.push({ base, isBounded: subtree.peek() !== undefined });
    }
    return bases;
  };
  return { permitted: takeList(0), excluded: takeList(1) };
}

const nameConstraintsId = '551d1e';
const alternativeNamesId = '551d11';
/** `emailAddress`, as hex of the identifier. */
const emailAddress = '2a864886f70d010901';

/**
 * Returns the names of a certificate that was parsed before: the subject, its e-mail addresses, the alternative names.
 */
export function readSubjectNames(der: Uint8Array): readonly SubjectName[] {
  const { name } = walkCertificate(der).subject;
  const value = findExtension(der, alternativeNamesId);
  return [
    ...(name.length === 0 ? [] : [{ kind: 'directory', name: canonicalName(name) } as const]),
    ...name.flat().flatMap(({ type, value: text, tag: kind }) => {
      if (type !== emailAddress) return [];
      return [{ kind: 'email', text, inSubject: true, isIa5: kind === tag.ia5String } as const];
    }),
    ...(value === undefined ? [] : takeSubjectNames(value)),
  ];
}

/** Returns the name constraints of a certificate that was parsed before, or `undefined` without the extension. */
export function readNameConstraints(der: Uint8Array): NameConstraints | undefined {
  const value = findExtension(der, nameConstraintsId);
  return value && takeNameConstraints(value);
}

function findExtension(der: Uint8Array, id: string): Cursor | undefined {
  const { extensionsField } = walkCertificate(der);
  if (extensionsField === undefined) return undefined;
  const list = inside(der, inside(der, extensionsField).take(tag.sequence, 'the extensions'));
  while (list.peek() !== undefined) {
    const { oid, value } = takeExtension(list);
    if (oid === id) return createCursor(der, value.body, value.end);
  }
  return undefined;
}

function takeNames(names: Cursor): readonly SubjectName[] {
  const taken: SubjectName[] = [];
  while (names.peek() !== undefined) taken.push(takeOne(names));
  return taken;
}

function takeOne(cursor: Cursor): SubjectName {
  const element = cursor.any('a name');
  const text = (): string => Buffer.from(contents(cursor.der, element)).toString('latin1');
  switch (element.tag) {
    case context(1):
      return { kind: 'email', text: text() };
    case context(2):
      return { kind: 'dns', text: text() };
    case context(6):
      return { kind: 'uri', text: text() };
    case context(7):
      return { kind: 'ip', bytes: contents(cursor.der, element) };
    case contextConstructed(4):
      return {
        kind: 'directory',
        name: canonicalName(takeName(inside(cursor.der, element), 'a name').name),
      };
    default:
      return { kind: 'other', tag: element.tag };
  }
}
