/** A part of a text that can be read on its own: a document of YAML, or several. */
export interface TextPart {
  readonly text: string;
  /** 1-based line on which it begins. */
  readonly line: number;
}

/**
 * Cuts a text at the lines that begin documents (`---`, also inside of a scalar: YAML 1.2.2, section 9.1.2), so that each
 * can be read for itself. A part that is longer than `longest` is cut there: it is too long whatever follows.
 */
export function* splitDocuments(text: string, longest: number): Generator<TextPart, undefined> {
  let line = 1;
  for (let start = 0; start < text.length;) {
    // Directives stand before the marker of their document.
    const from = text.startsWith('%', start) ? nextDocument(text, start, start + longest) : start;
    const end = nextDocument(text, from, from + longest);
    yield { text: text.slice(start, end), line };
    line += countLineFeeds(text, start, end);
    start = end;
  }
}

/** Where the next document begins after the one at `start`, but not past `limit` nor the end of the text. */
function nextDocument(text: string, start: number, limit: number): number {
  const within = limit < text.length ? text.slice(0, limit + 1) : text;
  let at = start;
  do {
    at = within.indexOf('\n---', at) + 1;
    if (at === 0) return Math.min(limit + 1, text.length);
    // Not a marker: `----`, or `---x`.
  } while (text.charCodeAt(at + 3) > 0x20);
  return at;
}

/**
 * Counts what makes reading a text slow: characters that begin a node or an escape, and lines. Counts no further than
 * just above `most`. A certificate of 64 columns has one in 65 characters.
 */
export function countMarks(text: string, most: number): number {
  let count = 0;
  for (let at = 0; at < text.length && count <= most; at += 1) {
    switch (text.charCodeAt(at)) {
      case 0x0a: // line feed
      case 0x22: // "
      case 0x2c: // ,
      case 0x3a: // :
      case 0x5b: // [
      case 0x5c: // backslash
      case 0x7b: // {
        count += 1;
        break;
      case 0x2d: // - before white space begins an item, and so does ? a key
      case 0x3f:
        if (text.charCodeAt(at + 1) <= 0x20 || at + 1 === text.length) count += 1;
        break;
      default:
    }
  }
  return count;
}

function countLineFeeds(text: string, from: number, to: number): number {
  let count = 0;
  for (let at = text.indexOf('\n', from); at !== -1 && at < to; at = text.indexOf('\n', at + 1)) count += 1;
  return count;
}
