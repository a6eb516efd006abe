import type { HeaderField } from '../http2/hpack/header-field.ts';
import type { Fields } from './status.ts';

/** Header fields of the protocol, which are not metadata. */
const reserved = /^(?:grpc-.*|content-type|te|content-length|user-agent)$/;
/** Maximum length of a metadata value of a response, in bytes. */
const maxValueLength = 8192;

/**
 * The metadata of a request, with the read methods of `Metadata` in `@grpc/grpc-js`. Values of keys that end in `-bin`
 * are bytes.
 */
export class CallMetadata {
  readonly #values = new Map<string, (string | Buffer)[]>();

  add(key: string, value: string | Buffer): void {
    const name = key.toLowerCase();
    const known = this.#values.get(name);
    if (known === undefined) this.#values.set(name, [value]);
    else known.push(value);
  }

  /** Returns all values of a key, in order. */
  get(key: string): (string | Buffer)[] {
    return [...(this.#values.get(key.toLowerCase()) ?? [])];
  }

  /** Returns the first value of each key. */
  getMap(): Record<string, string | Buffer> {
    const map = Object.create(null) as Record<string, string | Buffer>;
    for (const [key, [value]] of this.#values) if (value !== undefined) map[key] = value;
    return map;
  }
}

/** Returns the metadata among the header fields of a request. It includes `user-agent`, as services expect. */
export function metadataOf(fields: readonly HeaderField[]): CallMetadata {
  const metadata = new CallMetadata();
  for (const { name, value } of fields) {
    if (reserved.test(name) && name !== 'user-agent') continue;
    if (!name.endsWith('-bin')) metadata.add(name, value);
    // A field may have several values, separated by commas.
    else for (const part of value.split(',')) metadata.add(name, Buffer.from(part.trim(), 'base64'));
  }
  return metadata;
}

/**
 * Returns the header fields of metadata from a handler: of any class that has `toHttp2Headers`. Omits fields that are
 * not allowed in a header.
 */
export function fieldsOf(metadata: unknown): Fields {
  if (typeof metadata !== 'object' || metadata === null || !('toHttp2Headers' in metadata)) return [];
  const { toHttp2Headers } = metadata;
  if (typeof toHttp2Headers !== 'function') return [];
  const headers: unknown = Reflect.apply(toHttp2Headers, metadata, []);
  if (typeof headers !== 'object' || headers === null) return [];
  return Object.entries(headers).flatMap(([name, value]: [string, unknown]) => {
    const isName = /^[0-9a-z_.-]+$/.test(name) && !reserved.test(name);
    return (Array.isArray(value) ? (value as unknown[]) : [value]).flatMap((one) =>
      isName && typeof one === 'string' && isValue(one) ? [[name, one] as const] : [],
    );
  });
}

function isValue(text: string): boolean {
  return text.length <= maxValueLength && /^[\x20-\x7e]*$/.test(text) && text.trim() === text;
}
