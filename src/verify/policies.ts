import { DerError, context, createCursor, inside, tag } from '../x509/der-reader.ts';
import type { Cursor } from '../x509/der-reader.ts';
import { takeInteger, takeList, takeOid, unsignedValue } from '../x509/der-values.ts';
import type { Link } from './link.ts';
import type { Objection } from './verdict.ts';

/** The extensions of a certificate about policies, as encoded; `twice` where one stands there twice. */
export interface PolicyExtensions {
  readonly policies: Uint8Array | 'twice' | undefined;
  readonly mappings: Uint8Array | 'twice' | undefined;
  readonly constraints: Uint8Array | 'twice' | undefined;
  readonly inhibitAny: Uint8Array | 'twice' | undefined;
}

/** anyPolicy (2.5.29.32.0), id-qt-cps and id-qt-unotice, as hex of the identifier. */
const anyPolicy = '551d2000';
const cps = '2b06010505070201';
const userNotice = '2b06010505070202';

/** The policies that a path has at one certificate (RFC 9618, as BoringSSL computes it). */
interface Level {
  readonly ids: ReadonlySet<string>;
  readonly any: boolean;
}

/**
 * What a path has against policies (RFC 5280, section 6.1.3 d to f): one of its certificates, its last left out,
 * demands an explicit policy that the path does not have, or has an extension about policies that is not valid.
 */
export function policyObjection(path: readonly Link[]): Objection | undefined {
  const start = path.length + 1;
  let [explicit, mapping, inhibitAny] = [start, start, start];
  let level: Level = { ids: new Set(), any: true };
  for (const [index, link] of [...path.entries()].slice(0, -1).toReversed()) {
    const isLeaf = index === 0;
    const who = isLeaf ? 'the leaf' : link.subject;
    try {
      const isAnyAllowed = inhibitAny > 0 || (!isLeaf && link.selfIssued);
      level = intersect(level, readPolicies(link.policyExtensions), isAnyAllowed);
      if (explicit === 0 && isEmpty(level)) return noPolicy(who);
      if (!isLeaf) level = mapPolicies(level, readMappings(link.policyExtensions), mapping > 0);
      if (isLeaf || !link.selfIssued) {
        [explicit, mapping, inhibitAny] = [less(explicit), less(mapping), less(inhibitAny)];
      }
      const limits = readLimits(link.policyExtensions);
      explicit = Math.min(explicit, limits.explicit);
      mapping = Math.min(mapping, limits.mapping);
      inhibitAny = Math.min(inhibitAny, limits.inhibitAny);
    } catch (error) {
      if (!(error instanceof DerError)) throw error;
      return {
        code: 'invalid-policy',
        sentence: `${who} has an invalid extension about policies: ${error.message}`,
      };
    }
  }
  return explicit === 0 && isEmpty(level) ? noPolicy('the leaf') : undefined;
}

/** Whether a certificate can demand a policy of what is below it, or has an invalid extension about policies. */
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

function noPolicy(who: string): Objection {
  return {
    code: 'no-explicit-policy',
    sentence: `the path demands a certificate policy that is valid for all of it, and has none at ${who}`,
  };
}

function less(count: number): number {
  return Math.max(0, count - 1);
}

function isEmpty({ ids, any }: Level): boolean {
  return !any && ids.size === 0;
}

function intersect(
  { ids, any }: Level,
  policies: ReadonlySet<string> | undefined,
  isAnyAllowed: boolean,
): Level {
  if (policies === undefined) return { ids: new Set(), any: false };
  const keepsAll = policies.has(anyPolicy) && isAnyAllowed;
  const kept = keepsAll ? [...ids] : [...ids].filter((id) => policies.has(id));
  const fresh = any ? [...policies].filter((id) => id !== anyPolicy) : [];
  return { ids: new Set([...kept, ...fresh]), any: keepsAll && any };
}

function mapPolicies(
  level: Level,
  mappings: readonly (readonly [string, string])[],
  isAllowed: boolean,
): Level {
  if (mappings.length === 0) return level;
  const mapped = new Set(mappings.map(([from]) => from));
  const kept = [...level.ids].filter((id) => !mapped.has(id));
  const targets = isAllowed
    ? mappings.filter(([from]) => level.any || level.ids.has(from)).map(([, to]) => to)
    : [];
  return { ids: new Set([...kept, ...targets]), any: level.any };
}

function open(value: Uint8Array | 'twice' | undefined): Cursor | undefined {
  if (value === 'twice') throw new DerError('it stands there twice');
  return value && createCursor(value, 0, value.length);
}

function readPolicies({ policies }: PolicyExtensions): ReadonlySet<string> | undefined {
  const value = open(policies);
  if (value === undefined) return undefined;
  const what = 'the certificate policies';
  const ids = new Set<string>();
  takeList(value, what, (items) => {
    const fields = inside(items.der, items.take(tag.sequence, what));
    const id = takeOid(fields, what);
    if (ids.has(id)) throw new DerError('a policy stands there twice');
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
    else if (id === userNotice) one.take(tag.sequence, what);
    else if (one.peek() !== undefined) one.any(what);
    one.done(what);
  }
}

function readMappings({ mappings }: PolicyExtensions): readonly (readonly [string, string])[] {
  const value = open(mappings);
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

/** Certificates that may follow until each rule holds; infinite without it. */
function readLimits({ constraints, inhibitAny }: PolicyExtensions): {
  readonly explicit: number;
  readonly mapping: number;
  readonly inhibitAny: number;
} {
  const what = 'the policy constraints';
  const limits = { explicit: Infinity, mapping: Infinity, inhibitAny: Infinity };
  const value = open(constraints);
  if (value !== undefined) {
    const fields = inside(value.der, value.take(tag.sequence, what));
    value.done(what);
    if (fields.peek() === undefined) throw new DerError(`${what} must not be empty`);
    if (fields.peek() === context(0)) limits.explicit = takeCount(fields, what, context(0));
    if (fields.peek() === context(1)) limits.mapping = takeCount(fields, what, context(1));
    fields.done(what);
  }
  const inhibit = open(inhibitAny);
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
