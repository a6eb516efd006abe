import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { timerMs } from '../../xds/timers/timers.ts';

/** The outcome of reading a body. */
export type Body =
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'too-large' }
  | { readonly kind: 'too-slow' }
  /** The peer closed the connection. */
  | { readonly kind: 'aborted' };

export interface BodyLimits {
  readonly maxBytes: number;
  /** Milliseconds for the whole body. */
  readonly maxMs: number;
}

/** The parts of a request that are needed to read its body. */
export type BodyStream = Readable & { readonly headers: IncomingHttpHeaders };

/** Returns the length of a body that the client announced, in bytes, if any. */
export function announcedLength({ headers }: BodyStream): number | undefined {
  const text = headers['content-length'];
  return text === undefined ? undefined : Number(text);
}

/** Reads a body. Destroys the request, and with it the connection, if the body does not arrive in time. */
export async function readBody(request: BodyStream, { maxBytes, maxMs }: BodyLimits): Promise<Body> {
  if ((announcedLength(request) ?? 0) > maxBytes) return { kind: 'too-large' };
  const chunks: Buffer[] = [];
  let size = 0;
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    request.destroy();
  }, timerMs(maxMs));
  try {
    // The connection must stay open for the error response.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > maxBytes) return { kind: 'too-large' };
    }
    return { kind: 'bytes', bytes: Buffer.concat(chunks) };
  } catch {
    return { kind: isLate ? 'too-slow' : 'aborted' };
  } finally {
    clearTimeout(timer);
  }
}
