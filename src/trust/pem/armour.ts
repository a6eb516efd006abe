/**
 * A PEM armour line (RFC 7468, section 2), parsed strictly. A line that only resembles armour is `damaged` instead of
 * text, so that no intended certificate is skipped as a comment.
 */
export type Armour =
  | { readonly kind: 'begin'; readonly label: string }
  | { readonly kind: 'end'; readonly label: string }
  | { readonly kind: 'damaged'; readonly opens: boolean; readonly reason: string };

// Each regular expression here is linear in the line: bounded, and anchored or of fixed shape. The bound on blanks also
// follows OpenSSL, which reads 254 characters at a time and treats a rest of blanks as a line.
const exact = /^-----(BEGIN|END) ([!-,.-~]{1,32}(?:[ -][!-,.-~]{1,32}){0,4})-----[ \t\r]{0,100}$/;
const dash = '[-\\u2010-\\u2015\\u2212\\ufe58\\ufe63\\uff0d]';
const similar = new RegExp(
  `${dash}{2}(?:BEGIN|END)[ \\t]{1,4}[A-Z0-9 ]{0,32}(?:CERTIFICATE|PRIVATE KEY|CRL)[ \\t]{0,4}${dash}`,
  'i',
);
const bareBase64 = /^[ \t]{0,64}MI[A-Za-z0-9+/]{40,}={0,2}[ \t\r]{0,64}$/;

/** Parses one line (without its line feed). Returns `undefined` for a line that neither is armour nor resembles it. */
export function readArmour(line: string): Armour | undefined {
  const match = exact.exec(line);
  if (match !== null) {
    return { kind: match[1] === 'BEGIN' ? 'begin' : 'end', label: match[2] ?? '' };
  }
  if (!line.includes('-----BEGIN') && !line.includes('-----END') && !similar.test(line)) return undefined;
  const upper = line.toUpperCase();
  const begin = upper.lastIndexOf('BEGIN');
  const end = upper.lastIndexOf('END');
  return { kind: 'damaged', opens: begin > end, reason: diagnose(line, upper) };
}

/** Returns whether a line outside any block is the first base64 line of a certificate whose BEGIN line is missing. */
export function isBareBase64(line: string): boolean {
  return bareBase64.test(line);
}

function diagnose(line: string, upper: string): string {
  const word = firstWord(upper);
  if (line.startsWith('\ufeff')) return `a byte order mark precedes the ${word} line`;
  if (line.includes('\\n')) return 'line ends are written as a backslash and a letter, not as line feeds';
  if (hasInnerCarriageReturn(line)) return 'lines end in a carriage return alone, not in a line feed';
  if (line.startsWith(' ') || line.startsWith('\t')) return `blanks precede the ${word} line`;
  const end = upper.indexOf('-----END');
  if (end >= 0 && upper.indexOf('-----BEGIN', end) >= 0) return 'a BEGIN follows the END on the same line';
  if (!line.startsWith('-----')) {
    return line.includes(`-----${word}`)
      ? `text precedes ${word} on its line`
      : `the ${word} line is not written with five hyphens and upper-case letters`;
  }
  if (word === 'BEGIN' && end >= 0) return 'the whole block is on one line';
  return `the ${word} line is not exactly five hyphens, ${word}, a label and five hyphens`;
}

function firstWord(upper: string): 'BEGIN' | 'END' {
  const begin = upper.indexOf('BEGIN');
  const end = upper.indexOf('END');
  return begin >= 0 && (end < 0 || begin < end) ? 'BEGIN' : 'END';
}

function hasInnerCarriageReturn(line: string): boolean {
  const first = line.indexOf('\r');
  return first >= 0 && first < trimBlankEnd(line).length;
}

/** Removes blanks, tabs and carriage returns from the end of a line. A loop, since `/[ \t\r]+$/` can be quadratic. */
export function trimBlankEnd(line: string): string {
  let end = line.length;
  while (end > 0 && isBlank(line.charCodeAt(end - 1))) end--;
  return end === line.length ? line : line.slice(0, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0d;
}
