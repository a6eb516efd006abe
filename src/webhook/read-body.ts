import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';

/** What came of reading a body. */
export type Body =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'too-large' }
  /** Other requests have all the room there is. */
  | { readonly kind: 'busy' }
  /** The peer went away, or took too long. */
  | { readonly kind: 'aborted' };

export interface BodyLimits {
  /** Bytes of one body. */
  readonly maxBytes: number;
  /** Bytes of all bodies that are being read. */
  readonly maxSum: number;
}

/** A request, as far as its body goes. */
export type BodyStream = Readable & { readonly headers: IncomingHttpHeaders };

/** Makes a reader of bodies that are small enough, alone and together. */
export function createBodyReader({ maxBytes, maxSum }: BodyLimits): (request: BodyStream) => Promise<Body> {
  let sum = 0;
  return async (request) => {
    if (Number(request.headers['content-length'] ?? 0) > maxBytes) return { kind: 'too-large' };
    const chunks: Buffer[] = [];
    let size = 0;
    try {
      // The answer that says why needs the connection still.
      for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        chunks.push(chunk);
        size += chunk.length;
        sum += chunk.length;
        if (size > maxBytes) return { kind: 'too-large' };
        if (sum > maxSum) return { kind: 'busy' };
      }
      return { kind: 'text', text: Buffer.concat(chunks).toString('utf8') };
    } catch {
      return { kind: 'aborted' };
    } finally {
      sum -= size;
    }
  };
}
