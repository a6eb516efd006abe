const marker = Buffer.from('PRIVATE KEY-----', 'latin1');
const begin = Buffer.from('-----BEGIN', 'latin1');
/** `-----BEGIN` in base64, at the beginning of an encoded text. */
const encodedBegin = Buffer.from('LS0tLS1CRUdJTi', 'latin1');

/** The headers of encrypted keys (RFC 1421). */
const headers = ['Proc-Type:', 'DEK-Info:'].map((name) => Buffer.from(name, 'latin1'));

/** The letter that replaces the content of a key. */
const blank = 0x41;
const backslash = 0x5c;
/** The longest label before `PRIVATE KEY`. */
const longestLabel = 40;

/**
 * Overwrites the content of all private keys in the text of a file: PEM blocks, and base64 texts with a PEM block of a
 * private key in them, as Secrets have. The first and the last line of each block stay, so that it is still recognised
 * and reported as a private key, and no other character moves. The program needs no private key of an input, so it
 * keeps none.
 */
export function blankPrivateKeys(bytes: Buffer): void {
  blankPem(bytes);
  for (let at = bytes.indexOf(encodedBegin); at !== -1; at = bytes.indexOf(encodedBegin, at)) {
    const end = endOfBase64(bytes, at);
    const decoded = Buffer.from(bytes.toString('latin1', at, end), 'base64');
    if (decoded.includes(marker)) bytes.fill(blank, at, end);
    decoded.fill(0);
    at = end;
  }
}

function blankPem(bytes: Buffer): void {
  for (let at = bytes.indexOf(marker); at !== -1; at = bytes.indexOf(marker, at)) {
    const from = at + marker.length;
    const label = bytes.subarray(Math.max(0, at - longestLabel - begin.length), at);
    at = label.includes(begin) ? blankBody(bytes, from) : from;
  }
}

/**
 * Overwrites the base64 after `from`, and leaves out white space, escapes such as `\n` and the headers of an encrypted
 * key. Stops at anything else, so that a key without its last line does not take the text after it along. Returns where
 * it stopped.
 */
function blankBody(bytes: Buffer, from: number): number {
  let at = from;
  while (at < bytes.length) {
    const byte = bytes[at] ?? 0;
    if (byte === backslash) at += 2;
    else if (byte <= 0x20) at += 1;
    else if (isBase64(byte)) {
      const end = endOfBase64(bytes, at);
      const next = bytes[end] ?? 0;
      if (next <= 0x20 || next === backslash || isQuote(next)) bytes.fill(blank, at, end);
      else if (headers.some((name) => bytes.subarray(at, at + name.length).equals(name))) {
        at = endOfLine(bytes, end);
        continue;
      } else return at;
      at = end;
    } else return at;
  }
  return at;
}

function isQuote(byte: number): boolean {
  return byte === 0x22 || byte === 0x27;
}

/** Returns the offset of the end of a line, or of the escape that ends it. */
function endOfLine(bytes: Buffer, from: number): number {
  let end = from;
  while (end < bytes.length && bytes[end] !== 0x0a && bytes[end] !== backslash) end += 1;
  return end;
}

function endOfBase64(bytes: Buffer, from: number): number {
  let end = from;
  while (end < bytes.length && isBase64(bytes[end] ?? 0)) end += 1;
  return end;
}

function isBase64(byte: number): boolean {
  return (
    (byte >= 0x41 && byte <= 0x5a) ||
    (byte >= 0x61 && byte <= 0x7a) ||
    (byte >= 0x30 && byte <= 0x39) ||
    byte === 0x2b ||
    byte === 0x2f ||
    byte === 0x3d
  );
}
