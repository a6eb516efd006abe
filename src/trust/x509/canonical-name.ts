import type { Name, NameAttribute } from './walk-name.ts';

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
