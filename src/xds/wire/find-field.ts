import { createWireReader } from './read.ts';

/**
 * Returns where a field with a length is, with its tag, if it begins in these first bytes of a message. Its end may be
 * behind them.
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
