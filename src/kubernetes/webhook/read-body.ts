import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { timerMs } from '../../xds/timers/timers.ts';

/** What came of reading a body. */
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

/** A request, as far as its body goes. */
export type BodyStream = Readable & { readonly headers: IncomingHttpHeaders };

/** The bytes of a body that a client announced; undefined where it did not. */
export function announcedLength({ headers }: BodyStream): number | undefined {
  const text = headers['content-length'];
  return text === undefined ? undefined : Number(text);
}

/** Reads a body that is short enough. One that does not arrive in time is destroyed, and its connection with it. */
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
    // The response that says why still needs the connection.
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
