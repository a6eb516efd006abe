import { DerError, contents, tag } from './der-reader.ts';
import type { Cursor } from './der-reader.ts';

const utc = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;
const offset = /[+-](?:[01]\d|2[0-3])[0-5]\d$/;
const generalized = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;

/**
 * Reads a Time (RFC 5280, section 4.1.2.5). Returns milliseconds since 1970. The time must be in UTC with seconds and
 * without fractions. A GeneralizedTime before 2050 is accepted, since CAs write it and Envoy reads it.
 */
export function takeTime(cursor: Cursor, what: string): number {
  const isUtc = cursor.peek() === tag.utcTime;
  const element = cursor.take(isUtc ? tag.utcTime : tag.generalizedTime, what);
  return readTime(Buffer.from(contents(cursor.der, element)).toString('latin1'), isUtc, what);
}

/** Checks a time that is not a date of validity. BoringSSL accepts a UTCTime with an offset there. */
export function checkTime(cursor: Cursor, what: string): void {
  const isUtc = cursor.peek() === tag.utcTime;
  const element = cursor.take(isUtc ? tag.utcTime : tag.generalizedTime, what);
  const text = Buffer.from(contents(cursor.der, element)).toString('latin1');
  readTime(isUtc ? text.replace(offset, 'Z') : text, isUtc, what);
}

function readTime(text: string, isUtc: boolean, what: string): number {
  const match = (isUtc ? utc : generalized).exec(text);
  if (match === null) {
    throw new DerError(`${what} is not written as ${isUtc ? 'YYMMDDHHMMSSZ' : 'YYYYMMDDHHMMSSZ'}`);
  }
  const [, year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.map(Number);
  const time = new Date(0);
  // Not `Date.UTC`, which moves the years 0 to 99 to the twentieth century.
  time.setUTCFullYear(isUtc ? fullYear(year) : year, month - 1, day);
  time.setUTCHours(hour, minute, second);
  // `Date` normalises: 30 February becomes 1 or 2 March, and 23:59:60 becomes the next day.
  const exists =
    time.getUTCMonth() === month - 1 &&
    time.getUTCDate() === day &&
    time.getUTCHours() === hour &&
    time.getUTCMinutes() === minute &&
    time.getUTCSeconds() === second;
  if (!exists) throw new DerError(`${what} is a date or time that does not exist`);
  return time.getTime();
}

/** Returns the year of a UTCTime (RFC 5280, section 4.1.2.5.1). */
function fullYear(twoDigits: number): number {
  return twoDigits >= 50 ? 1900 + twoDigits : 2000 + twoDigits;
}
