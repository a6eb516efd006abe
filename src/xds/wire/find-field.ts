import { createWireReader } from './read.ts';

/**
 * Returns the position of a length-delimited field, including its tag, if the field begins in the given start of
 * a message. The end of the field may be beyond these bytes.
 */
export function findField(
  start: Buffer,
  number: number,
): { readonly start: number; readonly end: number } | undefined {
  const reader = createWireReader(start);
  while (!reader.done) {
    const from = reader.offset;
    const tag = reader.varint();
    if (tag === number * 8 + 2) {
      const length = reader.varint();
      return reader.sound ? { start: from, end: reader.offset + length } : undefined;
    }
    reader.skip(tag);
  }
  return undefined;
}
