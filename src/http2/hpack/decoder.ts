import { decodeHuffman } from './huffman.ts';
import type { HeaderField } from './header-field.ts';
import type { SharedFields } from './shared-fields.ts';
import { staticTable } from './static-table.ts';

/** Maximum size of the dynamic table: the default of SETTINGS_HEADER_TABLE_SIZE. */
const tableLimit = 4096;
/** Maximum number of octets of an integer after its prefix. Every length within the limits needs fewer. */
const maxIntegerOctets = 4;
/** From this number of evicted entries on, the list of entries is copied without them. */
const maxEvicted = 64;

/** A malformed header block: a connection error of type COMPRESSION_ERROR (RFC 7541, sections 5 and 6). */
export class HpackError extends Error {
  override readonly name = 'HpackError';
}

/**
 * Decodes the header blocks of one connection (RFC 7541). All blocks of the connection must be decoded, even if the
 * request is refused, because they change the dynamic table.
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
        // A block begins with at most two size updates: to the smallest size and to the last size (section 4.2).
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

  /** The entries of the dynamic table, the oldest first. For tests. */
  get dynamicEntries(): readonly HeaderField[] {
    return this.#entries.slice(this.#first).filter((entry) => entry !== undefined);
  }

  #indexed(index: number): HeaderField {
    const field =
      index <= staticTable.length
        ? staticTable[index - 1]
        : this.#entries[this.#entries.length - (index - staticTable.length)];
    // `undefined` for an evicted entry and for an index past the oldest entry.
    if (field === undefined) throw new HpackError('an index is past the end of the tables');
    return field;
  }

  #literal(mask: number): HeaderField {
    const index = this.#integer(mask);
    const name = index === 0 ? this.#string() : this.#indexed(index).name;
    return this.#fields.get(name, this.#string());
  }

  /** Reads an integer. Its prefix is in the bits `mask` of the next octet (section 5.1). */
  #integer(mask: number): number {
    let value = this.#octet() & mask;
    if (value < mask) return value;
    for (let count = 0; count < maxIntegerOctets; count += 1) {
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
    if (to > this.#end) throw new HpackError('a string is truncated');
    this.#at = to;
    if (!isHuffman) return this.#source.toString('latin1', from, to);
    const text = decodeHuffman(this.#source, from, to);
    if (text === undefined) throw new HpackError('a string is not valid Huffman code');
    return text;
  }

  #octet(): number {
    if (this.#at >= this.#end) throw new HpackError('the block is truncated');
    const octet = this.#source[this.#at] ?? 0;
    this.#at += 1;
    return octet;
  }

  #updateSize(size: number): void {
    if (size > tableLimit) throw new HpackError('a size update exceeds SETTINGS_HEADER_TABLE_SIZE');
    this.#maxSize = size;
    this.#evictTo(size);
  }

  #add(field: HeaderField): void {
    // A field that is larger than the table empties the table and is not added (section 4.4).
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
    if (this.#first < maxEvicted || this.#first * 2 < this.#entries.length) return;
    this.#entries = this.#entries.slice(this.#first);
    this.#first = 0;
  }
}

const noBytes = Buffer.alloc(0);
