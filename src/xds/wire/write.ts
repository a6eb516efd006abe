/**
 * The part of the protobuf wire format that the hot path writes by hand: length-delimited fields, joined
 * from parts that are already encoded. https://protobuf.dev/programming-guides/encoding/
 */

/** Encodes an unsigned integer below 2^53 as a base-128 varint. */
export function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

/**
 * Encodes a field of wire type 2: a sub-message, a string or bytes. `parts` are the pieces of its value, in
 * order.
 */
export function field(number: number, ...parts: readonly Uint8Array[]): Uint8Array {
  return concat([fieldHeader(number, lengthOf(parts)), ...parts]);
}

/** Encodes the tag and length of such a field, for large values that should be copied only once. */
export function fieldHeader(number: number, length: number): Uint8Array {
  return concat([varint(number * 8 + 2), varint(length)]);
}

/** Returns the total length of the parts, in bytes. */
export function lengthOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}

/** Encodes a string field. As in proto3, the empty string is omitted. */
export function stringField(number: number, value: string): Uint8Array {
  return value === '' ? new Uint8Array() : field(number, Buffer.from(value, 'utf8'));
}

/** Joins byte arrays into one. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}

/**
 * Joins byte arrays that are kept, into a buffer of its own. `concat` takes short ones from the pool of Node.js: a kept
 * one would keep 8 KiB, most of them of values that nothing needs any more.
 */
export function concatKept(parts: readonly Uint8Array[]): Uint8Array {
  const joined = Buffer.allocUnsafeSlow(lengthOf(parts));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
