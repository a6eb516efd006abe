import { staticTable } from './static-table.ts';

/** How a literal field is represented (RFC 7541, section 6.2): into the table of the peer or not. */
export type Indexing = 'incremental' | 'none';

/** The representation of a field of the static table. */
export function encodeIndexed(index: number): Uint8Array {
  return encodeInteger(index, 0x7f, 0x80);
}

/** Shrinks the dynamic table of the peer to nothing, so that no entry is left (RFC 7541, section 6.3). */
export const emptyTable: Uint8Array = Uint8Array.of(0x20);

/**
 * Encodes a literal field; its name by the static table if that has it. Strings are not Huffman-coded.
 * Text is Latin-1.
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

/** An integer with a prefix of `mask`, in an octet whose other bits are `bits` (RFC 7541, section 5.1). */
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
