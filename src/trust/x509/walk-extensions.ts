import { DerError, contents, context, contextConstructed, createCursor, inside, tag } from './der-reader.ts';
import type { Cursor, Element } from './der-reader.ts';
import {
  takeBerBoolean,
  takeBitString,
  takeInteger,
  takeList,
  takeOid,
  takeUnsigned,
  toHex,
  unsignedValue,
} from './der-values.ts';
import type { ReportDeviation } from './der-values.ts';
import { takeGeneralName, takeGeneralNames } from './walk-general-name.ts';
import { takeAttribute } from './walk-name.ts';

/** The value of an authority key identifier, which describes the issuer. */
interface AuthorityKeyId {
  readonly keyId: string | undefined;
  /** The encoded name of the issuer's issuer, if present. */
  readonly issuer: Uint8Array | undefined;
  readonly serial: string | undefined;
}

/** The extension values that decide whether and how a certificate is an anchor. */
export interface ExtensionValues {
  readonly basicConstraints?: { readonly ca: boolean; readonly pathLength: number | undefined };
  /** Absent without the extension, which then forbids no use. */
  readonly keyUsage?: { readonly keyCertSign: boolean };
  readonly subjectKeyId?: string;
  readonly authorityKeyId?: AuthorityKeyId;
  readonly nameConstraints?: true;
}

/**
 * The extensions (RFC 5280, section 4.2.1) that BoringSSL reads once a certificate is an issuer, by hex of the
 * identifier 2.5.29.x. If BoringSSL cannot read one of them, it silently ignores the anchor, so these are parsed. All
 * others stay opaque.
 */
const known: Readonly<Record<string, (value: Cursor, reportDeviation: ReportDeviation) => ExtensionValues>> =
  {
    '551d0e': walkSubjectKeyId,
    '551d0f': walkKeyUsage,
    '551d11': walkSubjectAltName,
    '551d13': walkBasicConstraints,
    '551d1e': walkNameConstraints,
    '551d1f': walkDistributionPoints,
    '551d23': walkAuthorityKeyId,
    '551d25': walkExtendedKeyUsage,
  };

/** The result of parsing the extensions. `invalid` says why BoringSSL uses none of them. */
export interface ExtensionsWalk {
  readonly values: ExtensionValues;
  readonly invalid: string | undefined;
}

/** Parses the contents of the `[3]` field of a certificate. */
export function walkExtensions(
  der: Uint8Array,
  wrapper: Element,
  reportDeviation: ReportDeviation,
): ExtensionsWalk {
  const outer = inside(der, wrapper);
  let values: ExtensionValues = {};
  let invalid: string | undefined;
  const seen = new Set<string>();
  const readOne = (list: Cursor): void => {
    const { oid, value } = takeExtension(list, reportDeviation);
    const walk = known[oid];
    if (seen.has(oid)) {
      const reason = 'an extension occurs twice';
      if (walk === undefined) reportDeviation(reason);
      else invalid ??= reason;
      return;
    }
    seen.add(oid);
    if (walk === undefined) return;
    try {
      const cursor = createCursor(der, value.body, value.end);
      values = { ...values, ...walk(cursor, reportDeviation) };
      cursor.done('an extension');
    } catch (error) {
      if (!(error instanceof DerError)) throw error;
      invalid ??= error.message;
    }
  };
  takeList(outer, 'the extensions', readOne, tag.sequence, reportDeviation);
  outer.done('the extensions');
  return { values, invalid };
}

/** Reads one Extension: the hex of its identifier, and the OCTET STRING with its value. */
export function takeExtension(
  list: Cursor,
  reportDeviation?: ReportDeviation,
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
  const critical = isWritten && takeCritical(fields, reportDeviation);
  const value = fields.take(tag.octetString, 'the value of an extension');
  fields.done('an extension');
  return { element, oid, critical, value };
}

