/** First byte of a certificate in DER. A text in PEM can begin with it, too: it is the digit 0. */
const sequence = 0x30;

/**
 * Returns whether a file with certificates is DER, not PEM. Every certificate in DER has a NUL byte, the number of
 * unused bits of its key, and no text in PEM has one.
 */
export function isDer(bytes: Buffer): boolean {
  return bytes[0] === sequence && bytes.includes(0);
}
