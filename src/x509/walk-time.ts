import { DerError, contents, tag } from './der-reader.ts';
import type { Cursor } from './der-reader.ts';

const utc = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;
const generalized = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;

/**
 * Takes a Time (RFC 5280, section 4.1.2.5) and gives it as milliseconds since 1970. UTC with seconds and
 * nothing else; a GeneralizedTime before 2050 is taken, since CAs write it and Envoy reads it.
 */
export function takeTime(cursor: Cursor, what: string): number {
  const isUtc = cursor.peek() === tag.utcTime;
  const element = cursor.take(isUtc ? tag.utcTime : tag.generalizedTime, what);
  const text = Buffer.from(contents(cursor.der, element)).toString('latin1');
  const match = (isUtc ? utc : generalized).exec(text);
  if (match === null) {
    throw new DerError(`${what} is not written as ${isUtc ? 'YYMMDDHHMMSSZ' : 'YYYYMMDDHHMMSSZ'}`);
  }
  const [, written, month, day, hour, minute, second] = match.map(Number);
  const year = isUtc ? fullYear(written ?? 0) : (written ?? 0);
  const time = new Date(0);
  // Not `Date.UTC`, which moves the years 0 to 99 to the twentieth century.
  time.setUTCFullYear(year, (month ?? 0) - 1, day);
  time.setUTCHours(hour ?? 0, minute ?? 0, second ?? 0);
  // `Date` carries over: a date or time that does not exist comes back as another one.
  if (time.toISOString().replaceAll(/[-:]|\.000/g, '') !== `${padded(year)}${stamp(text)}`) {
    throw new DerError(`${what} is a date or time that does not exist`);
  }
  return time.getTime();
}

/** RFC 5280, section 4.1.2.5.1. */
function fullYear(twoDigits: number): number {
  return twoDigits >= 50 ? 1900 + twoDigits : 2000 + twoDigits;
}

function padded(year: number): string {
  return String(year).padStart(4, '0');
}

/** `MMDDTHHMMSSZ` of either form, as `toISOString` writes it after the year. */
function stamp(text: string): string {
  const rest = text.slice(-11);
  return `${rest.slice(0, 4)}T${rest.slice(4)}`;
}
