import { DerError, context, contextConstructed, inside, tag } from './der-reader.ts';
import type { Cursor, Element } from './der-reader.ts';
import { takeList, takeOid } from './der-values.ts';
import type { ReportDeviation } from './der-values.ts';
import { checkValue, takeName } from './walk-name.ts';

/** The use of a name: addresses in name constraints include a mask. */
export type GeneralNameUse = 'name' | 'constraint';

/** Reads GeneralNames (RFC 5280, section 4.2.1.6). Returns the Name of the first directory name, if any. */
export function takeGeneralNames(
  cursor: Cursor,
  what: string,
  reportDeviation: ReportDeviation,
  tagByte?: number,
): Element | undefined {
  let directoryName: Element | undefined;
  takeList(
    cursor,
    what,
    (names) => {
      const found = takeGeneralName(names, what, 'name', reportDeviation);
      directoryName ??= found;
    },
    tagByte,
    reportDeviation,
  );
  return directoryName;
}

/** Reads one GeneralName. Returns its Name if it is a directory name. */
export function takeGeneralName(
  cursor: Cursor,
  what: string,
  use: GeneralNameUse,
  reportDeviation: ReportDeviation,
): Element | undefined {
  const { der } = cursor;
  const name = `a name in ${what}`;
  switch (cursor.peek()) {
    case contextConstructed(0):
      takeOtherName(cursor, name);
      return undefined;
    case context(1): // rfc822Name
    case context(2): // dNSName
    case context(6): // uniformResourceIdentifier
      cursor.any(name);
      return undefined;
    case contextConstructed(4): {
      const wrapper = inside(der, cursor.any(name));
      const { element } = takeName(wrapper, name);
      wrapper.done(name);
      return element;
    }
    case context(7): {
      const address = cursor.any(name);
      const length = address.end - address.body;
      const [v4, v6] = use === 'constraint' ? [8, 32] : [4, 16];
      if (length !== v4 && length !== v6) reportDeviation(`${name} is not an IP address`);
      return undefined;
    }
    case context(8):
      takeOid(cursor, name, context(8));
      return undefined;
    case contextConstructed(3): // x400Address, which BoringSSL does not parse
      cursor.any(name);
      reportDeviation(`${name} is an X.400 or EDI name`);
      return undefined;
    case contextConstructed(5):
      takeEdiPartyName(cursor, name);
      reportDeviation(`${name} is an X.400 or EDI name`);
      return undefined;
    case undefined:
    default:
      throw new DerError(`${name} is of an unknown kind`);
  }
}

function takeOtherName(cursor: Cursor, what: string): void {
  const fields = inside(cursor.der, cursor.any(what));
  takeOid(fields, `the type of ${what}`);
  const value = inside(cursor.der, fields.take(contextConstructed(0), `the value of ${what}`));
  checkValue(cursor.der, value.any(`the value of ${what}`), `the value of ${what}`);
  value.done(`the value of ${what}`);
  fields.done(what);
}

/** Reads an EDIPartyName: an optional assigner and a party, each a DirectoryString in an EXPLICIT tag. */
function takeEdiPartyName(cursor: Cursor, what: string): void {
  const fields = inside(cursor.der, cursor.any(what));
  if (fields.peek() === contextConstructed(0)) takeDirectoryString(fields, contextConstructed(0), what);
  takeDirectoryString(fields, contextConstructed(1), what);
  fields.done(what);
}

const directoryStrings: ReadonlySet<number> = new Set([
  tag.utf8String,
  tag.printableString,
  tag.teletexString,
  tag.universalString,
  tag.bmpString,
]);

function takeDirectoryString(cursor: Cursor, tagByte: number, what: string): void {
  const wrapper = inside(cursor.der, cursor.take(tagByte, what));
  const element = wrapper.any(what);
  if (!directoryStrings.has(element.tag)) throw new DerError(`${what} has the wrong ASN.1 type`);
  checkValue(cursor.der, element, what);
  wrapper.done(what);
}
