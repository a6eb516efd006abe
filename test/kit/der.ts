/**
 * A DER (X.690) encoder for test certificates, with one function per type. Tests need control over every byte of a
 * certificate, and must be able to write invalid ones.
 */

/** Encodes one TLV: a single-byte identifier octet, the minimal length, the joined parts. */
export function tlv(identifier: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([identifier]), encodeLength(content.length), content]);
}

function encodeLength(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const bytes = bigEndian(BigInt(length));
  return Buffer.concat([Buffer.from([0x80 | bytes.length]), bytes]);
}

function bigEndian(value: bigint): Buffer {
  const hex = value.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
}

/** Encodes a SEQUENCE of the parts. */
export function sequence(...parts: readonly Uint8Array[]): Buffer {
  return tlv(0x30, ...parts);
}

/** Encodes a SET of one part. A set of several parts would have to be sorted (X.690, 11.6); no test needs one. */
export function setOf(part: Uint8Array): Buffer {
  return tlv(0x31, part);
}

/** Encodes an INTEGER that is not negative. */
export function integer(value: bigint): Buffer {
  const bytes = bigEndian(value);
  const first = bytes[0] ?? 0;
  return first < 0x80 ? tlv(0x02, bytes) : tlv(0x02, Buffer.from([0]), bytes);
}

/** Encodes BOOLEAN TRUE. DER omits FALSE where it is the default. */
export function booleanTrue(): Buffer {
  return tlv(0x01, Buffer.from([0xff]));
}

/** Encodes NULL. */
export function nullValue(): Buffer {
  return tlv(0x05);
}

/** Encodes an OBJECT IDENTIFIER from its dotted form. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second, ...rest].flatMap(base128);
  return tlv(0x06, Buffer.from(bytes));
}

function base128(value: number): number[] {
  const bytes = [value % 128];
  for (let left = Math.floor(value / 128); left > 0; left = Math.floor(left / 128)) {
    bytes.unshift((left % 128) | 0x80);
  }
  return bytes;
}

/** Encodes a BIT STRING whose last byte has `unused` unused bits. */
export function bitString(bytes: Uint8Array, unused = 0): Buffer {
  return tlv(0x03, Buffer.from([unused]), bytes);
}

/** Encodes an OCTET STRING. */
export function octetString(bytes: Uint8Array): Buffer {
  return tlv(0x04, bytes);
}

/** Encodes a UTF8String. */
export function utf8String(text: string): Buffer {
  return tlv(0x0c, Buffer.from(text, 'utf8'));
}

/** Encodes a PrintableString. The caller is responsible for its alphabet. */
export function printableString(text: string): Buffer {
  return tlv(0x13, Buffer.from(text, 'latin1'));
}

/** Encodes a UTCTime for 1950 to 2049, and otherwise a GeneralizedTime (RFC 5280, section 4.1.2.5). */
export function time(date: Date): Buffer {
  const digits = date.toISOString().replaceAll(/[-:T]|\.\d+Z$/g, '');
  const year = date.getUTCFullYear();
  return year >= 1950 && year < 2050
    ? tlv(0x17, Buffer.from(`${digits.slice(2)}Z`, 'latin1'))
    : tlv(0x18, Buffer.from(`${digits}Z`, 'latin1'));
}

/** Encodes a constructed context tag `[number]` around the parts: EXPLICIT, or IMPLICIT over a SEQUENCE. */
export function contextConstructed(number: number, ...parts: readonly Uint8Array[]): Buffer {
  return tlv(0xa0 | number, ...parts);
}

/** Encodes a primitive context tag `[number]`: IMPLICIT over a string or number type. */
export function contextPrimitive(number: number, content: Uint8Array): Buffer {
  return tlv(0x80 | number, content);
}
