import { DerError, contents, context, contextConstructed, createCursor, inside, tag } from './der-reader.ts';
import type { Cursor, Element } from './der-reader.ts';
import {
  takeBitString,
  takeBoolean,
  takeInteger,
  takeList,
  takeOid,
  takeUnsigned,
  toHex,
  unsignedValue,
} from './der-values.ts';
import type { Deviates } from './der-values.ts';
import { takeGeneralName, takeGeneralNames } from './walk-general-name.ts';
import { takeAttribute } from './walk-name.ts';

/** What an authority key identifier says of the certificate's issuer. */
export interface AuthorityKeyId {
  readonly keyId: string | undefined;
  /** The issuer's own issuer, as encoded, where it names one. */
  readonly issuer: Uint8Array | undefined;
  readonly serial: string | undefined;
}

/** What the extensions say, as far as it decides whether and how the certificate is an anchor. */
export interface ExtensionValues {
  readonly basicConstraints?: { readonly ca: boolean; readonly pathLength: number | undefined };
  /** Absent where the extension is: then no use is ruled out. */
  readonly keyUsage?: { readonly keyCertSign: boolean };
  readonly subjectKeyId?: string;
  readonly authorityKeyId?: AuthorityKeyId;
  readonly nameConstraints?: true;
}

/**
 * The extensions (RFC 5280, section 4.2.1) that BoringSSL reads as soon as a certificate is an issuer, by hex
 * of the identifier 2.5.29.x. One that it cannot read makes the anchor useless without a word, so these are
 * walked; all others stay opaque.
 */
const known: Readonly<Record<string, (value: Cursor, deviates: Deviates) => ExtensionValues>> = {
  '551d0e': walkSubjectKeyId,
  '551d0f': walkKeyUsage,
  '551d11': walkSubjectAltName,
  '551d13': walkBasicConstraints,
  '551d1e': walkNameConstraints,
  '551d1f': walkDistributionPoints,
  '551d23': walkAuthorityKeyId,
  '551d25': walkExtendedKeyUsage,
};

/** What a walk over the extensions finds. `invalid` says why BoringSSL uses none of them. */
export interface ExtensionsWalk {
  readonly values: ExtensionValues;
  readonly invalid: string | undefined;
}

/** Walks the contents of the `[3]` field of a certificate. */
export function walkExtensions(der: Uint8Array, wrapper: Element, deviates: Deviates): ExtensionsWalk {
  const outer = inside(der, wrapper);
  let values: ExtensionValues = {};
  let invalid: string | undefined;
  const seen = new Set<string>();
  const walkOne = (list: Cursor): void => {
    const { oid, value } = takeExtension(list, deviates);
    const walk = known[oid];
    if (seen.has(oid)) {
      const reason = 'an extension stands there twice';
      if (walk === undefined) deviates(reason);
      else invalid ??= reason;
      return;
    }
    seen.add(oid);
    if (walk === undefined) return;
    try {
      const cursor = createCursor(der, value.body, value.end);
      values = { ...values, ...walk(cursor, deviates) };
      cursor.done('an extension');
    } catch (error) {
      if (!(error instanceof DerError)) throw error;
      invalid ??= error.message;
    }
  };
  takeList(outer, 'the extensions', walkOne, tag.sequence, deviates);
  outer.done('the extensions');
  return { values, invalid };
}

/** Takes one Extension: the hex of its identifier and the OCTET STRING that holds its value. */
export function takeExtension(
  list: Cursor,
  deviates?: Deviates,
): {
  readonly element: Element;
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Element;
} {
  const element = list.take(tag.sequence, 'an extension');
  const fields = inside(list.der, element);
  const oid = takeOid(fields, 'an extension identifier');
  const isWritten = fields.peek() === tag.boolean;
  const critical = isWritten && takeBoolean(fields, 'a critical flag');
  if (isWritten && !critical) {
    deviates?.('a critical flag is written as FALSE, which is the default that DER leaves out');
  }
  const value = fields.take(tag.octetString, 'the value of an extension');
  fields.done('an extension');
  return { element, oid, critical, value };
}

