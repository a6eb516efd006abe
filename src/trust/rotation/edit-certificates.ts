import type { AnchorReader } from '../x509/anchor-reader.ts';
import {
  EditError,
  addToFlow,
  endOfLines,
  eolOf,
  indentAt,
  removeFromFlow,
  removeLines,
  splice,
} from './splice.ts';
import { lineEnd, lineStart, nodeAt } from './yaml-tree.ts';
import type { Node, ScalarNode, SequenceNode } from './yaml-tree.ts';

/** Returns the text with a certificate as the last item of `caBundles`. `pem` ends with a line feed. */
export function addCertificate(text: string, bundles: Node | undefined, pem: string): string {
  const last = bundles?.kind === 'sequence' ? bundles.items.at(-1) : undefined;
  if (bundles?.kind !== 'sequence' || last === undefined) throw new EditError('spec.caBundles is not a list');
  if (bundles.flow) {
    const item = JSON.stringify({ type: 'Pem', pem: { value: pem } });
    return addToFlow(text, bundles, last, item);
  }
  const [eol, indent] = [eolOf(text), indentAt(text, bundles.start)];
  const lines = [
    '- type: Pem',
    '  pem:',
    '    value: |',
    ...pem
      .trimEnd()
      .split('\n')
      .map((line) => `      ${line}`),
  ];
  const at = endOfLines(text, bundles);
  return splice(text, at, at, lines.map((line) => `${eol}${indent}${line}`).join(''));
}

/**
 * Returns the text without the first certificate with this fingerprint; `undefined` if the text does not have it. An
 * item that has only this certificate is removed as a whole.
 */
export function removeCertificate(
  text: string,
  bundles: Node | undefined,
  fingerprint: string,
  reader: AnchorReader,
): string | undefined {
  if (bundles?.kind !== 'sequence') return undefined;
  for (const [index, item] of bundles.items.entries()) {
    const pem = nodeAt(item, ['pem', 'value']);
    if (pem?.kind !== 'scalar') continue;
    const blocks = reader.read(pem.value);
    const found = blocks.find(
      (block) => block.kind === 'anchor' && block.certificate.fingerprint === fingerprint,
    );
    if (found === undefined) continue;
    return blocks.length === 1 ? removeItem(text, bundles, index) : removeBlock(text, pem, found.line);
  }
  return undefined;
}

function removeItem(text: string, { flow, items }: SequenceNode, index: number): string {
  const item = items[index];
  if (item === undefined || items.length === 1)
    throw new EditError(
      'the resource would list no certificate any more; delete it, or list another one first',
    );
  if (flow) return removeFromFlow(text, items, index);
  const dash = dashAbove(text, item.start);
  return dash === undefined
    ? removeLines(text, item, /^\s*-\s+$/)
    : removeLines(text, { start: dash, end: item.end }, /^\s*$/);
}

/** Returns the offset of the dash of an item if it is on a line of its own, above the item and its comments. */
function dashAbove(text: string, start: number): number | undefined {
  let line = lineStart(text, start);
  if (text.slice(line, start).trim() !== '') return undefined;
  while (line > 0) {
    const above = lineStart(text, line - 1);
    const content = text.slice(above, line);
    if (/^\s*-(?:\s+#.*)?\s*$/.test(content)) return above + content.indexOf('-');
    if (!/^\s*(?:#.*)?$/.test(content.trimEnd())) return undefined;
    line = above;
  }
  return undefined;
}

/** Removes the block that begins at a line (1-based) of a PEM text with several blocks. */
function removeBlock(text: string, pem: ScalarNode, line: number): string {
  const length = blockLength(pem.value, line);
  if (pem.style === 'quoted')
    return splice(text, pem.start, pem.end, JSON.stringify(withoutBlock(pem.value, line)));
  if (pem.style !== 'literal')
    throw new EditError('the PEM text is neither a block of style | nor a quoted string');
  let from = pem.start;
  for (let skipped = 1; skipped < line; skipped += 1) from = lineEnd(text, from) + 1;
  let to = from;
  for (let skipped = 0; skipped < length; skipped += 1) to = Math.min(text.length, lineEnd(text, to) + 1);
  return splice(text, from, to, '');
}

/** Returns a PEM text without the block that begins at a line (1-based). */
export function withoutBlock(pem: string, line: number): string {
  return pem
    .split('\n')
    .toSpliced(line - 1, blockLength(pem, line))
    .join('\n');
}

function blockLength(pem: string, line: number): number {
  const lines = pem.split('\n').slice(line - 1);
  const length = lines.findIndex((one) => one.startsWith('-----END')) + 1;
  if (length === 0) throw new EditError('the end of the block was not found');
  return length;
}
