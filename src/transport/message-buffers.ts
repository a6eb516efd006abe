/** Buffers have a multiple of this length, so that messages of similar lengths use the same ones. */
const step = 4096;
/**
 * Longer buffers are not kept. The largest message that many clients send is the first request of an Envoy, of 61 KB.
 */
const maxLength = 65_536;
/** The most that unused buffers take, in bytes. */
const maxUnused = 2_097_152;

/** Returns the length of the buffer for a number of bytes. */
export function bufferLengthFor(bytes: number): number {
  // A short message does not take a whole step, and a long one no more than it needs.
  return bytes < step || bytes > maxLength ? bytes : Math.ceil(bytes / step) * step;
}

/**
 * Buffers for messages that arrive in several parts. A server keeps them for the next messages: the memory of a buffer
 * is outside of V8's heap, and is not freed before garbage is collected.
 */
export class MessageBuffers {
  /** By length, in steps. */
  readonly #unused: Buffer[][] = [];
  #unusedBytes = 0;
  readonly #afterUse: ((bytes: Buffer) => void) | undefined;

  constructor(afterUse?: (bytes: Buffer) => void) {
    this.#afterUse = afterUse;
  }

  /** Returns a buffer of a length from `bufferLengthFor`. Its content is arbitrary. */
  take(length: number): Buffer {
    const buffer = this.#unused[length / step]?.pop();
    if (buffer === undefined) return Buffer.allocUnsafeSlow(length);
    this.#unusedBytes -= length;
    return buffer;
  }

  /** Keeps a buffer that is not used any more. */
  giveBack(buffer: Buffer): void {
    const { length } = buffer;
    this.#afterUse?.(buffer);
    if (length % step !== 0 || length > maxLength) return;
    // Messages of other lengths than before would find no buffer, and have no room for theirs.
    if (this.#unusedBytes + length > maxUnused) this.#clear();
    (this.#unused[length / step] ??= []).push(buffer);
    this.#unusedBytes += length;
  }

  #clear(): void {
    this.#unused.length = 0;
    this.#unusedBytes = 0;
  }
}