function walkBasicConstraints(value: Cursor): ExtensionValues {
  const fields = inside(value.der, value.take(tag.sequence, 'the basic constraints'));
  // A written FALSE is not DER, but it says what counts: this is no CA, and is refused for that.
  const ca = fields.peek() === tag.boolean && takeBoolean(fields, 'the CA flag');
  const pathLength =
    fields.peek() === tag.integer
      ? unsignedValue(value.der, takeUnsigned(fields, 'the path length'))
      : undefined;
  fields.done('the basic constraints');
  return { basicConstraints: { ca, pathLength } };
}

function walkKeyUsage(value: Cursor): ExtensionValues {
  const { bytes } = takeBitString(value, 'the key usage');
  return { keyUsage: { keyCertSign: ((bytes[0] ?? 0) & 0x04) !== 0 } };
}

function walkExtendedKeyUsage(value: Cursor, deviates: Deviates): ExtensionValues {
  const what = 'the extended key usage';
  takeList(value, what, (items) => takeOid(items, 'an extended key usage'), tag.sequence, deviates);
  return {};
}

function walkSubjectKeyId(value: Cursor): ExtensionValues {
  const element = value.take(tag.octetString, 'the subject key identifier');
  return { subjectKeyId: toHex(value.der, element.body, element.end) };
}

function walkAuthorityKeyId(value: Cursor, deviates: Deviates): ExtensionValues {
  const { der } = value;
  const what = 'the authority key identifier';
  const fields = inside(der, value.take(tag.sequence, what));
  const keyId = fields.takeIf(context(0), what);
  const issuer =
    fields.peek() === contextConstructed(1)
      ? takeGeneralNames(fields, what, deviates, contextConstructed(1))
      : undefined;
  const serial = fields.peek() === context(2) ? takeInteger(fields, what, context(2)) : undefined;
  fields.done(what);
  return {
    authorityKeyId: {
      keyId: keyId && toHex(der, keyId.body, keyId.end),
      issuer: issuer && der.subarray(issuer.start, issuer.end),
      serial: serial && Buffer.from(contents(der, serial)).toString('hex'),
    },
  };
}

function walkSubjectAltName(value: Cursor, deviates: Deviates): ExtensionValues {
  takeGeneralNames(value, 'the subject alternative name', deviates);
  return {};
}

function walkNameConstraints(value: Cursor, deviates: Deviates): ExtensionValues {
  const what = 'the name constraints';
  const fields = inside(value.der, value.take(tag.sequence, what));
  if (fields.peek() === undefined) deviates(`${what} must not be empty`);
  for (const list of [contextConstructed(0), contextConstructed(1)]) {
    if (fields.peek() !== list) continue;
    takeList(
      fields,
      what,
      (items) => {
        const subtree = inside(items.der, items.take(tag.sequence, `a part of ${what}`));
        takeGeneralName(subtree, what, 'constraint', deviates);
        takeBounds(subtree, what, deviates);
      },
      list,
      deviates,
    );
  }
  fields.done(what);
  return { nameConstraints: true };
}

/** RFC 5280 rules out `minimum` and `maximum`. BoringSSL refuses each name of a kind that has them. */
function takeBounds(subtree: Cursor, what: string, deviates: Deviates): void {
  for (const bound of [context(0), context(1)]) {
    if (subtree.peek() !== bound) continue;
    takeInteger(subtree, what, bound);
    deviates(`${what} must not have a minimum or a maximum`);
  }
  subtree.done(what);
}

function walkDistributionPoints(value: Cursor, deviates: Deviates): ExtensionValues {
  const what = 'the CRL distribution points';
  const walkOne = (items: Cursor): void => {
    const point = inside(items.der, items.take(tag.sequence, `one of ${what}`));
    const name = point.takeIf(contextConstructed(0), what);
    if (name !== undefined) {
      const choice = inside(items.der, name);
      if (choice.peek() === contextConstructed(1)) {
        takeList(choice, what, (parts) => takeAttribute(parts, what), contextConstructed(1));
      } else {
        takeGeneralNames(choice, what, deviates, contextConstructed(0));
      }
      choice.done(what);
    }
    if (point.peek() === context(1)) takeBitString(point, what, context(1));
    if (point.peek() === contextConstructed(2))
      takeGeneralNames(point, what, deviates, contextConstructed(2));
    point.done(what);
  };
  takeList(value, what, walkOne, tag.sequence, deviates);
  return {};
}
