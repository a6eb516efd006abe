import { trimBlankEnd } from './armour.ts';

/**
 * Decodes the base64 lines of a block. Returns `undefined` unless they have the alphabet of RFC 4648 (section 4),
 * complete padding, zero unused bits, no empty line, and no blanks except at the end of a line.
 */
export function decodeBody(body: string): Uint8Array | undefined {
  return decodeLines(body) ?? (hasBlank(body) ? decodeLines(trimLines(body)) : undefined);
}

function decodeLines(body: string): Uint8Array | undefined {
  if (body === '' || hasBlank(body) || body.startsWith('\n') || body.includes('\n\n')) return undefined;
  const bytes = Buffer.from(body, 'base64');
  return isCanonical(body, bytes) ? bytes : undefined;
}

/**
 * Returns whether a body is canonical base64. `Buffer.from` skips characters that are not base64. `atob` (WHATWG
 * forgiving-base64 decode) throws on characters outside the alphabet and on misplaced padding; the rest is checked
 * after it. Both passes together cost less than one regular expression over the text, or than encoding and comparing.
 */
function isCanonical(body: string, bytes: Uint8Array): boolean {
  try {
    atob(body);
  } catch {
    return false;
  }
  // The last four base64 characters. No line is empty, so at most every other character is a line feed.
  const tail = body.slice(-8).replaceAll('\n', '').slice(-4);
  switch (bytes.length % 3) {
    case 1:
      return /^.[AQgw]==$/.test(tail);
    case 2:
      return /^..[AEIMQUYcgkosw048]=$/.test(tail);
    default:
      return bytes.length > 0;
  }
}

function hasBlank(body: string): boolean {
  return body.includes('\r') || body.includes(' ') || body.includes('\t') || body.includes('\f');
}

function trimLines(body: string): string {
  return body.split('\n').map(trimBlankEnd).join('\n');
}

/** Returns why {@link decodeBody} refuses a body. Never quotes the body. */
export function explainBody(body: string): string {
  const lines = trimLines(body).split('\n');
  if (lines.at(-1) === '') lines.pop();
  if (lines.every((line) => line === '')) return 'the block is empty';
  const gap = lines.indexOf('');
  if (gap >= 0) return `line ${gap + 1} of the block is empty`;
  for (const [index, line] of lines.entries()) {
    const where = `line ${index + 1} of the block`;
    if (/^[A-Za-z][A-Za-z0-9-]*:/.test(line))
      return `${where} is a header (RFC 1421), which certificates do not have`;
    if (line.startsWith(' ') || line.startsWith('\t')) return `blanks precede ${where}`;
    if (/[ \t\r]/.test(line)) return `${where} has blanks inside`;
    if (/[^A-Za-z0-9+/=]/.test(line)) return `${where} has a character that is not base64`;
    if (line.includes('=') && index < lines.length - 1) return `${where} has padding before the end`;
  }
  const text = lines.join('');
  const padding = text.indexOf('=');
  if (text.length % 4 !== 0) return 'the base64 is cut short or its padding is incomplete';
  if (padding >= 0 && !/^={1,2}$/.test(text.slice(padding))) return 'the base64 padding is not at its end';
  return 'the last base64 character has unused bits that are set';
}
