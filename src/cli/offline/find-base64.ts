/** Base64 with the letters of both cases and a digit or sign, which words, numbers and hex do not have together. */
const base64 = /^(?=[^A-Z]*[A-Z])(?=[^a-z]*[a-z])(?=[^0-9+/]*[0-9+/])[A-Za-z0-9+][A-Za-z0-9+/]*={0,2}$/;

/** Blanks, the signs of comments and quotes, and line feeds that are written as an escape. */
const separators = /(?:[\s"'`,;#>|]|\\[nr])+/;

/** A piece of this length is base64 on its own; two in a row need to have only `pairLength` each. */
const loneLength = 40;
const pairLength = 16;

/** A line of base64 that may have letters of one case only, as some lines of a certificate do. */
const base64Line = /^\s{0,64}[A-Za-z0-9+/]{8,}={0,2}\s{0,64}$/;

/**
 * Returns the index of the first line that looks like base64 of a certificate: a long piece, or two shorter pieces in a
 * row. Names, dates, paths, fingerprints and the output of `openssl x509 -text` do not look like it.
 */
export function findBase64(lines: readonly string[]): number | undefined {
  let at = findPieces(lines);
  while (at !== undefined && base64Line.test(lines[at - 1] ?? '')) at--;
  return at;
}

function findPieces(lines: readonly string[]): number | undefined {
  let previous: number | undefined;
  for (const [index, line] of lines.entries()) {
    for (const piece of line.split(separators)) {
      if (piece === '') continue;
      const isLong = piece.length >= pairLength && base64.test(piece);
      if (isLong && piece.length >= loneLength) return index;
      if (isLong && previous !== undefined) return previous;
      previous = isLong ? index : undefined;
    }
  }
  return undefined;
}
