import { DerError, contents, inside, tag } from './der-reader.ts';
import type { Cursor, Element } from './der-reader.ts';
import { takeList, takeOid } from './der-values.ts';

/** One attribute of a Name: the type as hex of its identifier, the value as text. */
export interface NameAttribute {
  readonly type: string;
  readonly value: string;
}

/** Relative distinguished names in the order of their encoding. */
export type Name = readonly (readonly NameAttribute[])[];

/** Takes a Name (RFC 5280, section 4.1.2.4) and gives its element beside what it says. */
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

/** Takes an AttributeTypeAndValue. */
export function takeAttribute(cursor: Cursor, what: string): NameAttribute {
  const attribute = inside(cursor.der, cursor.take(tag.sequence, `an attribute of ${what}`));
  const type = takeOid(attribute, `an attribute type of ${what}`);
  const value = takeText(attribute, `an attribute of ${what}`);
  attribute.done(`an attribute of ${what}`);
  return { type, value };
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function takeText(cursor: Cursor, what: string): string {
  const element = cursor.any(what);
  const bytes = Buffer.from(contents(cursor.der, element));
  switch (element.tag) {
    case tag.utf8String:
      return checked(decodeUtf8(bytes, what), what);
    case tag.bmpString:
      return checked(decodeWide(bytes, 2, what), what);
    case tag.universalString:
      return checked(decodeWide(bytes, 4, what), what);
    // Envoy reads these as Latin-1 and checks no alphabet: real CAs have `*`, `@` and `_` in PrintableStrings.
    case tag.printableString:
    case tag.teletexString:
    case tag.ia5String:
    case tag.numericString:
    case tag.visibleString:
      return bytes.toString('latin1');
    default:
      throw new DerError(`${what} is not a string`);
  }
}

function decodeUtf8(bytes: Uint8Array, what: string): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new DerError(`${what} is not valid UTF-8`);
  }
}

/** Big-endian code points of two or four bytes. */
function decodeWide(bytes: Buffer, width: 2 | 4, what: string): string {
  if (bytes.length % width !== 0) throw new DerError(`${what} is cut short`);
  let text = '';
  for (let at = 0; at < bytes.length; at += width) {
    const point = bytes.readUIntBE(at, width);
    if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
      throw new DerError(`${what} has a character that does not exist`);
    }
    text += String.fromCodePoint(point);
  }
  return text;
}

/** BoringSSL takes no Unicode noncharacters: the last two of each plane, and U+FDD0 to U+FDEF. */
function checked(text: string, what: string): string {
  if (/\p{Noncharacter_Code_Point}/u.test(text)) {
    throw new DerError(`${what} has a character that does not exist`);
  }
  return text;
}
