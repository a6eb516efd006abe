/** Length of the prefix of a message, in bytes. */
const prefixLength = 4;
const firstAllocation = 256;

/**
 * The messages of a call that wait for its handler, undecoded and in one buffer. An empty message takes 4 bytes here,
 * and hundreds as an object: a client can send tens of thousands within the window of a stream.
 */
export class HeldMessages {
  #buffer = Buffer.alloc(0);
  #from = 0;
  #to = 0;

  /** Memory of the messages that wait, in bytes. */
  get bytes(): number {
    return this.#to - this.#from;
  }

  /** Adds a copy of a message. */
  add(message: Uint8Array): void {
    const length = prefixLength + message.length;
    if (this.#to + length > this.#buffer.length) this.#makeRoom(length);
    this.#buffer.writeUInt32BE(message.length, this.#to);
    this.#buffer.set(message, this.#to + prefixLength);
    this.#to += length;
  }

  /** Removes the first message and returns a copy; `undefined` if no message waits. */
  take(): Buffer | undefined {
    if (this.bytes === 0) return undefined;
    const begin = this.#from + prefixLength;
    const end = begin + this.#buffer.readUInt32BE(this.#from);
    const message = Buffer.from(this.#buffer.subarray(begin, end));
    this.#from = end;
    if (this.bytes === 0) this.clear();
    return message;
  }

  /** Drops all messages, and frees their memory. */
  clear(): void {
    this.#buffer = Buffer.alloc(0);
    this.#from = this.#to = 0;
  }

  #makeRoom(length: number): void {
    const needed = this.bytes + length;
    const grown = Buffer.allocUnsafeSlow(Math.max(2 * this.bytes, needed, firstAllocation));
    this.#buffer.copy(grown, 0, this.#from, this.#to);
    this.#buffer = grown;
    this.#to = this.bytes;
    this.#from = 0;
  }
}
