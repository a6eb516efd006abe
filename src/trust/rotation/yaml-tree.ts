import {
  COLLECTION_STYLE,
  EVENT_ID,
  SCALAR_STYLE,
  YAMLException,
  getScalarValue,
  parseEvents,
} from 'js-yaml';
import type { Event } from 'js-yaml';
import type { Path } from '../model/read-yaml.ts';
import { splitDocuments } from '../model/split-documents.ts';

/**
 * A node of a YAML document with its place in the text. Offsets count UTF-16 units of the whole text. `end` is the
 * offset after its value, without the comments that follow. Only in a block scalar (`literal`, `folded`), the line
 * breaks and blank lines at the end belong to the value.
 */
export type Node = MappingNode | SequenceNode | ScalarNode | AliasNode;

/** The part of a text that a node occupies. */
export interface Extent {
  readonly start: number;
  readonly end: number;
}

export interface MappingNode extends Extent {
  readonly kind: 'mapping';
  readonly flow: boolean;
  readonly entries: readonly { readonly key: string; readonly keyNode: Node; readonly value: Node }[];
}

export interface SequenceNode extends Extent {
  readonly kind: 'sequence';
  readonly flow: boolean;
  readonly items: readonly Node[];
}

export interface ScalarNode extends Extent {
  readonly kind: 'scalar';
  /** `absent`: no value is written, as after `key:`. */
  readonly style: 'plain' | 'quoted' | 'literal' | 'folded' | 'absent';
  readonly value: string;
}

interface AliasNode extends Extent {
  readonly kind: 'alias';
}

/** Returns the root node of each document of a text, in order; `undefined` if the text cannot be edited. */
export function readTree(text: string): readonly Node[] | undefined {
  // The parser skips a byte order mark at the start of a text, but elsewhere it is a character of a key or value.
  if (text.includes('\ufeff')) return undefined;
  const roots: Node[] = [];
  let offset = 0;
  try {
    for (const part of splitDocuments(text, text.length)) {
      const events = parseEvents(part.text, { maxDepth: 50 });
      for (const [index, event] of events.entries())
        if (event.type === EVENT_ID.DOCUMENT) roots.push(buildNode(part.text, events, index + 1, offset));
      offset += part.text.length;
    }
  } catch (error) {
    if (error instanceof YAMLException) return undefined;
    throw error;
  }
  return roots;
}

/** Returns the node at a path; `undefined` if the document has no such path. Aliases are not followed. */
export function nodeAt(root: Node, path: Path): Node | undefined {
  let node: Node | undefined = root;
  for (const part of path) {
    if (node?.kind === 'mapping') node = node.entries.find(({ key }) => key === part)?.value;
    else if (node?.kind === 'sequence' && typeof part === 'number') node = node.items[part];
    else return undefined;
  }
  return node;
}

/** Builds the node that begins at `events[first]`. `offset` is the offset of the part in the whole text. */
function buildNode(part: string, events: readonly Event[], first: number, offset: number): Node {
  let next = first;
  /** The offset in the part after the last value that was read. */
  let lastEnd = 0;
  const build = (): Node => {
    const event = events[next];
    // The document has no value.
    if (event === undefined || event.type === EVENT_ID.POP)
      return { kind: 'scalar', style: 'absent', value: '', start: offset + lastEnd, end: offset + lastEnd };
    next += 1;
    switch (event.type) {
      case EVENT_ID.SCALAR:
        return scalar(event);
      case EVENT_ID.ALIAS: {
        lastEnd = event.anchorEnd;
        return { kind: 'alias', start: offset + event.anchorStart, end: offset + event.anchorEnd };
      }
      case EVENT_ID.MAPPING:
      case EVENT_ID.SEQUENCE:
        return collection(event);
      case EVENT_ID.DOCUMENT:
        throw new YAMLException('the document has no value');
    }
  };
  const scalar = (event: Extract<Event, { readonly type: typeof EVENT_ID.SCALAR }>): ScalarNode => {
    if (event.valueStart < 0)
      return { kind: 'scalar', style: 'absent', value: '', start: offset + lastEnd, end: offset + lastEnd };
    const isQuoted = event.style === SCALAR_STYLE.SINGLE_QUOTED || event.style === SCALAR_STYLE.DOUBLE_QUOTED;
    const quote = isQuoted ? 1 : 0;
    lastEnd = event.valueEnd + quote;
    const style = isQuoted
      ? 'quoted'
      : event.style === SCALAR_STYLE.LITERAL_BLOCK
        ? 'literal'
        : event.style === SCALAR_STYLE.FOLDED_BLOCK
          ? 'folded'
          : 'plain';
    const start = event.valueStart - quote;
    return {
      kind: 'scalar',
      style,
      value: getScalarValue(part, event),
      start: offset + start,
      end: offset + lastEnd,
    };
  };
  const collection = (
    event: Extract<Event, { readonly type: typeof EVENT_ID.MAPPING | typeof EVENT_ID.SEQUENCE }>,
  ): Node => {
    const flow = event.style === COLLECTION_STYLE.FLOW;
    const start = event.start;
    lastEnd = Math.max(lastEnd, start + (flow ? 1 : 0));
    const nodes: Node[] = [];
    while (events[next]?.type !== EVENT_ID.POP) nodes.push(build());
    next++;
    if (flow) lastEnd = closingEnd(part, lastEnd);
    const extent = { start: offset + start, end: offset + lastEnd, flow };
    if (event.type === EVENT_ID.SEQUENCE) return { kind: 'sequence', items: nodes, ...extent };
    const entries = [];
    for (let at = 0; at + 1 < nodes.length; at += 2) {
      const [keyNode, value] = [nodes[at], nodes[at + 1]];
      if (keyNode === undefined || value === undefined) continue;
      entries.push({ key: keyNode.kind === 'scalar' ? keyNode.value : '', keyNode, value });
    }
    return { kind: 'mapping', entries, ...extent };
  };
  return build();
}

/** Returns the offset after the bracket that closes a flow collection whose last value ends at `from`. */
function closingEnd(part: string, from: number): number {
  let at = from;
  while (at < part.length) {
    const character = part[at] ?? '';
    if (character === '#' && /\s/.test(part[at - 1] ?? '')) at = lineEnd(part, at);
    else if (character === ']' || character === '}') return at + 1;
    else at += 1;
  }
  return at;
}

/** Returns the offset of the next line feed from `from` on, or, after the last line feed, the length of the text. */
export function lineEnd(text: string, from: number): number {
  const found = text.indexOf('\n', from);
  return found === -1 ? text.length : found;
}

/** Returns the offset at which the line that contains `at` begins. */
export function lineStart(text: string, at: number): number {
  return text.lastIndexOf('\n', at - 1) + 1;
}
