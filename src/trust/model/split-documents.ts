import { countLineFeeds } from '../pem/decode-pem.ts';

/** A part of a text that can be parsed on its own: one YAML document or several. */
export interface TextPart {
  readonly text: string;
  /** 1-based line at which the part begins. */
  readonly line: number;
}

/**
 * Splits a text at the lines that begin documents (`---`, also inside a scalar: YAML 1.2.2, section 9.1.2), so that
 * each document can be parsed separately. A part longer than `longest` is cut just above that length: it is rejected
 * in any case.
 */
export function* splitDocuments(text: string, longest: number): Generator<TextPart, undefined> {
  let line = 1;
  for (let start = 0; start < text.length;) {
    // Directives precede the marker of their document.
    const directive = lastDirective(text, start, start + longest);
    const from = directive === undefined ? start : nextDocument(text, directive, start + longest);
    const end = beforeDirectives(text, from, nextDocument(text, from, from + longest));
    yield { text: text.slice(start, end), line };
    line += countLineFeeds(text, start, end);
    start = end;
  }
}

/**
 * Returns where the last directive begins of those at `start`, with only comments, empty lines and byte order marks
 * around them (YAML 1.2.2, section 9.1.1); `undefined` without one.
 */
function lastDirective(text: string, start: number, limit: number): number | undefined {
  let last: number | undefined;
  let end = start;
  for (let at = start; at < limit; at = end) {
    if (text.startsWith('\ufeff', at)) at += 1;
    if (text.startsWith('%', at)) last = at;
    else if (!isBlankOrComment(text, at)) break;
    end = text.indexOf('\n', at) + 1;
    if (end === 0) break;
  }
  return last;
}

function isBlankOrComment(text: string, lineStart: number): boolean {
  let at = lineStart;
  while (text[at] === ' ' || text[at] === '\t') at += 1;
  return text[at] === '#' || text[at] === '\n' || text[at] === '\r';
}

/**
 * Returns where a part that begins at `start` ends: at the directives of its next document, which follow the line
 * `...`, or else at `end`.
 */
function beforeDirectives(text: string, start: number, end: number): number {
  const part = text.slice(start, end);
  for (let at = part.indexOf('\n...'); at !== -1; at = part.indexOf('\n...', at + 1)) {
    const after = part.indexOf('\n', at + 1) + 1;
    if (after === 0) break;
    // `....` and `...x` are no markers.
    if (part.charCodeAt(at + 4) > 0x20) continue;
    if (lastDirective(part, after, part.length) !== undefined) return start + after;
  }
  return end;
}

/** Returns the beginning of the document after the one at `start`, at most just past `limit` or the end of the text. */
function nextDocument(text: string, start: number, limit: number): number {
  const within = limit < text.length ? text.slice(0, limit + 1) : text;
  let at = start;
  do {
    at = within.indexOf('\n---', at) + 1;
    if (at === 0) return Math.min(limit + 1, text.length);
    // `----` and `---x` are not markers.
  } while (text.charCodeAt(at + 3) > 0x20);
  return at;
}

/**
 * Estimates how long a text takes to parse, as a weighted count of marks: line breaks, and characters that begin a node
 * or an escape. A mark takes up to 0.3 µs (`bench/marks.ts`). Stops counting just above `most`. A certificate with 64
 * columns has two marks in 65 characters, and hexadecimal digits with colons have none.
 */
export function countMarks(text: string, most: number): number {
  let count = 0;
  for (let at = 0; at < text.length && count <= most; at += 1) {
    switch (text.charCodeAt(at)) {
      case 0x0d: // carriage return; with a line feed, one line break
        if (text.charCodeAt(at + 1) !== 0x0a) count += 2;
        break;
      case 0x0a: // line feed
        count += 2;
        break;
      case 0x22: // "
      case 0x27: // '
      case 0x5b: // [
      case 0x5c: // backslash
      case 0x7b: // {
        count += 1;
        break;
      case 0x21: // ! begins a tag
      case 0x26: // & begins an anchor
      case 0x2a: // * begins an alias
        count += 2;
        break;
      case 0x2c: // , in most cases before a plain scalar, whose type is found by trial
        count += 4;
        break;
      case 0x2d: // `-` before white space begins an item, `?` begins a key, `:` begins a value
      case 0x3a:
      case 0x3f:
        if (text.charCodeAt(at + 1) <= 0x20 || at + 1 === text.length) count += 2;
        break;
      default:
    }
  }
  return count;
}
