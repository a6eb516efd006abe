/**
 * A strict DER reader (X.690): definite lengths in their shortest form, no trailing data. It works on offsets into one
 * array, so parsing a certificate copies nothing.
 */

/** The error at the first byte that the reader does not accept. `message` is a sentence without a full stop. */
export class DerError extends Error {
  override readonly name = 'DerError';
}

/** The universal tags. */
export const tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  numericString: 0x12,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  visibleString: 0x1a,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Returns the tag `[number]` of a primitive (IMPLICIT) element. */
export function context(number: number): number {
  return 0x80 | number;
}

/** Returns the tag `[number]` of a constructed (EXPLICIT, or IMPLICIT SEQUENCE) element. */
export function contextConstructed(number: number): number {
  return 0xa0 | number;
}

/** One element as offsets: the header at `start`, the contents from `body` to `end`. */
export interface Element {
  /** The first byte of the tag. Certificates use tags of several bytes only in values of any type. */
  readonly tag: number;
  readonly start: number;
  readonly body: number;
  readonly end: number;
}

/** Reads elements one after another, each with its expected tag. */
export interface Cursor {
  readonly der: Uint8Array;
  /** Returns the next tag, or `undefined` at the end. */
  readonly peek: () => number | undefined;
  /** Reads the next element with any tag. Throws {@link DerError}. */
  readonly any: (what: string) => Element;
  /** Reads the next element, which must have this tag. Throws {@link DerError}. */
  readonly take: (expected: number, what: string) => Element;
  /** Reads the next element if it has this tag, or returns `undefined`. */
  readonly takeIf: (expected: number, what: string) => Element | undefined;
  /** Throws {@link DerError} if anything is left. */
  readonly done: (what: string) => void;
}

/** Creates a cursor over `der[from, to)`. */
export function createCursor(der: Uint8Array, from: number, to: number): Cursor {
  let at = from;
  const peek = (): number | undefined => (at < to ? der[at] : undefined);
  const any = (what: string): Element => {
    const element = readElement(der, at, to, what);
    at = element.end;
    return element;
  };
  const take = (expected: number, what: string): Element => {
    if (peek() !== expected) {
      throw at < to ? new DerError(`${what} has the wrong ASN.1 type`) : missingError(what);
    }
    return any(what);
  };
  return {
    der,
    peek,
    any,
    take,
    takeIf: (expected, what) => (peek() === expected ? any(what) : undefined),
    done: (what) => {
      if (at !== to) throw new DerError(`data follows the end of ${what}`);
    },
  };
}

/** Creates a cursor over the contents of an element. */
export function inside(der: Uint8Array, element: Element): Cursor {
  return createCursor(der, element.body, element.end);
}

/** Returns the encoded element with its header. A view, not a copy. */
export function encoded(der: Uint8Array, element: Element): Uint8Array {
  return der.subarray(element.start, element.end);
}

/** Returns the contents of the element. A view, not a copy. */
export function contents(der: Uint8Array, element: Element): Uint8Array {
  return der.subarray(element.body, element.end);
}

function readElement(der: Uint8Array, start: number, limit: number, what: string): Element {
  const first = der[start];
  if (start >= limit) throw missingError(what);
  // `take` of the caller refuses tags with class or form bits that no certificate uses.
  if (first === undefined || first === 0) throw new DerError(`the tag of ${what} is zero`);
  const at = (first & 0x1f) === 0x1f ? endOfTag(der, start + 1, limit, what) : start + 1;
  const length = der[at];
  if (length === undefined || at >= limit) throw cutShortError(what);
  if (length < 0x80) return element(first, start, at + 1, length, limit, what);
  if (length === 0x80) throw new DerError(`the length of ${what} is indefinite`);
  const count = length & 0x7f;
  const body = at + 1 + count;
  if (count > 4 || body > limit) throw cutShortError(what);
  let value = 0;
  for (let digit = at + 1; digit < body; digit++) value = value * 256 + (der[digit] ?? 0);
  if (value < 0x80 || value < 256 ** (count - 1)) throw new DerError(`the length of ${what} is not minimal`);
  return element(first, start, body, value, limit, what);
}

/** Returns the end of a tag of several bytes, whose number begins at `from`. */
function endOfTag(der: Uint8Array, from: number, limit: number, what: string): number {
  const isUniversal = ((der[from - 1] ?? 0) & 0xc0) === 0;
  // The highest number that BoringSSL parses.
  const highest = isUniversal ? 0xff : 0x1fff_ffff;
  let number = 0;
  for (let at = from; at < limit; at++) {
    const byte = der[at] ?? 0;
    if (at === from && byte === 0x80) throw new DerError(`the tag of ${what} is not minimal`);
    number = number * 128 + (byte & 0x7f);
    if (number > highest) throw new DerError(`the tag of ${what} is too long`);
    if (byte < 0x80) {
      if (number < 0x1f) throw new DerError(`the tag of ${what} is not minimal`);
      return at + 1;
    }
  }
  throw cutShortError(what);
}

function element(
  tagByte: number,
  start: number,
  body: number,
  length: number,
  limit: number,
  what: string,
): Element {
  const end = body + length;
  if (end > limit) throw cutShortError(what);
  return { tag: tagByte, start, body, end };
}

function missingError(what: string): DerError {
  return new DerError(`${what} is missing`);
}

function cutShortError(what: string): DerError {
  return new DerError(`${what} is cut short: its length exceeds the data`);
}
