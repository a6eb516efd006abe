import { chunkOverhead } from './own-bytes.ts';

/** The gRPC header: one byte for compression and four bytes of length. https://grpc.io, PROTOCOL-HTTP2 */
export const headerLength = 5;

/** Follows the messages of a stream that something else reads. It keeps no bytes. */
export class MessageBounds {
  #header = 0;
  #headerBytes = 0;
  #missing = 0;
  #held = 0;

  /** Memory of the incomplete message, in bytes; 0 between messages. */
  get held(): number {
    return this.#held;
  }

  read(chunk: Buffer): void {
    let at = 0;
    let start = 0;
    while (at < chunk.length) {
      at = this.#headerBytes < headerLength ? this.#readHeader(chunk, at) : this.#skip(chunk, at);
      if (this.#headerBytes < headerLength || this.#missing > 0) continue;
      this.#headerBytes = this.#header = this.#held = 0;
      start = at;
    }
    if (start < chunk.length) this.#held += chunk.length - start + chunkOverhead;
  }

  #readHeader(chunk: Buffer, at: number): number {
    const byte = chunk[at] ?? 0;
    if (this.#headerBytes > 0) this.#header = this.#header * 256 + byte;
    this.#headerBytes += 1;
    if (this.#headerBytes === headerLength) this.#missing = this.#header;
    return at + 1;
  }

  #skip(chunk: Buffer, at: number): number {
    const skipped = Math.min(this.#missing, chunk.length - at);
    this.#missing -= skipped;
    return at + skipped;
  }
}
