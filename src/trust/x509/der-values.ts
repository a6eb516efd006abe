import { DerError, inside } from './der-reader.ts';
import type { Cursor, Element } from './der-reader.ts';
import { tag } from './der-reader.ts';

/**
 * Reports a violation of RFC 5280 or DER that BoringSSL accepts. Certificates that clients send are read in spite of
 * it; anchors with it are refused (ADR 0012).
 */
export type ReportDeviation = (reason: string) => void;

/** The value of a BIT STRING: the number of unused bits, and the bytes. */
export interface BitString {
  readonly unused: number;
  readonly bytes: Uint8Array;
}

/** Reads a BOOLEAN, which is 00 or FF in DER. */
export function takeBoolean(cursor: Cursor, what: string): boolean {
  const { der } = cursor;
  const { body, end } = cursor.take(tag.boolean, what);
  const value = der[body];
  if (end - body !== 1 || (value !== 0x00 && value !== 0xff)) {
    throw new DerError(`${what} is a BOOLEAN that is neither 00 nor FF`);
  }
  return value === 0xff;
}

/**
 * Reads a BOOLEAN as BoringSSL reads the one in basic constraints: any byte except 00 is TRUE, as in BER. Envoy 1.36
 * and 1.40 load such CAs and admit their clients.
 */
export function takeBerBoolean(cursor: Cursor, what: string): boolean {
  const { body, end } = cursor.take(tag.boolean, what);
  if (end - body !== 1) throw new DerError(`${what} is a BOOLEAN that is not one byte`);
  return cursor.der[body] !== 0x00;
}

/** Reads an INTEGER (or one under an IMPLICIT tag) in its shortest form. It may be negative. */
export function takeInteger(cursor: Cursor, what: string, tagByte: number = tag.integer): Element {
  const { der } = cursor;
  const element = cursor.take(tagByte, what);
  const first = der[element.body];
  const second = der[element.body + 1];
  if (first === undefined || element.end === element.body) throw new DerError(`${what} is an empty INTEGER`);
  const padded = element.end - element.body > 1 && second !== undefined;
  if (padded && ((first === 0x00 && second < 0x80) || (first === 0xff && second >= 0x80))) {
    throw new DerError(`${what} is an INTEGER that is not minimal`);
  }
  return element;
}

/** Reads an INTEGER like `takeInteger`, which must not be negative. */
export function takeUnsigned(cursor: Cursor, what: string, tagByte: number = tag.integer): Element {
  const element = takeInteger(cursor, what, tagByte);
  if ((cursor.der[element.body] ?? 0) >= 0x80) throw new DerError(`${what} is negative`);
  return element;
}

/** Returns the value of an element that {@link takeUnsigned} read, or infinity above 2^48. */
export function unsignedValue(der: Uint8Array, { body, end }: Element): number {
  if (end - body > 6) return Number.POSITIVE_INFINITY;
  let value = 0;
  for (let at = body; at < end; at++) value = value * 256 + (der[at] ?? 0);
  return value;
}

/** Reads an OBJECT IDENTIFIER (or one under an IMPLICIT tag). Returns its contents as lower-case hex. */
export function takeOid(cursor: Cursor, what: string, tagByte: number = tag.oid): string {
  const { der } = cursor;
  const { body, end } = cursor.take(tagByte, what);
  let first = true;
  for (let at = body; at < end; at++) {
    const byte = der[at] ?? 0;
    if (first && byte === 0x80) throw new DerError(`${what} has a component that is not minimal`);
    first = byte < 0x80;
  }
  if (!first || end === body) throw new DerError(`${what} is cut short`);
  return toHex(der, body, end);
}

/** Reads a BIT STRING (or one under an IMPLICIT tag), whose unused bits must be zero. */
export function takeBitString(cursor: Cursor, what: string, tagByte: number = tag.bitString): BitString {
  const { der } = cursor;
  const { body, end } = cursor.take(tagByte, what);
  const unused = der[body];
  if (unused === undefined || end === body) throw new DerError(`${what} is an empty BIT STRING`);
  const last = der[end - 1] ?? 0;
  if (unused > 7 || (unused > 0 && (end - body === 1 || (last & ((1 << unused) - 1)) !== 0))) {
    throw new DerError(`${what} has unused bits that are set, or too many of them`);
  }
  return { unused, bytes: der.subarray(body + 1, end) };
}

/** Reads a BIT STRING of at least one whole byte: a key or a signature. */
export function takeOctetsAsBits(cursor: Cursor, what: string): Uint8Array {
  const { unused, bytes } = takeBitString(cursor, what);
  if (unused !== 0 || bytes.length === 0) throw new DerError(`${what} is not a number of whole bytes`);
  return bytes;
}

/**
 * Reads a SEQUENCE OF (or a list under another tag) and calls `readOne` for each element. An empty list throws, or is
 * reported to `reportDeviation` if that is given.
 */
export function takeList(
  cursor: Cursor,
  what: string,
  readOne: (items: Cursor) => void,
  tagByte: number = tag.sequence,
  reportDeviation?: ReportDeviation,
): void {
  const list = inside(cursor.der, cursor.take(tagByte, what));
  if (list.peek() === undefined) {
    const reason = `${what} must not be empty`;
    if (reportDeviation === undefined) throw new DerError(reason);
    reportDeviation(reason);
  }
  while (list.peek() !== undefined) readOne(list);
}

/** Returns the bytes as lower-case hex. */
export function toHex(der: Uint8Array, from = 0, to: number = der.length): string {
  return Buffer.from(der.buffer, der.byteOffset + from, to - from).toString('hex');
}
