import { lineEnd, lineStart } from './yaml-tree.ts';
import type { Extent, MappingNode, Node } from './yaml-tree.ts';

/** The reason why a text cannot be edited at a place. */
export class EditError extends Error {
  override readonly name = 'EditError';
}

/** Returns the text with a part replaced. */
export function splice(text: string, start: number, end: number, replacement: string): string {
  return text.slice(0, start) + replacement + text.slice(end);
}

/** Returns the line break that a text uses: CR LF if it has one. */
export function eolOf(text: string): string {
  return text.includes('\r\n') ? '\r\n' : '\n';
}

/** Returns the indentation, in spaces, that reaches the column of an offset. */
export function indentAt(text: string, at: number): string {
  return ' '.repeat(at - lineStart(text, at));
}

/** Returns the offset of the line break after a value and the comment that may follow it, or of the end of the text. */
export function endOfLines(text: string, { start, end }: Extent): number {
  const trimmed = start + text.slice(start, end).trimEnd().length;
  const at = lineEnd(text, trimmed);
  return text[at - 1] === '\r' ? at - 1 : at;
}

/**
 * Returns the text without the lines of an entry or item in block style.
 * @throws {EditError} if `lead` does not match the text before it on its first line.
 */
export function removeLines(text: string, extent: Extent, lead: RegExp): string {
  const from = lineStart(text, extent.start);
  if (!lead.test(text.slice(from, extent.start)))
    throw new EditError('an entry does not begin on a line of its own');
  const to = lineEnd(text, endOfLines(text, extent));
  return splice(text, from, Math.min(text.length, to + 1), '');
}

/** Returns the text without one entry or item of a collection in flow style, and without its comma. */
export function removeFromFlow(text: string, extents: readonly Extent[], index: number): string {
  const [before, extent, after] = [extents[index - 1], extents[index], extents[index + 1]];
  if (extent === undefined) return text;
  if (after !== undefined) return splice(text, extent.start, after.start, '');
  return splice(text, before?.end ?? extent.start, extent.end, '');
}

/**
 * Returns the text with `added` after `last`, the last entry or item of a collection in flow style; `undefined` if the
 * collection is empty. If `last` begins a line, `added` gets a line of its own.
 */
export function addToFlow(text: string, collection: Extent, last: Extent | undefined, added: string): string {
  if (last === undefined) return splice(text, collection.start + 1, collection.start + 1, added);
  const lead = text.slice(lineStart(text, last.start), last.start);
  const isOwnLine = /^\s*$/.test(lead) && lineStart(text, last.start) > collection.start;
  return splice(text, last.end, last.end, `,${isOwnLine ? eolOf(text) + lead : ' '}${added}`);
}

/** Returns the extent of each entry of a mapping, from its key to the end of its value. */
export function entriesOf({ entries }: MappingNode): readonly Extent[] {
  return entries.map(({ keyNode, value }) => ({ start: keyNode.start, end: value.end }));
}

/** Returns the entry of a mapping with this key. */
export function entryOf(
  node: Node | undefined,
  key: string,
): { readonly keyNode: Node; readonly value: Node; readonly index: number } | undefined {
  if (node?.kind !== 'mapping') return undefined;
  const index = node.entries.findIndex((entry) => entry.key === key);
  const entry = node.entries[index];
  return entry === undefined ? undefined : { keyNode: entry.keyNode, value: entry.value, index };
}
