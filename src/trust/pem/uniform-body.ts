/** The bytes of a body, and the lines that it takes. */
export interface UniformBody {
  readonly der: Uint8Array;
  readonly lines: number;
}

const lineFeed = 0x0a;

/**
 * Decodes a body as programs write it: base64 in lines of one width, the last one as long as it needs to be.
 * `undefined` is any other body, good or bad, which is for `decodeBody` to say.
 *
 * This is the hot path, and `Buffer.from` its only pass over the text that does not just look for a character.
 * It skips what is not base64, so that one such character makes the result shorter than the text says; what it
 * takes beyond base64 is ruled out before: the alphabet of URLs, and characters above 255, of which it reads the
 * low byte.
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

/** The number of lines, if all but the last are as long as the first and the last is not longer. */
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

/** Whether the text ends in exactly this much padding, with the bits before it zero that belong to no byte. */
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
