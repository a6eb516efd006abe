import type { HeaderField } from './hpack/header-field.ts';

/** The header fields of a request, or its trailers. The decoder adds the fields one after another. */
export class RequestHead {
  method = '';
  scheme = '';
  path = '';
  authority = '';
  /** The fields that are not pseudo-header fields, in the order of the request. Names are lower case. */
  readonly fields: HeaderField[] = [];
  /** Size of all fields, as SETTINGS_MAX_HEADER_LIST_SIZE counts them (RFC 9113, section 6.5.2). */
  size = 0;
  /** The value of `content-length`; `undefined` if the field is absent. */
  contentLength: number | undefined;
  #pseudoFields = 0;
  #malformed = false;

  /** Adds the next field. Once the size exceeds `limit`, fields are counted but not stored. */
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

  /** Returns the value of the first field with a name. */
  get(name: string): string | undefined {
    for (const field of this.fields) if (field.name === name) return field.value;
    return undefined;
  }

  /** True if the fields are a well-formed request (RFC 9113, section 8.3.1). */
  get isRequest(): boolean {
    return !this.#malformed && this.method !== '' && this.scheme !== '' && this.path !== '';
  }

  /** True if the fields are well-formed trailers (RFC 9113, section 8.1). */
  get isTrailers(): boolean {
    return !this.#malformed && this.#pseudoFields === 0;
  }

  #addPseudo({ name, value }: HeaderField): void {
    this.#pseudoFields += 1;
    // Pseudo-header fields come before all other fields, and each at most once (section 8.3).
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
