import { staticTable } from './static-table.ts';

/** Whether the peer adds a literal field to its dynamic table (RFC 7541, section 6.2). */
export type Indexing = 'incremental' | 'none';

/** Encodes a field of the static or dynamic table by its index (RFC 7541, section 6.1). */
export function encodeIndexed(index: number): Uint8Array {
  return encodeInteger(index, 0x7f, 0x80);
}

/** A size update to 0, which removes all entries from the dynamic table of the peer (RFC 7541, section 6.3). */
export const emptyTable: Uint8Array = Uint8Array.of(0x20);

/**
 * Encodes a literal field. A name in the static table is encoded by its index. Strings are Latin-1 and not
 * Huffman-coded.
 */
export function encodeLiteral(name: string, value: string, indexing: Indexing): Uint8Array {
  const [mask, bits] = indexing === 'incremental' ? [0x3f, 0x40] : [0x0f, 0x00];
  const known = staticTable.findIndex((field) => field.name === name) + 1;
  const start = encodeInteger(known, mask, bits);
  return Buffer.concat(
    known > 0 ? [start, encodeString(value)] : [start, encodeString(name), encodeString(value)],
  );
}

function encodeString(text: string): Uint8Array {
  return Buffer.concat([encodeInteger(text.length, 0x7f, 0), Buffer.from(text, 'latin1')]);
}

/** Encodes an integer with a prefix of the bits `mask`. `bits` are the other bits of the first octet (section 5.1). */
function encodeInteger(value: number, mask: number, bits: number): Uint8Array {
  if (value < mask) return Uint8Array.of(bits | value);
  const octets = [bits | mask];
  let rest = value - mask;
  while (rest >= 0x80) {
    octets.push((rest & 0x7f) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return Uint8Array.from([...octets, rest]);
}
