/**
 * The DER that certificates are made of, written by hand: tests must be able to say exactly which bytes a
 * certificate has, and to say wrong ones. X.690; one function per type, values in, encoding out.
 */

/** One TLV: a single-byte identifier octet, the minimal length, the parts joined. */
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

/** SEQUENCE of the parts. */
export function sequence(...parts: readonly Uint8Array[]): Buffer {
  return tlv(0x30, ...parts);
}

/** SET of one part; sets of several would have to be sorted (X.690, 11.6), and no test needs one. */
export function setOf(part: Uint8Array): Buffer {
  return tlv(0x31, part);
}

/** INTEGER, not negative. */
export function integer(value: bigint): Buffer {
  const bytes = bigEndian(value);
  const first = bytes[0] ?? 0;
  return first < 0x80 ? tlv(0x02, bytes) : tlv(0x02, Buffer.from([0]), bytes);
}

/** BOOLEAN TRUE; DER leaves FALSE out wherever it is the default. */
export function booleanTrue(): Buffer {
  return tlv(0x01, Buffer.from([0xff]));
}

/** NULL. */
export function nullValue(): Buffer {
  return tlv(0x05);
}

/** OBJECT IDENTIFIER from its dotted form. */
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

/** BIT STRING whose last byte has `unused` bits that do not count. */
export function bitString(bytes: Uint8Array, unused = 0): Buffer {
  return tlv(0x03, Buffer.from([unused]), bytes);
}

/** OCTET STRING. */
export function octetString(bytes: Uint8Array): Buffer {
  return tlv(0x04, bytes);
}

/** UTF8String. */
export function utf8String(text: string): Buffer {
  return tlv(0x0c, Buffer.from(text, 'utf8'));
}

/** PrintableString; the caller keeps to its alphabet. */
export function printableString(text: string): Buffer {
  return tlv(0x13, Buffer.from(text, 'latin1'));
}

/** UTCTime for 1950 to 2049, GeneralizedTime beyond, as RFC 5280, 4.1.2.5 demands. */
export function time(date: Date): Buffer {
  const digits = date.toISOString().replaceAll(/[-:T]|\.\d+Z$/g, '');
  const year = date.getUTCFullYear();
  return year >= 1950 && year < 2050
    ? tlv(0x17, Buffer.from(`${digits.slice(2)}Z`, 'latin1'))
    : tlv(0x18, Buffer.from(`${digits}Z`, 'latin1'));
}

/** A constructed context tag `[number]` around the parts: EXPLICIT, or IMPLICIT over a SEQUENCE. */
export function contextConstructed(number: number, ...parts: readonly Uint8Array[]): Buffer {
  return tlv(0xa0 | number, ...parts);
}

/** A primitive context tag `[number]`: IMPLICIT over a string or number type. */
export function contextPrimitive(number: number, content: Uint8Array): Buffer {
  return tlv(0x80 | number, content);
}
