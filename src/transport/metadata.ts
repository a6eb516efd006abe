import type { HeaderField } from '../http2/hpack/header-field.ts';
import type { RequestHead } from '../http2/request-head.ts';
import type { Fields } from './status.ts';

/** Header fields of a request that belong to the protocol. The others are metadata, such as `grpc-trace-bin`. */
const ofRequest =
  /^(?:grpc-(?:timeout|encoding|accept-encoding)|accept-encoding|content-type|te|content-length)$/;
/** Header fields of a response that belong to the protocol. */
const ofResponse =
  /^(?:grpc-(?:status|message|encoding|accept-encoding)|content-type|te|content-length|user-agent)$/;
const grpcType = /^application\/grpc(?:$|[+;])/;
/** Maximum length of a metadata value of a response, in bytes. */
const maxValueLength = 8192;

/**
 * The metadata of a request, with the read methods of `Metadata` in `@grpc/grpc-js`. Values of keys that end in `-bin`
 * are bytes.
 */
export class CallMetadata {
  readonly #fields: readonly HeaderField[];

  constructor(fields: readonly HeaderField[]) {
    this.#fields = fields;
  }

  /** Returns all values of a key, in order. */
  get(key: string): (string | Buffer)[] {
    const wanted = key.toLowerCase();
    if (!isMetadata(wanted)) return [];
    return this.#fields.flatMap((field) => (field.name === wanted ? valuesOf(field) : []));
  }

  /** Returns the first value of each key. */
  getMap(): Record<string, string | Buffer> {
    const map = Object.create(null) as Record<string, string | Buffer>;
    for (const field of this.#fields) {
      if (!isMetadata(field.name) || field.name in map) continue;
      const [first] = valuesOf(field, 1);
      if (first !== undefined) map[field.name] = first;
    }
    return map;
  }
}

/**
 * Returns the metadata among the header fields of a request. It includes `user-agent`, as services expect. Values are
 * decoded when they are read: a field of a few bytes may refer to thousands of values in the HPACK table.
 */
export function metadataOf(fields: readonly HeaderField[]): CallMetadata {
  return new CallMetadata(fields);
}

/** Returns true if the client speaks gRPC, by its method and content type. */
export function isGrpc(head: RequestHead): boolean {
  return head.method === 'POST' && grpcType.test(head.get('content-type') ?? '');
}

function isMetadata(name: string): boolean {
  return !ofRequest.test(name);
}

/** Returns the values of a field, `most` at most. A field with bytes may have several, separated by commas. */
function valuesOf({ name, value }: HeaderField, most?: number): (string | Buffer)[] {
  if (!name.endsWith('-bin')) return [value];
  return value.split(',', most).map((part) => Buffer.from(part.trim(), 'base64'));
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
    const isName = /^[0-9a-z_.-]+$/.test(name) && !ofResponse.test(name);
    return (Array.isArray(value) ? (value as unknown[]) : [value]).flatMap((one) =>
      isName && typeof one === 'string' && isValue(one) ? [[name, one] as const] : [],
    );
  });
}

function isValue(text: string): boolean {
  return text.length <= maxValueLength && /^[\x20-\x7e]*$/.test(text) && text.trim() === text;
}
