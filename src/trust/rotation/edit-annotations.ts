import { rotationKeyNames } from '../rotation-keys.ts';
import type { RotationKey } from '../rotation-keys.ts';
import {
  EditError,
  addToFlow,
  endOfLines,
  entriesOf,
  entryOf,
  eolOf,
  indentAt,
  removeFromFlow,
  removeLines,
  splice,
} from './splice.ts';
import { lineStart } from './yaml-tree.ts';
import type { MappingNode, Node } from './yaml-tree.ts';

/** Returns the text with an annotation set. `holder`: the mapping that has or gets the field `annotations`. */
export function setAnnotation(
  text: string,
  holder: Node | undefined,
  key: RotationKey,
  value: string,
): string {
  if (holder?.kind !== 'mapping') throw new EditError('the resource has no metadata');
  const annotations = entryOf(holder, 'annotations');
  if (annotations === undefined) return addAnnotations(text, holder, key, value);
  const { value: node } = annotations;
  if (node.kind !== 'mapping') {
    if (node.kind !== 'scalar' || node.style === 'quoted')
      throw new EditError('the field annotations is not a mapping');
    const at = node.style === 'absent' ? text.indexOf(':', annotations.keyNode.end) + 1 : node.start;
    const end = node.style === 'absent' ? at : node.end;
    return splice(text, at, end, `${node.style === 'absent' ? ' ' : ''}{ ${pair(key, value)} }`);
  }
  const present = entryOf(node, key);
  if (present !== undefined) {
    if (present.value.kind !== 'scalar' || !isOneLine(text, present.value))
      throw new EditError(`the annotation ${key} is not on one line`);
    return splice(text, present.value.start, present.value.end, JSON.stringify(value));
  }
  return addEntry(text, node, key, value);
}

/** Returns the text without an annotation, and without the field `annotations` if nothing is left in it. */
export function removeAnnotation(text: string, holder: Node | undefined, key: RotationKey): string {
  const annotations = entryOf(holder, 'annotations');
  const node = annotations?.value;
  const entry = entryOf(node, key);
  if (holder?.kind !== 'mapping' || node?.kind !== 'mapping' || entry === undefined) return text;
  const isLast = node.entries.length === 1;
  if (isLast && holder.flow) return removeFromFlow(text, entriesOf(holder), annotations?.index ?? -1);
  if (node.flow && !(isLast && !holder.flow)) return removeFromFlow(text, entriesOf(node), entry.index);
  const extent = { start: entry.keyNode.start, end: entry.value.end };
  if (!isLast) return removeLines(text, extent, /^\s*$/);
  const keyStart = annotations?.keyNode.start ?? extent.start;
  // A comment between the field and its only entry stays, with an empty field above it.
  if (text.slice(keyStart, extent.start).includes('#')) return removeLines(text, extent, /^\s*$/);
  return removeLines(text, { start: keyStart, end: node.end }, /^\s*$/);
}

function addAnnotations(text: string, holder: MappingNode, key: RotationKey, value: string): string {
  const name = entryOf(holder, 'name');
  if (name?.value.kind !== 'scalar' || !isOneLine(text, name.value))
    throw new EditError('the name of the resource is not on one line');
  const extent = { start: name.keyNode.start, end: name.value.end };
  if (holder.flow) return addToFlow(text, holder, extent, `"annotations": { ${pair(key, value)} }`);
  const [eol, indent] = [eolOf(text), indentAt(text, name.keyNode.start)];
  const at = endOfLines(text, extent);
  return splice(text, at, at, `${eol}${indent}annotations:${eol}${indent}  ${key}: ${JSON.stringify(value)}`);
}

function addEntry(text: string, node: MappingNode, key: RotationKey, value: string): string {
  const extents = entriesOf(node);
  if (node.flow) return addToFlow(text, node, extents.at(-1), pair(key, value));
  const line = `${key}: ${JSON.stringify(value)}`;
  const own = node.entries.findLast(
    (entry) => (rotationKeyNames as readonly string[]).includes(entry.key) && isOneLine(text, entry.value),
  );
  if (own === undefined) {
    const at = node.start;
    return splice(text, at, at, `${line}${eolOf(text)}${indentAt(text, at)}`);
  }
  const at = endOfLines(text, { start: own.keyNode.start, end: own.value.end });
  return splice(text, at, at, `${eolOf(text)}${indentAt(text, own.keyNode.start)}${line}`);
}

function pair(key: string, value: string): string {
  return `${JSON.stringify(key)}: ${JSON.stringify(value)}`;
}

/** True for a value on the line of its key. */
function isOneLine(text: string, { start, end }: Node): boolean {
  return lineStart(text, start) === lineStart(text, end);
}
