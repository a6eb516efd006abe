import {
  EVENT_ID,
  SCALAR_STYLE,
  YAMLException,
  constructFromEvents,
  getScalarValue,
  parseEvents,
} from 'js-yaml';
import type { Event } from 'js-yaml';

/** A path in a document: property names and array indexes, from its root. */
export type Path = readonly (string | number)[];

/** One document of a text. Line numbers are 1-based. */
export interface YamlDocument {
  readonly value: unknown;
  /** The number of characters from its first node to the first node of the next document. */
  readonly length: number;
  /** Returns the line of the value at a path, or of its nearest parent in the text. */
  readonly lineOf: (path: Path) => number;
  /** Returns the line, in the file, of one line of a text value that spans several lines. */
  readonly lineInside: (path: Path, line: number) => number;
}

/** The documents of a text, or the first error with its line. */
export type YamlReading =
  | { readonly kind: 'documents'; readonly documents: readonly YamlDocument[] }
  | { readonly kind: 'failed'; readonly reason: string; readonly line: number | undefined };

/** The limit on aliases. Resources need none; a few are harmless, many are a bomb. */
const maxAliases = 50;

/** The limit on nested collections. Resources have six levels. */
const maxDepth = 50;

/**
 * Parses all documents of a text in YAML 1.2 (and so JSON), or returns the first error. Positions are computed on
 * demand. The first line of the text is line `firstLine` of its file.
 */
export function readYaml(marked: string, firstLine = 1): YamlReading {
  const text = withoutLeadingMark(marked);
  const mark = innerMark(text);
  if (mark !== -1) {
    const line = firstLine + text.slice(0, mark).split('\n').length - 1;
    return { kind: 'failed', reason: 'a byte order mark is inside a document', line };
  }
  try {
    const events = parseEvents(text, { maxDepth });
    const values = constructFromEvents(events, { source: text, maxAliases });
    return { kind: 'documents', documents: documentsOf(text, events, values, firstLine) };
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    return {
      kind: 'failed',
      reason: withoutContent(error.reason),
      line: error.mark === undefined ? undefined : error.mark.line + firstLine,
    };
  }
}

const byteOrderMark = '\ufeff';

/**
 * Returns the text without a byte order mark that begins a document: first in the text, or after a marker, with only
 * comments and empty lines between them (YAML 1.2.2, section 5.2). A loop, since a regular expression for these lines
 * backtracks: one with two ways to read `\r` took 2^40 steps for 40 comments that end in CRLF.
 */
function withoutLeadingMark(text: string): string {
  if (!text.includes(byteOrderMark)) return text;
  const hasMarker = text.startsWith('---') || text.startsWith('...');
  let at = 0;
  for (let next = hasMarker ? lineAfterBlank(text, 3) : 0; next !== -1; next = lineAfterBlank(text, at))
    at = next;
  return text.startsWith(byteOrderMark, at) ? text.slice(0, at) + text.slice(at + 1) : text;
}

/** Returns where the next line begins if the rest of this one is blank or a comment, and -1 otherwise. */
function lineAfterBlank(text: string, from: number): number {
  let at = from;
  while (text[at] === ' ' || text[at] === '\t') at += 1;
  if (text[at] === '#') while (at < text.length && text[at] !== '\r' && text[at] !== '\n') at += 1;
  if (text[at] === '\r') return text[at + 1] === '\n' ? at + 2 : at + 1;
  return text[at] === '\n' ? at + 1 : -1;
}

/** Returns the offset of the first byte order mark at the beginning of a later line, or -1. */
function innerMark(text: string): number {
  let at = text.indexOf(byteOrderMark, 1);
  while (at !== -1 && text[at - 1] !== '\n' && text[at - 1] !== '\r')
    at = text.indexOf(byteOrderMark, at + 1);
  return at;
}

