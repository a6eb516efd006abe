import { HeaderField } from './header-field.ts';

/** Maximum number of cached fields. The clients of a server send the same few fields. */
const maxCached = 4096;
/** Maximum length of name and value of a cached field, in characters. */
const maxCachedLength = 256;
/** Names whose value differs with every request. */
const uniqueValues: ReadonlySet<string> = new Set(['grpc-timeout', 'x-request-id', 'traceparent', 'date']);
/** Names whose value must not stay in memory after its connection. */
const secret: ReadonlySet<string> = new Set(['authorization', 'cookie', 'proxy-authorization']);

/**
 * Creates fields. Equal fields share one object while it is cached, so a dynamic table is a list of references, and a
 * field is validated once. The number and the length of cached fields are limited.
 */
export class SharedFields {
  #byName = new Map<string, Map<string, HeaderField>>();
  #cached = 0;

  /** Returns the field with a name and a value. */
  get(name: string, value: string): HeaderField {
    if (name.length + value.length > maxCachedLength || uniqueValues.has(name) || secret.has(name))
      return new HeaderField(name, value);
    let byValue = this.#byName.get(name);
    let field = byValue?.get(value);
    if (field !== undefined) return field;
    if (this.#cached >= maxCached) {
      this.#byName = new Map();
      this.#cached = 0;
      byValue = undefined;
    }
    field = new HeaderField(name, value);
    if (byValue === undefined) this.#byName.set(name, (byValue = new Map<string, HeaderField>()));
    byValue.set(value, field);
    this.#cached += 1;
    return field;
  }
}
