import { isDotSegment } from '../trust/model/spiffe-id.ts';

/** A part of a pattern: a text, `*`, or `{name}`. */
type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'any' }
  | { readonly kind: 'name'; readonly name: string };

/** A pattern, as segments that are matched one by one: no wildcard spans the border of two segments. */
export type Pattern = readonly Segment[];

/**
 * A segment of a pattern. There can be thousands of rules, and each stream is compared with them: so the texts before
 * and after the first wildcard or name are there already. Without one, `before` is the whole text.
 */
interface Segment {
  readonly pieces: readonly Piece[];
  readonly before: string;
  readonly wild: Piece | undefined;
  readonly after: string;
}

function segmentOf(pieces: readonly Piece[]): Segment {
  const at = pieces.findIndex(({ kind }) => kind !== 'text');
  return at === -1
    ? { pieces, before: textOf(pieces), wild: undefined, after: '' }
    : { pieces, before: textOf(pieces.slice(0, at)), wild: pieces[at], after: textOf(pieces.slice(at + 1)) };
}

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

/** Returns the labels of the trust domain, and the segments of the path; `undefined` if the text is no SPIFFE ID. */
export function spiffeSegments(id: string): readonly string[] | undefined {
  const slash = id.indexOf('/', scheme.length);
  if (!id.startsWith(scheme) || slash === -1) return undefined;
  const labels = id.slice(scheme.length, slash).split('.');
  // The count keeps a label from being compared with a segment of the path.
  return [`${labels.length}`, ...labels, ...id.slice(slash + 1).split('/')];
}

function parseSegments(texts: readonly string[]): ParsedPattern {
  const segments: Segment[] = [];
  for (const text of texts) {
    const found = [...text.matchAll(piece)];
    if (text === '') return { kind: 'invalid', reason: 'has an empty segment' };
    if (found.reduce((length, [matched]) => length + matched.length, 0) !== text.length)
      return { kind: 'invalid', reason: 'has a brace that does not belong to a {name}' };
    segments.push(segmentOf(found.map(([matched, name]) => pieceOf(matched, name))));
  }
  return { kind: 'pattern', pattern: segments };
}

function pieceOf(matched: string, name: string | undefined): Piece {
  if (name !== undefined) return { kind: 'name', name };
  return matched === '*' ? { kind: 'any' } : { kind: 'text', text: matched };
}

/** Returns the names in a pattern. */
export function namesIn(pattern: Pattern): readonly string[] {
  return piecesOf(pattern).flatMap((part) => (part.kind === 'name' ? [part.name] : []));
}

/** True if a segment has several wildcards or names, so that the text of a name would be ambiguous. */
export function isAmbiguous(pattern: Pattern): boolean {
  return pattern.some(({ pieces }) => pieces.filter(({ kind }) => kind !== 'text').length > 1);
}

/** Matches a text without segments, and returns the texts of its names. The pattern must not be ambiguous. */
export function bind(pattern: Pattern, text: string, known: Bindings): Bindings | undefined {
  return bindSegments(pattern, [text], known);
}

const noBindings: Bindings = new Map();

/**
 * Matches the segments of a SPIFFE ID, and returns the texts of its names. The pattern must not be ambiguous.
 * @param segments from `spiffeSegments`
 */
export function bindSpiffe(pattern: Pattern, segments: readonly string[]): Bindings | undefined {
  return bindSegments(pattern, segments, noBindings);
}

function bindSegments(pattern: Pattern, texts: readonly string[], known: Bindings): Bindings | undefined {
  if (texts.length !== pattern.length) return undefined;
  // Most rules are about other clients, so nothing is created before the pattern fits.
  if (!pattern.every((segment, index) => fits(segment, texts[index] ?? ''))) return undefined;
  const bindings = new Map(known);
  for (const [index, { before, wild, after }] of pattern.entries()) {
    if (wild?.kind !== 'name') continue;
    const text = texts[index] ?? '';
    const bound = text.slice(before.length, text.length - after.length);
    // A name that occurs twice stands for one text.
    if ((bindings.get(wild.name) ?? bound) !== bound) return undefined;
    bindings.set(wild.name, bound);
  }
  return bindings;
}

function fits({ before, wild, after }: Segment, text: string): boolean {
  if (wild === undefined) return text === before;
  return text.length > before.length + after.length && text.startsWith(before) && text.endsWith(after);
}

function piecesOf(pattern: Pattern): readonly Piece[] {
  return pattern.flatMap(({ pieces }) => pieces);
}

function textOf(pieces: readonly Piece[]): string {
  return pieces.map((part) => (part.kind === 'text' ? part.text : '')).join('');
}

/**
 * Returns whether a text matches a pattern with slashes, in which the names stand for these texts.
 * @param texts the segments of the text
 */
export function matches(pattern: Pattern, texts: readonly string[], bindings: Bindings): boolean {
  return (
    texts.length === pattern.length &&
    pattern.every((segment, index) => matchesSegment(segment, texts[index] ?? '', bindings))
  );
}

/** Takes linear time, because a client may choose the text: each part is matched at the first place that it fits. */
function matchesSegment({ pieces }: Segment, text: string, bindings: Bindings): boolean {
  const parts: string[] = [''];
  for (const part of pieces) {
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
  const isText = pattern.every(({ wild }) => wild === undefined);
  return isText ? pattern.map(({ before }) => before).join('/') : undefined;
}

/** Returns whether a text matches a pattern with slashes for some texts of its names. */
export function couldMatch(pattern: Pattern, text: string): boolean {
  const open = pattern.map(({ pieces }) =>
    segmentOf(pieces.map((part) => (part.kind === 'name' ? { kind: 'any' } : part))),
  );
  return matches(open, text.split('/'), noBindings);
}

/** Returns whether a pattern has a letter, a digit, or a name other than the ignored ones. */
export function saysSomething(pattern: Pattern, ignored: ReadonlySet<string>): boolean {
  return piecesOf(pattern).some((part) => {
    if (part.kind === 'name') return !ignored.has(part.name);
    return part.kind === 'text' && /[\p{L}\p{N}]/u.test(part.text);
  });
}
