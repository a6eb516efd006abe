import { contents, context, contextConstructed, inside, tag } from '../x509/der-reader.ts';
import type { Cursor } from '../x509/der-reader.ts';
import { takeName } from '../x509/walk-name.ts';
import { canonicalName } from './canonical-name.ts';
import type { CanonicalName } from './canonical-name.ts';

/** A GeneralName (RFC 5280, section 4.2.1.6), as far as name constraints tell one from another. */
export type SubjectName =
  | { readonly kind: 'uri' | 'dns' | 'email'; readonly text: string }
  | { readonly kind: 'directory'; readonly name: CanonicalName }
  /** Compared with nothing; `tag` says which kind it is. */
  | { readonly kind: 'other'; readonly tag: number };

/** The lists of a name constraints extension. */
export interface NameConstraints {
  readonly permitted: readonly SubjectName[];
  readonly excluded: readonly SubjectName[];
}

/** Takes the contents of a subject alternative name, which was walked before. */
export function takeSubjectNames(value: Cursor): readonly SubjectName[] {
  return takeNames(inside(value.der, value.take(tag.sequence, 'the names')));
}

/** Takes the contents of a name constraints extension, which was walked before. */
export function takeNameConstraints(value: Cursor): NameConstraints {
  const fields = inside(value.der, value.take(tag.sequence, 'the name constraints'));
  const takeList = (number: number): readonly SubjectName[] => {
    const list = fields.takeIf(contextConstructed(number), 'the name constraints');
    if (list === undefined) return [];
    const subtrees = inside(value.der, list);
    const bases: SubjectName[] = [];
    while (subtrees.peek() !== undefined) {
      bases.push(takeOne(inside(value.der, subtrees.take(tag.sequence, 'a subtree'))));
    }
    return bases;
  };
  return { permitted: takeList(0), excluded: takeList(1) };
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
    case contextConstructed(4):
      return {
        kind: 'directory',
        name: canonicalName(takeName(inside(cursor.der, element), 'a name').name),
      };
    default:
      return { kind: 'other', tag: element.tag };
  }
}
