import type { HeaderField } from './hpack/header-field.ts';

/** The header section of a request, or its trailers, as it is decoded. */
export class RequestHead {
  method = '';
  scheme = '';
  path = '';
  authority = '';
  /** The regular fields, in the order of the request. Names are lower case. */
  readonly fields: HeaderField[] = [];
  /** Size of all fields (RFC 9113, section 6.5.2). */
  size = 0;
  /** From `content-length`; undefined without one. */
  contentLength: number | undefined;
  #pseudoFields = 0;
  #malformed = false;

  /** Adds the next field. Beyond `limit` it counts the size alone. */
  add(field: HeaderField, limit: number): void {
    this.size += field.size;
    if (this.size > limit) return;
    if (!field.isValid) this.#malformed = true;
    else if (field.isPseudo) this.#addPseudo(field);
    else {
      if (field.name === 'content-length') this.#addContentLength(field.value);
      this.fields.push(field);
    }
  }

  /** The value of the first field of that name. */
  get(name: string): string | undefined {
    for (const field of this.fields) if (field.name === name) return field.value;
    return undefined;
  }

  /** Whether it is what RFC 9113, section 8.3.1, wants of a request. */
  get isRequest(): boolean {
    return !this.#malformed && this.method !== '' && this.scheme !== '' && this.path !== '';
  }

  /** Whether it is what RFC 9113, section 8.1, wants of trailers. */
  get isTrailers(): boolean {
    return !this.#malformed && this.#pseudoFields === 0;
  }

  #addPseudo({ name, value }: HeaderField): void {
    this.#pseudoFields += 1;
    // They come before the others (section 8.3), each once.
    if (this.fields.length > 0) this.#malformed = true;
    switch (name) {
      case ':method':
        if (this.method !== '' || value === '') this.#malformed = true;
        this.method = value;
        return;
      case ':scheme':
        if (this.scheme !== '' || value === '') this.#malformed = true;
        this.scheme = value;
        return;
      case ':path':
        if (this.path !== '' || value === '') this.#malformed = true;
        this.path = value;
        return;
      case ':authority':
        if (this.authority !== '') this.#malformed = true;
        this.authority = value;
        return;
      default:
        this.#malformed = true;
    }
  }

  #addContentLength(value: string): void {
    const isNumber = /^\d{1,15}$/.test(value);
    const length = Number(value);
    if (!isNumber || (this.contentLength !== undefined && this.contentLength !== length))
      this.#malformed = true;
    else this.contentLength = length;
  }
}
