import type { Name, NameAttribute } from './walk-name.ts';

/** A Name in the form by which BoringSSL compares names: a text for each of its parts. */
export type CanonicalName = readonly string[];

/**
 * Names are compared without regard to the kinds of their strings, to ASCII letter case, to blanks around a value
 * or to how many there are within (RFC 5280, section 7.1, as OpenSSL and BoringSSL read it). NumericStrings and
 * values that are not text are compared byte for byte.
 */
export function canonicalName(name: Name): CanonicalName {
  return name.map((attributes) => JSON.stringify(attributes.map(canonicalAttribute).toSorted()));
}

/** Whether two names are one to BoringSSL. */
export function isSameName(one: CanonicalName, other: CanonicalName): boolean {
  return one.length === other.length && isBelow(one, other);
}

/** Whether `name` begins with all parts of `base`. */
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
