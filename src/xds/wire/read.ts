/**
 * Reads the part of the protobuf wire format that the hot path reads by hand: tags, lengths and strings of a
 * message whose fields are known. https://protobuf.dev/programming-guides/encoding/
 *
 * On anything that a plain encoder would not write, the reader becomes unsound. The caller then passes the bytes
 * to a complete decoder, which decides whether they are an error.
 */
export interface WireReader {
  /** True at the end of the message, and after anything that could not be read. */
  readonly done: boolean;
  /** False once something could not be read. Values returned since then must not be used. */
  readonly sound: boolean;
  /** Offset of the next field in the message, in bytes. */
  readonly offset: number;
  /** Reads an integer below 2^28. Tags and lengths of real messages are smaller. */
  varint(): number;
  /** Reads a length and that many bytes, without a copy. */
  bytes(): Buffer;
  /** Reads a length and that many bytes of UTF-8. Invalid UTF-8 becomes U+FFFD. */
  string(): string;
  /** Skips the value of a field with this tag. Groups make the reader unsound. */
  skip(tag: number): void;
}

/** Creates a reader of a whole message. */
export function createWireReader(message: Buffer): WireReader {
  return new Cursor(message);
}

const wireTypes = { varint: 0, fixed64: 1, lengthDelimited: 2, fixed32: 5 } as const;

// A class, because each request creates one: an instance consists of its fields only.
class Cursor implements WireReader {
  readonly #message: Buffer;
  #at = 0;
  #sound = true;

  constructor(message: Buffer) {
    this.#message = message;
  }

  get done(): boolean {
    return !this.#sound || this.#at >= this.#message.length;
  }

  get sound(): boolean {
    return this.#sound;
  }

  get offset(): number {
    return this.#at;
  }

  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.#message[this.#at];
      if (byte === undefined) break;
      this.#at += 1;
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
    this.#sound = false;
    return 0;
  }

  bytes(): Buffer {
    const end = this.#end(this.varint());
    const value = this.#message.subarray(this.#at, end);
    this.#at = end;
    return value;
  }

  string(): string {
    const end = this.#end(this.varint());
    const value = this.#message.toString('utf8', this.#at, end);
    this.#at = end;
    return value;
  }

  skip(tag: number): void {
    switch (tag & 7) {
      case wireTypes.varint:
        return this.#skipVarint();
      case wireTypes.fixed64:
        this.#at = this.#end(8);
        return;
      case wireTypes.lengthDelimited:
        this.#at = this.#end(this.varint());
        return;
      case wireTypes.fixed32:
        this.#at = this.#end(4);
        return;
      default:
        this.#sound = false;
    }
  }

  #skipVarint(): void {
    for (let length = 0; length < 10; length += 1) {
      const byte = this.#message[this.#at];
      if (byte === undefined) break;
      this.#at += 1;
      if (byte < 128) return;
    }
    this.#sound = false;
  }

  /** Returns the end of a value of this length. The reader becomes unsound if the message is shorter. */
  #end(length: number): number {
    const end = this.#at + length;
    if (end <= this.#message.length) return end;
    this.#sound = false;
    return this.#at;
  }
}
