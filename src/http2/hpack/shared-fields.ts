import { HeaderField } from './header-field.ts';

/** Fields that are kept: the clients of a server send the same few. */
const mostKept = 4096;
/** Characters of name and value of a field that is kept. */
const longestKept = 256;
/** Names whose value is another with every request. */
const everChanging: ReadonlySet<string> = new Set(['grpc-timeout', 'x-request-id', 'traceparent', 'date']);
/** Names whose value no other connection should keep alive. */
const secret: ReadonlySet<string> = new Set(['authorization', 'cookie', 'proxy-authorization']);

/**
 * Makes fields, one object for all that are equal as far as they are kept. A dynamic table of a connection is then a
 * list of references, and a field is validated once. What is kept is bounded in number and length.
 */
export class SharedFields {
  #byName = new Map<string, Map<string, HeaderField>>();
  #kept = 0;

  /** The field of that name and value. */
  get(name: string, value: string): HeaderField {
    if (name.length + value.length > longestKept || everChanging.has(name) || secret.has(name))
      return new HeaderField(name, value);
    let byValue = this.#byName.get(name);
    let field = byValue?.get(value);
    if (field !== undefined) return field;
    if (this.#kept >= mostKept) {
      this.#byName = new Map();
      this.#kept = 0;
      byValue = undefined;
    }
    field = new HeaderField(name, value);
    if (byValue === undefined) this.#byName.set(name, (byValue = new Map<string, HeaderField>()));
    byValue.set(value, field);
    this.#kept += 1;
    return field;
  }
}
