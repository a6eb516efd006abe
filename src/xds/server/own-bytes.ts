import { Readable } from 'node:stream';

/**
 * Memory of a kept chunk beside its bytes. It counts because a client may send a message byte by byte, and it is
 * the most that a chunk may hold of a larger buffer.
 */
export const chunkOverhead = 256;

/**
 * Returns the bytes in a buffer of their own. A chunk is part of the buffer that the socket was read into, of up to
 * 64 KiB, and keeps all of it. Only a chunk that is nearly the whole buffer is not copied.
 */
export function ownBytes(bytes: Buffer): Buffer {
  if (bytes.buffer.byteLength - bytes.length <= chunkOverhead) return bytes;
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}

/**
 * Makes a stream copy each chunk that arrives, until `stopCopying`. Chunks that wait in the stream would keep the
 * buffers that they arrived in, and `readableLength` does not count those.
 */
export function copyArrivals(stream: Readable): void {
  const push = stream.push.bind(stream);
  stream.push = (chunk: unknown, encoding) =>
    push(Buffer.isBuffer(chunk) ? ownBytes(chunk) : chunk, encoding);
}

/** Ends the effect of `copyArrivals`. */
export function stopCopying(stream: Readable): void {
  // Deleting the property would make V8 look up all properties of the stream.
  Reflect.set(stream, 'push', Reflect.get(Readable.prototype, 'push'));
}
