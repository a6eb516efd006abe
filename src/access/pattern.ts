import { isDotSegment } from '../trust/model/spiffe-id.ts';

/** A part of a pattern: a text, `*`, or `{name}`. */
type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'any' }
  | { readonly kind: 'name'; readonly name: string };

/** A pattern, as segments that are matched one by one: no wildcard spans the border of two segments. */
export type Pattern = readonly (readonly Piece[])[];

/** The texts that the names of a rule stand for, from the identity of a client. */
export type Bindings = ReadonlyMap<string, string>;

/** A parsed pattern, or the reason why the text is not a pattern. */
export type ParsedPattern =
  | { readonly kind: 'pattern'; readonly pattern: Pattern }
  | { readonly kind: 'invalid'; readonly reason: string };

const piece = /\*|\{([a-zA-Z]+)\}|[^*{}]+/g;
const scheme = 'spiffe://';

/** Parses a pattern without segments, such as `{mesh}` for a namespace. */
export function parsePattern(text: string): ParsedPattern {
  return parseSegments([text]);
}

/** Parses a pattern whose segments are separated by slashes. */
export function parsePathPattern(text: string): ParsedPattern {
  return parseSegments(text.split('/'));
}

/**
 * Parses a pattern of SPIFFE IDs. The labels of the trust domain are segments too, so that the text of a name does not
 * depend on how many labels the trust domain has.
 */
export function parseSpiffePattern(text: string): ParsedPattern {
  const segments = spiffeSegments(text);
  if (segments === undefined)
    return { kind: 'invalid', reason: 'is not of the form spiffe://TRUST-DOMAIN/PATH' };
  if (segments.some(isDotSegment))
    return { kind: 'invalid', reason: "has '.' or '..' as a segment, which no SPIFFE ID has" };
  return parseSegments(segments);
}

/** Returns the labels of the trust domain, and the segments of the path. */
function spiffeSegments(id: string): readonly string[] | undefined {
  const slash = id.indexOf('/', scheme.length);
  if (!id.startsWith(scheme) || slash === -1) return undefined;
  const labels = id.slice(scheme.length, slash).split('.');
  // The count keeps a label from being compared with a segment of the path.
  return [`${labels.length}`, ...labels, ...id.slice(slash + 1).split('/')];
}

function parseSegments(texts: readonly string[]): ParsedPattern {
  const segments: Piece[][] = [];
  for (const text of texts) {
    const found = [...text.matchAll(piece)];
    if (text === '') return { kind: 'invalid', reason: 'has an empty segment' };
    if (found.reduce((length, [matched]) => length + matched.length, 0) !== text.length)
      return { kind: 'invalid', reason: 'has a brace that does not belong to a {name}' };
    segments.push(found.map(([matched, name]) => pieceOf(matched, name)));
  }
  return { kind: 'pattern', pattern: segments };
}

function pieceOf(matched: string, name: string | undefined): Piece {
  if (name !== undefined) return { kind: 'name', name };
  return matched === '*' ? { kind: 'any' } : { kind: 'text', text: matched };
}

/** Returns the names in a pattern. */
export function namesIn(pattern: Pattern): readonly string[] {
  return pattern.flat().flatMap((part) => (part.kind === 'name' ? [part.name] : []));
}

/** True if a segment has several wildcards or names, so that the text of a name would be ambiguous. */
export function isAmbiguous(pattern: Pattern): boolean {
  return pattern.some((segment) => segment.filter(({ kind }) => kind !== 'text').length > 1);
}

/** Matches a text without segments, and returns the texts of its names. The pattern must not be ambiguous. */
export function bind(pattern: Pattern, text: string, known: Bindings = new Map()): Bindings | undefined {
  return bindSegments(pattern, [text], known);
}

/** Matches a SPIFFE ID, and returns the texts of its names. The pattern must not be ambiguous. */
export function bindSpiffe(pattern: Pattern, id: string): Bindings | undefined {
  const segments = spiffeSegments(id);
  return segments && bindSegments(pattern, segments, new Map());
}

function bindSegments(pattern: Pattern, texts: readonly string[], known: Bindings): Bindings | undefined {
  if (texts.length !== pattern.length) return undefined;
  const bindings = new Map(known);
  for (const [index, segment] of pattern.entries()) {
    const text = texts[index] ?? '';
    const at = segment.findIndex(({ kind }) => kind !== 'text');
    if (at === -1) {
      if (text !== textOf(segment)) return undefined;
      continue;
    }
    const [before, after] = [textOf(segment.slice(0, at)), textOf(segment.slice(at + 1))];
    const isLongEnough = text.length > before.length + after.length;
    if (!isLongEnough || !text.startsWith(before) || !text.endsWith(after)) return undefined;
    const wild = segment[at];
    if (wild?.kind !== 'name') continue;
    const bound = text.slice(before.length, text.length - after.length);
    // A name that occurs twice stands for one text.
    if ((bindings.get(wild.name) ?? bound) !== bound) return undefined;
    bindings.set(wild.name, bound);
  }
  return bindings;
}

function textOf(pieces: readonly Piece[]): string {
  return pieces.map((part) => (part.kind === 'text' ? part.text : '')).join('');
}

/** Returns whether a text matches a pattern with slashes, in which the names stand for these texts. */
export function matches(pattern: Pattern, text: string, bindings: Bindings): boolean {
  const texts = text.split('/');
  return (
    texts.length === pattern.length &&
    pattern.every((segment, index) => matchesSegment(segment, texts[index] ?? '', bindings))
  );
}

/** Takes linear time, because a client may choose the text: each part is matched at the first place that it fits. */
function matchesSegment(segment: readonly Piece[], text: string, bindings: Bindings): boolean {
  const parts: string[] = [''];
  for (const part of segment) {
    if (part.kind === 'any') parts.push('');
    else {
      const filled = part.kind === 'text' ? part.text : bindings.get(part.name);
      if (filled === undefined || filled === '') return false;
      parts.push((parts.pop() ?? '') + filled);
    }
  }
  const [first = '', ...rest] = parts;
  const last = rest.pop();
  if (last === undefined) return text === first;
  if (!text.startsWith(first)) return false;
  let from = first.length;
  for (const part of rest) {
    // Each wildcard stands for at least one character.
    const found = text.indexOf(part, from + 1);
    if (found === -1) return false;
    from = found + part.length;
  }
  return text.length - last.length > from && text.endsWith(last);
}

/** Returns the text of a pattern without wildcards and names; `undefined` for another pattern. */
export function literalText(pattern: Pattern): string | undefined {
  const isText = pattern.flat().every(({ kind }) => kind === 'text');
  return isText ? pattern.map(textOf).join('/') : undefined;
}

/** Returns whether a text matches a pattern with slashes for some texts of its names. */
export function couldMatch(pattern: Pattern, text: string): boolean {
  const open = pattern.map((segment) =>
    segment.map((part): Piece => (part.kind === 'name' ? { kind: 'any' } : part)),
  );
  return matches(open, text, new Map());
}

/** Returns whether a pattern has a letter, a digit, or a name other than the ignored ones. */
export function saysSomething(pattern: Pattern, ignored: ReadonlySet<string>): boolean {
  return pattern.flat().some((part) => {
    if (part.kind === 'name') return !ignored.has(part.name);
    return part.kind === 'text' && /[\p{L}\p{N}]/u.test(part.text);
  });
}
