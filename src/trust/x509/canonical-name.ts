import type { Name, NameAttribute } from './walk-name.ts';
import { createCursor } from './der-reader.ts';
import { takeName } from './walk-name.ts';

/** The canonical forms of encoded Names, while their arrays live. */
const keys = new WeakMap<Uint8Array, string>();

/** A Name in the form in which BoringSSL compares names: one text per relative distinguished name. */
export type CanonicalName = readonly string[];

/**
 * Returns the canonical form of a Name. The comparison ignores the string types, ASCII letter case, blanks around a
 * value and the number of blanks inside (RFC 5280, section 7.1, as in OpenSSL and BoringSSL). NumericStrings and values
 * that are not text are compared byte for byte.
 */
export function canonicalName(name: Name): CanonicalName {
  return name.map((attributes) => JSON.stringify(attributes.map(canonicalAttribute).toSorted()));
}

/** Returns whether two names are equal in BoringSSL. */
export function isSameName(one: CanonicalName, other: CanonicalName): boolean {
  return one.length === other.length && isBelow(one, other);
}

/** Returns whether `name` begins with all parts of `base`. */
export function isBelow(name: CanonicalName, base: CanonicalName): boolean {
  return base.every((part, index) => part === name[index]);
}

function canonicalAttribute({ type, value, exact }: NameAttribute): string {
  return exact === undefined ? `${type}=${canonicalText(value)}` : `${type}#${exact}`;
}

function canonicalText(value: string): string {
  return value
    .replaceAll(/[\t-\r ]+/g, ' ')
    .replaceAll(/^ | $/g, '')
    .replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/**
 * Returns the canonical form of an encoded Name as one string, for use as a map key. The name must have been parsed
 * before. Two encodings have the same key exactly if BoringSSL considers the names equal. The result is cached while
 * the array lives.
 */
export function canonicalNameKey(der: Uint8Array): string {
  let key = keys.get(der);
  if (key === undefined) {
    const { name } = takeName(createCursor(der, 0, der.length), 'a name');
    keys.set(der, (key = JSON.stringify(canonicalName(name))));
  }
  return key;
}

/** Returns whether BoringSSL considers two encoded Names equal. Most equal names are the same bytes. */
export function isSameEncodedName(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0 || canonicalNameKey(one) === canonicalNameKey(other);
}