/** Reads a critical flag. BoringSSL reads it as BER, like the CA flag (tried with Envoy 1.36 and 1.40). */
function takeCritical(fields: Cursor, reportDeviation?: ReportDeviation): boolean {
  const what = 'a critical flag';
  const element = fields.take(tag.boolean, what);
  if (element.end - element.body !== 1) throw new DerError(`${what} is a BOOLEAN that is not one byte`);
  const value = fields.der[element.body] ?? 0;
  if (value === 0) reportDeviation?.(`${what} is encoded as FALSE, but DER omits this default`);
  else if (value !== 0xff) reportDeviation?.(`${what} is a BOOLEAN that is neither 00 nor FF`);
  return value !== 0;
}

function walkBasicConstraints(value: Cursor): ExtensionValues {
  const fields = inside(value.der, value.take(tag.sequence, 'the basic constraints'));
  // An encoded FALSE is not DER, but its meaning is clear: the certificate is refused because it is not a CA.
  const ca = fields.peek() === tag.boolean && takeBerBoolean(fields, 'the CA flag');
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

function walkExtendedKeyUsage(value: Cursor, reportDeviation: ReportDeviation): ExtensionValues {
  const what = 'the extended key usage';
  takeList(value, what, (items) => takeOid(items, 'an extended key usage'), tag.sequence, reportDeviation);
  return {};
}

function walkSubjectKeyId(value: Cursor): ExtensionValues {
  const element = value.take(tag.octetString, 'the subject key identifier');
  return { subjectKeyId: toHex(value.der, element.body, element.end) };
}

function walkAuthorityKeyId(value: Cursor, reportDeviation: ReportDeviation): ExtensionValues {
  const { der } = value;
  const what = 'the authority key identifier';
  const fields = inside(der, value.take(tag.sequence, what));
  const keyId = fields.takeIf(context(0), what);
  const issuer =
    fields.peek() === contextConstructed(1)
      ? takeGeneralNames(fields, what, reportDeviation, contextConstructed(1))
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

function walkSubjectAltName(value: Cursor, reportDeviation: ReportDeviation): ExtensionValues {
  takeGeneralNames(value, 'the subject alternative name', reportDeviation);
  return {};
}

function walkNameConstraints(value: Cursor, reportDeviation: ReportDeviation): ExtensionValues {
  const what = 'the name constraints';
  const fields = inside(value.der, value.take(tag.sequence, what));
  if (fields.peek() === undefined) reportDeviation(`${what} must not be empty`);
  for (const list of [contextConstructed(0), contextConstructed(1)]) {
    if (fields.peek() !== list) continue;
    takeList(
      fields,
      what,
      (items) => {
        const subtree = inside(items.der, items.take(tag.sequence, `a part of ${what}`));
        takeGeneralName(subtree, what, 'constraint', reportDeviation);
        takeBounds(subtree, what, reportDeviation);
      },
      list,
      reportDeviation,
    );
  }
  fields.done(what);
  return { nameConstraints: true };
}

/** Reads `minimum` and `maximum`, which RFC 5280 forbids. BoringSSL refuses every name of a kind with them. */
function takeBounds(subtree: Cursor, what: string, reportDeviation: ReportDeviation): void {
  for (const bound of [context(0), context(1)]) {
    if (subtree.peek() !== bound) continue;
    takeInteger(subtree, what, bound);
    reportDeviation(`${what} must not have a minimum or a maximum`);
  }
  subtree.done(what);
}

function walkDistributionPoints(value: Cursor, reportDeviation: ReportDeviation): ExtensionValues {
  const what = 'the CRL distribution points';
  const readOne = (items: Cursor): void => {
    const point = inside(items.der, items.take(tag.sequence, `one of ${what}`));
    const name = point.takeIf(contextConstructed(0), what);
    if (name !== undefined) {
      const choice = inside(items.der, name);
      if (choice.peek() === contextConstructed(1)) {
        takeList(choice, what, (parts) => takeAttribute(parts, what), contextConstructed(1), reportDeviation);
      } else {
        takeGeneralNames(choice, what, reportDeviation, contextConstructed(0));
      }
      choice.done(what);
    }
    if (point.peek() === context(1)) takeBitString(point, what, context(1));
    if (point.peek() === contextConstructed(2))
      takeGeneralNames(point, what, reportDeviation, contextConstructed(2));
    point.done(what);
  };
  takeList(value, what, readOne, tag.sequence, reportDeviation);
  return {};
}
