import { DerError, contents, createCursor, inside, tag } from './der-reader.ts';
import type { Cursor, Element } from './der-reader.ts';
import { takeBitString, takeBoolean, takeInteger, takeList, takeOid, toHex } from './der-values.ts';
import { checkTime } from './walk-time.ts';

/** One attribute of a Name: the type, as hex of its identifier, and the value. */
export interface NameAttribute {
  readonly type: string;
  /** The text or, for a value that is not text, `#` and the hex of its encoding (RFC 4514, section 2.4). */
  readonly value: string;
  /** The ASN.1 tag of the value. */
  readonly tag: number;
  /** The encoding as hex if BoringSSL compares the value byte for byte; `undefined` if it compares the text. */
  readonly exact: string | undefined;
}

/** Relative distinguished names in the order of their encoding. */
export type Name = readonly (readonly NameAttribute[])[];

/** Reads a Name (RFC 5280, section 4.1.2.4). Returns its element and its value. */
export function takeName(cursor: Cursor, what: string): { readonly element: Element; readonly name: Name } {
  const element = cursor.take(tag.sequence, what);
  const name: NameAttribute[][] = [];
  const list = inside(cursor.der, element);
  while (list.peek() !== undefined) {
    const attributes: NameAttribute[] = [];
    takeList(list, `a part of ${what}`, (items) => attributes.push(takeAttribute(items, what)), tag.set);
    name.push(attributes);
  }
  return { element, name };
}

/** Reads an AttributeTypeAndValue. */
export function takeAttribute(cursor: Cursor, what: string): NameAttribute {
  const attribute = inside(cursor.der, cursor.take(tag.sequence, `an attribute of ${what}`));
  const type = takeOid(attribute, `an attribute type of ${what}`);
  const element = attribute.any(`an attribute of ${what}`);
  attribute.done(`an attribute of ${what}`);
  const text = readText(cursor.der, element, `an attribute of ${what}`);
  const isText = text !== undefined && element.tag !== tag.numericString;
  const exact = isText ? undefined : toHex(cursor.der, element.start, element.end);
  return { type, value: text ?? `#${exact ?? ''}`, tag: element.tag, exact };
}

/** Checks a value of any type (ASN.1 ANY) like BoringSSL. Throws if BoringSSL would not parse what contains it. */
export function checkValue(der: Uint8Array, element: Element, what: string): void {
  readText(der, element, what);
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Returns the text of a value, or `undefined` if its type is not text. */
function readText(der: Uint8Array, element: Element, what: string): string | undefined {
  const bytes = Buffer.from(contents(der, element));
  switch (element.tag) {
    case tag.utf8String:
      return checkCharacters(decodeUtf8(bytes, what), what);
    case tag.bmpString:
      return checkCharacters(decodeWide(bytes, 2, what), what);
    case tag.universalString:
      return checkCharacters(decodeWide(bytes, 4, what), what);
    // Envoy reads these types as Latin-1 without a check: real CAs have `*`, `@` and `_` in PrintableStrings.
    case tag.printableString:
    case tag.teletexString:
    case tag.ia5String:
    case tag.numericString:
    case tag.visibleString:
      return bytes.toString('latin1');
    default:
      checkOther(der, element, what);
      return undefined;
  }
}

/** Universal types with constructed elements: EXTERNAL, EMBEDDED PDV, SEQUENCE, SET, CHARACTER STRING. */
const constructedTypes: ReadonlySet<number> = new Set([8, 11, 16, 17, 29]);
const constructedBit = 0x20;

/** Checks a value that is not text like BoringSSL, and throws if BoringSSL would not parse the name. */
function checkOther(der: Uint8Array, element: Element, what: string): void {
  const isUniversal = element.tag < 0x40;
  const isConstructed = (element.tag & constructedBit) !== 0;
  if (isUniversal && isConstructed !== constructedTypes.has(element.tag & 0x1f)) {
    throw new DerError(`${what} is in the wrong form for its type`);
  }
  const cursor = createCursor(der, element.start, element.end);
  switch (element.tag) {
    case tag.integer:
    case tag.enumerated:
      takeInteger(cursor, what, element.tag);
      return;
    case tag.bitString:
      takeBitString(cursor, what);
      return;
    case tag.boolean:
      takeBoolean(cursor, what);
      return;
    case tag.oid:
      takeOid(cursor, what);
      return;
    case tag.utcTime:
    case tag.generalizedTime:
      checkTime(cursor, what);
      return;
    case tag.null:
      if (element.body !== element.end) throw new DerError(`${what} is a NULL that is not empty`);
      return;
    default:
  }
}

function decodeUtf8(bytes: Uint8Array, what: string): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new DerError(`${what} is not valid UTF-8`);
  }
}

/** Decodes big-endian code points of two or four bytes. */
function decodeWide(bytes: Buffer, width: 2 | 4, what: string): string {
  if (bytes.length % width !== 0) throw new DerError(`${what} is cut short`);
  let text = '';
  for (let at = 0; at < bytes.length; at += width) {
    const point = bytes.readUIntBE(at, width);
    if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
      throw new DerError(`${what} has an invalid Unicode character`);
    }
    text += String.fromCodePoint(point);
  }
  return text;
}

/** Throws on Unicode noncharacters, which BoringSSL refuses: the last two of each plane, and U+FDD0 to U+FDEF. */
function checkCharacters(text: string, what: string): string {
  if (/\p{Noncharacter_Code_Point}/u.test(text)) {
    throw new DerError(`${what} has an invalid Unicode character`);
  }
  return text;
}
