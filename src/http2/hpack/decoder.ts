import { decodeHuffman } from './huffman.ts';
import type { HeaderField } from './header-field.ts';
import type { SharedFields } from './shared-fields.ts';
import { staticTable } from './static-table.ts';

/** The size of a dynamic table that the decoder allows: SETTINGS_HEADER_TABLE_SIZE is left at its default. */
const tableLimit = 4096;
/** Octets of an integer behind its prefix: more than enough for every length that a limit allows. */
const longestInteger = 4;
/** The evicted entries at the front of the list after which it is copied without them. */
const mostEvicted = 64;

/** A header block that is not HPACK: a connection error of type COMPRESSION_ERROR (RFC 7541, section 5 and 6). */
export class HpackError extends Error {
  override readonly name = 'HpackError';
}

/**
 * Decodes the header blocks of one connection (RFC 7541). Every block of the connection has to be decoded, also one
 * whose request is refused, because it changes the dynamic table.
 */
export class HpackDecoder {
  readonly #fields: SharedFields;
  /** The dynamic table, the oldest entry first; entries before `#first` are evicted. */
  #entries: (HeaderField | undefined)[] = [];
  #first = 0;
  #size = 0;
  #maxSize = tableLimit;
  #source: Buffer = noBytes;
  #at = 0;
  #end = 0;

  constructor(fields: SharedFields) {
    this.#fields = fields;
  }

  /**
   * Calls `onField` for each field of the block `source[from, to)`, in order.
   * @throws {HpackError} if the block is malformed.
   */
  decode(source: Buffer, from: number, to: number, onField: (field: HeaderField) => void): void {
    this.#source = source;
    this.#at = from;
    this.#end = to;
    let sizeUpdates = 0;
    let isFirst = true;
    while (this.#at < this.#end) {
      const first = source[this.#at] ?? 0;
      if ((first & 0xe0) === 0x20) {
        // Updates come at the beginning of a block, and two at most: the smallest size and the last (section 4.2).
        sizeUpdates += 1;
        if (!isFirst || sizeUpdates > 2) throw new HpackError('a size update is in the wrong place');
        this.#updateSize(this.#integer(0x1f));
        continue;
      }
      isFirst = false;
      if (first >= 0x80) onField(this.#indexed(this.#integer(0x7f)));
      else if (first >= 0x40) {
        const field = this.#literal(0x3f);
        this.#add(field);
        onField(field);
      } else onField(this.#literal(0x0f));
    }
    this.#source = noBytes;
  }

  /** Entries of the dynamic table, for tests. */
  get dynamicEntries(): readonly HeaderField[] {
    return this.#entries.slice(this.#first).filter((entry) => entry !== undefined);
  }

  #indexed(index: number): HeaderField {
    const field =
      index <= staticTable.length
        ? staticTable[index - 1]
        : this.#entries[this.#entries.length - (index - staticTable.length)];
    // An evicted entry is undefined, and so is one past the oldest.
    if (field === undefined) throw new HpackError('an index is out of the tables');
    return field;
  }

  #literal(mask: number): HeaderField {
    const index = this.#integer(mask);
    const name = index === 0 ? this.#string() : this.#indexed(index).name;
    return this.#fields.get(name, this.#string());
  }

  /** An integer whose prefix is masked out of the next octet (section 5.1). */
  #integer(mask: number): number {
    let value = this.#octet() & mask;
    if (value < mask) return value;
    for (let count = 0; count < longestInteger; count += 1) {
      const octet = this.#octet();
      value += (octet & 0x7f) * 2 ** (7 * count);
      if (octet < 0x80) return value;
    }
    throw new HpackError('an integer is too long');
  }

  #string(): string {
    const isHuffman = (this.#source[this.#at] ?? 0) >= 0x80;
    const length = this.#integer(0x7f);
    const from = this.#at;
    const to = from + length;
    if (to > this.#end) throw new HpackError('a string is cut short');
    this.#at = to;
    if (!isHuffman) return this.#source.toString('latin1', from, to);
    const text = decodeHuffman(this.#source, from, to);
    if (text === undefined) throw new HpackError('a string is not Huffman-coded');
    return text;
  }

  #octet(): number {
    if (this.#at >= this.#end) throw new HpackError('the block is cut short');
    const octet = this.#source[this.#at] ?? 0;
    this.#at += 1;
    return octet;
  }

  #updateSize(size: number): void {
    if (size > tableLimit) throw new HpackError('the dynamic table would be too large');
    this.#maxSize = size;
    this.#evictTo(size);
  }

  #add(field: HeaderField): void {
    // One that is larger than the table empties it and is not added (section 4.4).
    this.#evictTo(Math.max(0, this.#maxSize - field.size));
    if (field.size > this.#maxSize) return;
    this.#entries.push(field);
    this.#size += field.size;
  }

  #evictTo(limit: number): void {
    while (this.#size > limit) {
      this.#size -= this.#entries[this.#first]?.size ?? 0;
      this.#entries[this.#first] = undefined;
      this.#first += 1;
    }
    if (this.#first < mostEvicted || this.#first * 2 < this.#entries.length) return;
    this.#entries = this.#entries.slice(this.#first);
    this.#first = 0;
  }
}

const noBytes = Buffer.alloc(0);
