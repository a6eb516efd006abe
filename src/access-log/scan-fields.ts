/**
 * Walks through the fields of a protobuf message and of the messages in it, without an object for each: a message of
 * one MiB can have half a million fields. https://protobuf.dev/programming-guides/encoding/
 */
export class FieldScan {
  readonly bytes: Buffer;
  /** Where the next field begins. To walk through the value of a field, set it to `from`, and afterwards to `to`. */
  at = 0;
  /** False once something could not be read. */
  isSound = true;
  /** The tag of the field: eight times its number, plus 2. */
  tag = 0;
  /** Where the value of the field begins and ends. */
  from = 0;
  to = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** Moves to the next field that has a length, and skips others. Returns false at the end, or if it cannot be read. */
  next(end: number): boolean {
    while (this.isSound && this.at < end) {
      const tag = this.#varint(end);
      const type = tag & 7;
      if (type === 2) {
        const length = this.#varint(end);
        this.tag = tag;
        this.from = this.at;
        this.to = this.at = this.#checked(this.at + length, end);
        return this.isSound;
      }
      if (type === 0) this.#skipVarint(end);
      else if (type === 1) this.at = this.#checked(this.at + 8, end);
      else if (type === 5) this.at = this.#checked(this.at + 4, end);
      // Groups are not in use since proto3.
      else this.isSound = false;
    }
    return false;
  }

  /** The value of the field as text. */
  text(encoding: 'utf8' | 'latin1'): string {
    return this.bytes.toString(encoding, this.from, this.to);
  }

  /** Reads an integer below 2^28. Tags and lengths are smaller. */
  #varint(end: number): number {
    let value = 0;
    for (let shift = 0; shift < 28 && this.at < end; shift += 7) {
      const byte = this.bytes[this.at] ?? 0;
      this.at += 1;
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
    this.isSound = false;
    return 0;
  }

  #skipVarint(end: number): void {
    for (let length = 0; length < 10 && this.at < end; length += 1) {
      const byte = this.bytes[this.at] ?? 0;
      this.at += 1;
      if (byte < 128) return;
    }
    this.isSound = false;
  }

  #checked(position: number, end: number): number {
    if (position <= end) return position;
    this.isSound = false;
    return end;
  }
}
