import { DerError, contents, context, createCursor, inside, tag } from './der-reader.ts';
import type { Cursor, Element } from './der-reader.ts';
import { takeInteger, takeList, takeOid, unsignedValue } from './der-values.ts';
import { takeExtension } from './walk-extensions.ts';
import { checkValue } from './walk-name.ts';

/** The encoded policy extensions of a certificate; `twice` if an extension occurs twice. */
export interface PolicyExtensions {
  readonly policies: Uint8Array | 'twice' | undefined;
  readonly mappings: Uint8Array | 'twice' | undefined;
  readonly constraints: Uint8Array | 'twice' | undefined;
  readonly inhibitAny: Uint8Array | 'twice' | undefined;
}

/** anyPolicy (2.5.29.32.0), id-qt-cps and id-qt-unotice, as hex of the identifier. */
export const anyPolicy = '551d2000';
const cps = '2b06010505070201';
const userNotice = '2b06010505070202';

const policyIds = {
  policies: '551d20',
  mappings: '551d21',
  constraints: '551d24',
  inhibitAny: '551d36',
} as const;

/** Finds the policy extensions in the contents of the `[3]` field of a certificate that was parsed before. */
export function findPolicyExtensions(der: Uint8Array, field: Element | undefined): PolicyExtensions {
  const values = new Map<string, Uint8Array | 'twice'>();
  if (field !== undefined) {
    const list = inside(der, inside(der, field).take(tag.sequence, 'the extensions'));
    while (list.peek() !== undefined) {
      const { oid, value } = takeExtension(list);
      values.set(oid, values.has(oid) ? 'twice' : contents(der, value));
    }
  }
  return {
    policies: values.get(policyIds.policies),
    mappings: values.get(policyIds.mappings),
    constraints: values.get(policyIds.constraints),
    inhibitAny: values.get(policyIds.inhibitAny),
  };
}

/** Returns whether a certificate can require a policy of certificates below it, or has an invalid policy extension. */
export function demandsPolicy(extensions: PolicyExtensions): boolean {
  try {
    readPolicies(extensions);
    readMappings(extensions);
    return readLimits(extensions).explicit !== Infinity;
  } catch (error) {
    if (error instanceof DerError) return true;
    throw error;
  }
}

function cursorOf(value: Uint8Array | 'twice' | undefined): Cursor | undefined {
  if (value === 'twice') throw new DerError('it occurs twice');
  return value && createCursor(value, 0, value.length);
}

/** Returns the policies of a certificate, as hex of their identifiers. Throws `DerError` if BoringSSL would refuse. */
export function readPolicies({ policies }: PolicyExtensions): ReadonlySet<string> | undefined {
  const value = cursorOf(policies);
  if (value === undefined) return undefined;
  const what = 'the certificate policies';
  const ids = new Set<string>();
  takeList(value, what, (items) => {
    const fields = inside(items.der, items.take(tag.sequence, what));
    const id = takeOid(fields, what);
    if (ids.has(id)) throw new DerError('a policy occurs twice');
    ids.add(id);
    if (fields.peek() !== undefined) takeQualifiers(fields);
    fields.done(what);
  });
  value.done(what);
  return ids;
}

function takeQualifiers(fields: Cursor): void {
  const what = 'the qualifiers of a policy';
  const list = inside(fields.der, fields.take(tag.sequence, what));
  while (list.peek() !== undefined) {
    const one = inside(list.der, list.take(tag.sequence, what));
    const id = takeOid(one, what);
    if (id === cps) one.take(tag.ia5String, what);
    else if (id === userNotice) takeUserNotice(one, what);
    else checkValue(one.der, one.any(what), what);
    one.done(what);
  }
}

/** Reads a UserNotice (RFC 5280, section 4.2.1.4): an optional reference, and an optional text. */
function takeUserNotice(one: Cursor, what: string): void {
  const notice = inside(one.der, one.take(tag.sequence, what));
  if (notice.peek() === tag.sequence) {
    const reference = inside(one.der, notice.any(what));
    takeDisplayText(reference, what);
    const numbers = inside(one.der, reference.take(tag.sequence, what));
    while (numbers.peek() !== undefined) takeInteger(numbers, what);
    reference.done(what);
  }
  if (notice.peek() !== undefined) takeDisplayText(notice, what);
  notice.done(what);
}

const displayTexts: ReadonlySet<number> = new Set([
  tag.ia5String,
  tag.visibleString,
  tag.bmpString,
  tag.utf8String,
]);

function takeDisplayText(cursor: Cursor, what: string): void {
  const element = cursor.any(what);
  if (!displayTexts.has(element.tag)) throw new DerError(`${what} have a text of the wrong ASN.1 type`);
  checkValue(cursor.der, element, what);
}

/** Returns the policy mappings as pairs of source and target. Throws `DerError`. */
export function readMappings({ mappings }: PolicyExtensions): readonly (readonly [string, string])[] {
  const value = cursorOf(mappings);
  if (value === undefined) return [];
  const what = 'the policy mappings';
  const pairs: (readonly [string, string])[] = [];
  takeList(value, what, (items) => {
    const fields = inside(items.der, items.take(tag.sequence, what));
    const pair = [takeOid(fields, what), takeOid(fields, what)] as const;
    fields.done(what);
    if (pair.includes(anyPolicy)) throw new DerError('anyPolicy is mapped');
    pairs.push(pair);
  });
  value.done(what);
  return pairs;
}

/** Returns the number of certificates until each rule applies, infinity without the rule. Throws `DerError`. */
export function readLimits({ constraints, inhibitAny }: PolicyExtensions): {
  readonly explicit: number;
  readonly mapping: number;
  readonly inhibitAny: number;
} {
  const what = 'the policy constraints';
  const limits = { explicit: Infinity, mapping: Infinity, inhibitAny: Infinity };
  const value = cursorOf(constraints);
  if (value !== undefined) {
    const fields = inside(value.der, value.take(tag.sequence, what));
    value.done(what);
    if (fields.peek() === undefined) throw new DerError(`${what} must not be empty`);
    if (fields.peek() === context(0)) limits.explicit = takeCount(fields, what, context(0));
    if (fields.peek() === context(1)) limits.mapping = takeCount(fields, what, context(1));
    fields.done(what);
  }
  const inhibit = cursorOf(inhibitAny);
  if (inhibit !== undefined) {
    limits.inhibitAny = takeCount(inhibit, 'the limit on anyPolicy', tag.integer);
    inhibit.done('the limit on anyPolicy');
  }
  return limits;
}

function takeCount(cursor: Cursor, what: string, tagByte: number): number {
  const element = takeInteger(cursor, what, tagByte);
  if ((cursor.der[element.body] ?? 0) >= 0x80) throw new DerError(`${what} has a negative number`);
  return unsignedValue(cursor.der, element);
}
