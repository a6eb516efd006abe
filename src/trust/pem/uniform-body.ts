/** The decoded bytes of a body, and its number of lines. */
export interface UniformBody {
  readonly der: Uint8Array;
  readonly lines: number;
}

const lineFeed = 0x0a;

/**
 * Decodes a body in the usual form of programs: base64 in lines of one width, the last line possibly shorter. Returns
 * `undefined` for any other body, valid or not; `decodeBody` decides on it.
 *
 * This is the hot path. `Buffer.from` is its only pass over the text that does more than search for a character. It
 * skips characters that are not base64, so one such character makes the result shorter than the text implies. Two kinds
 * of characters that it accepts beyond base64 are excluded before: the URL alphabet, and characters above 255, of which
 * it reads the low byte.
 */
export function decodeUniformBody(body: string): UniformBody | undefined {
  const lines = countUniformLines(body);
  if (lines === undefined || body.includes('_') || body.includes('-')) return undefined;
  if (Buffer.byteLength(body, 'utf8') !== body.length) return undefined;
  const der = Buffer.from(body, 'base64');
  const characters = body.length - lines;
  const padding = characters * 0.75 - der.length;
  return characters > 0 && characters % 4 === 0 && endsCanonically(body, padding)
    ? { der, lines }
    : undefined;
}

/** Returns the number of lines if all lines but the last are as long as the first, and the last is not longer. */
function countUniformLines(body: string): number | undefined {
  const stride = body.indexOf('\n') + 1;
  if (stride < 2) return undefined;
  const last = body.length - 1;
  let at = stride - 1;
  for (; at < last; at += stride) {
    if (body.charCodeAt(at) !== lineFeed) return undefined;
  }
  if (body.charCodeAt(last) !== lineFeed) return undefined;
  return Math.ceil(body.length / stride);
}

/** Returns whether the text ends with exactly this number of padding characters and has zero unused bits before. */
function endsCanonically(body: string, padding: number): boolean {
  const last = body.length - 2;
  switch (padding) {
    case 0:
      return true;
    case 1:
      return body.charAt(last) === '=' && 'AEIMQUYcgkosw048'.includes(body.charAt(last - 1));
    case 2:
      return (
        body.charAt(last) === '=' && body.charAt(last - 1) === '=' && 'AQgw'.includes(body.charAt(last - 2))
      );
    default:
      return false;
  }
}