/** Replacements for the error messages of the parser that quote the text: a text may contain secrets. */
const reasons: readonly (readonly [begins: string, sentence: string])[] = [
  ['unidentified alias', 'an alias has no anchor'],
  ['recursive alias', 'an alias refers to a value that contains it'],
  ['unknown scalar tag', 'a tag is unknown'],
  ['unknown sequence tag', 'a tag is unknown'],
  ['unknown mapping tag', 'a tag is unknown'],
  ['unknown escape', 'an escape is unknown'],
  ['cannot resolve a node', 'a tag does not fit its value'],
  ['tag name', 'a tag has characters that it must not have'],
  ['undeclared tag handle', 'a tag handle is not declared'],
  ['there is a previously declared', 'a tag handle is declared twice'],
  ['nesting exceeded', 'collections are nested too deeply'],
  ['aliases exceeded', 'there are too many aliases'],
];

function withoutContent(reason: string): string {
  const known = reasons.find(([begins]) => reason.startsWith(begins));
  if (known !== undefined) return known[1];
  // The parser puts these characters around quoted text.
  return /["<`]|: /.test(reason) || reason.length > 120 ? 'the text is not valid YAML' : reason;
}

/** The offset at which a value begins, and for a collection the nodes of its items. */
interface Node {
  readonly start: number;
  /** True for a block scalar of style `|`: below its header, each line of the value is a line of the text. */
  readonly literal: boolean;
  readonly items: Map<string | number, Node>;
}

function documentsOf(
  text: string,
  events: readonly Event[],
  values: readonly unknown[],
  firstLine: number,
): readonly YamlDocument[] {
  const firsts = events.flatMap((event, index) => (event.type === EVENT_ID.DOCUMENT ? [index + 1] : []));
  const starts = firsts.map((first) => startOf(events[first]));
  const lineIn = createLineIndex(text);
  const lineAt = (offset: number): number => lineIn(offset) + firstLine - 1;
  return values.map((value, index) => {
    const [first = 0, start = 0] = [firsts[index], starts[index]];
    let root: Node | undefined;
    const find = (path: Path): Node => {
      let node = (root ??= buildTree(text, events, first));
      for (const part of path) {
        const child = node.items.get(part);
        if (child === undefined) return { ...node, literal: false };
        node = child;
      }
      return node;
    };
    return {
      value,
      length: (starts[index + 1] ?? text.length) - start,
      lineOf: (path) => lineAt(find(path).start),
      lineInside: (path, line) => {
        const node = find(path);
        return lineAt(node.start) + (node.literal ? line - 1 : 0);
      },
    };
  });
}

/** Builds the nodes of the document whose content begins at `events[first]`. */
function buildTree(text: string, events: readonly Event[], first: number): Node {
  let next = first;
  const build = (): Node => {
    const event = events[next++];
    const node: Node = { start: startOf(event), literal: isLiteral(event), items: new Map() };
    if (event === undefined || (event.type !== EVENT_ID.MAPPING && event.type !== EVENT_ID.SEQUENCE))
      return node;
    for (let index = 0; events[next]?.type !== EVENT_ID.POP; index++) {
      let key: string | number = index;
      if (event.type === EVENT_ID.MAPPING) {
        const name = events[next];
        const at = build();
        key = name?.type === EVENT_ID.SCALAR ? getScalarValue(text, name) : '';
        // An omitted value has the position of its key.
        const value = build();
        node.items.set(key, value.start < 0 ? { ...value, start: at.start } : value);
      } else node.items.set(key, build());
    }
    next++;
    return node;
  };
  return build();
}

function startOf(event: Event | undefined): number {
  switch (event?.type) {
    case EVENT_ID.SCALAR:
      return event.valueStart;
    case EVENT_ID.MAPPING:
    case EVENT_ID.SEQUENCE:
      return event.start;
    case EVENT_ID.ALIAS:
      return event.anchorStart;
    case EVENT_ID.DOCUMENT:
    case EVENT_ID.POP:
    case undefined:
      return -1;
  }
}

function isLiteral(event: Event | undefined): boolean {
  return event?.type === EVENT_ID.SCALAR && event.style === SCALAR_STYLE.LITERAL_BLOCK;
}

/** Returns a function from an offset to its line. The first call computes the lines. */
function createLineIndex(text: string): (offset: number) => number {
  let starts: number[] | undefined;
  return (offset) => {
    starts ??= lineStarts(text);
    let [low, high] = [0, starts.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    return Math.max(1, low);
  };
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}
