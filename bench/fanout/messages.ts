import { frameHeaderLength } from '../../src/http2/frame.ts';
import { concat, field, stringField } from '../../src/xds/wire/write.ts';
import { messageHeaderLength } from './response-messages.ts';

export type Protocol = 'delta' | 'sotw';

/** The type URL of all requests. */
export const secretType = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';

/** The settings of the requests of a simulated proxy. */
export interface RequestOptions {
  readonly protocol: Protocol;
  /** The encoded node. */
  readonly node: Uint8Array;
  readonly nodeInEveryRequest: boolean;
  /** The name of the secret to which the proxy subscribes. */
  readonly name: string;
}

/** The field numbers that are written, by message. */
const requestFields = {
  delta: { node: 1, type: 2, names: 3, nonce: 6 },
  sotw: { node: 2, type: 4, names: 3, nonce: 5 },
} as const;

/** Bytes before a request: room for the header of an HTTP/2 frame, and the header of a gRPC message. */
const headersLength = frameHeaderLength + messageHeaderLength;
const noBytes = Buffer.alloc(0);

/**
 * A request in parts, which are sent one after the other. The first part begins with `frameHeaderLength` bytes of room
 * for a frame header, and with the gRPC header. The other parts may be shared by requests.
 */
export type Request = readonly [first: Buffer, ...others: Buffer[]];

/**
 * Encodes the requests of one proxy as an Envoy does: the first one subscribes, later ones acknowledge. The ACKs of a
 * proxy differ only in their nonce and version, so the rest is encoded once.
 */
export class RequestEncoder {
  readonly #protocol: Protocol;
  readonly #name: string;
  readonly #nonceTag: number;
  /** The field of a node that only the first request has. */
  readonly #firstNode: Uint8Array;
  /** The fields that all requests have. A real node among them has 61 KB, which are not copied for each request. */
  readonly #repeated: Buffer;
  readonly #repeatsNode: boolean;

  constructor({ protocol, node, nodeInEveryRequest, name }: RequestOptions) {
    const numbers = requestFields[protocol];
    const nodeField = field(numbers.node, node);
    this.#protocol = protocol;
    this.#name = name;
    this.#nonceTag = tagOf(numbers.nonce);
    this.#firstNode = nodeInEveryRequest ? noBytes : nodeField;
    this.#repeatsNode = nodeInEveryRequest;
    this.#repeated = Buffer.concat([
      nodeInEveryRequest ? nodeField : noBytes,
      stringField(numbers.type, secretType),
      protocol === 'sotw' ? stringField(numbers.names, name) : noBytes,
    ]);
  }

  /** Encodes the first request. `version` is the version from an earlier stream, or empty. */
  first(version: string): Request {
    const isSotw = this.#protocol === 'sotw';
    const start = concat([isSotw ? stringField(1, version) : noBytes, this.#firstNode]);
    const end = isSotw ? noBytes : this.#deltaSubscription(version);
    const head = allocate(start.length, this.#repeated.length + end.length);
    head.set(start, headersLength);
    return [head, this.#repeated, end];
  }

  /** Encodes the ACK of a response: in one part, unless it repeats the node. */
  acknowledge({ nonce, version }: Heard): Request {
    const quoted = this.#protocol === 'sotw' ? version : '';
    const repeated = this.#repeated;
    const [startLength, endLength] = [shortLength(quoted), shortLength(nonce)];
    if (this.#repeatsNode) {
      const head = allocate(startLength, repeated.length + endLength);
      writeShort(head, headersLength, versionTag, quoted);
      const end = Buffer.allocUnsafe(endLength);
      writeShort(end, 0, this.#nonceTag, nonce);
      return [head, repeated, end];
    }
    const request = allocate(startLength + repeated.length + endLength, 0);
    const at = writeShort(request, headersLength, versionTag, quoted);
    request.set(repeated, at);
    writeShort(request, at + repeated.length, this.#nonceTag, nonce);
    return [request];
  }

  /** The name, and the version of a delta client that reconnects. Map entries are messages with a key and a value. */
  #deltaSubscription(version: string): Buffer {
    const name = this.#name;
    return Buffer.concat([
      stringField(requestFields.delta.names, name),
      version === '' ? noBytes : field(5, stringField(1, name), stringField(2, version)),
    ]);
  }
}

/** The tag of a length-delimited field with a number below 16. */
function tagOf(number: number): number {
  return number * 8 + 2;
}

/** The tag of the version, in sotw requests and responses. */
const versionTag = tagOf(1);

/** Allocates the first part of a request, and writes its gRPC header. Other parts have `others` bytes. */
function allocate(length: number, others: number): Buffer {
  const request = Buffer.allocUnsafe(headersLength + length);
  request[frameHeaderLength] = 0;
  request.writeUInt32BE(length + others, frameHeaderLength + 1);
  return request;
}

/** The length of a text with its tag and length. As in proto3, the empty text is omitted. */
function shortLength(text: string): number {
  return text === '' ? 0 : text.length + 2;
}

/** Writes a Latin-1 text of less than 128 characters with its tag and length. Returns the position after it. */
function writeShort(target: Buffer, at: number, tag: number, text: string): number {
  if (text === '') return at;
  if (text.length > 127) throw new Error(`too long for a nonce or a version: ${text}`);
  target[at] = tag;
  target[at + 1] = text.length;
  target.write(text, at + 2, 'latin1');
  return at + 2 + text.length;
}

/** The fields of a response that a simulated proxy reads. The version is that of the only resource. */
export interface Heard {
  readonly nonce: string;
  readonly version: string;
  readonly resources: number;
}

/** The tags of the fields that are read. */
const [resourceTag, nonceTag, resourceVersionTag] = [tagOf(2), tagOf(5), tagOf(1)];

/** Reads the top-level fields of the response in `source[from, to)`, and the version of a delta resource. */
export function decodeResponse(protocol: Protocol, source: Buffer, from: number, to: number): Heard {
  const fields = new Fields(source, from, to);
  let [nonce, version, resources] = ['', '', 0];
  while (fields.next()) {
    if (fields.tag === nonceTag) nonce = fields.text();
    else if (fields.tag === resourceTag) {
      resources += 1;
      if (protocol === 'delta') version = versionIn(new Fields(source, fields.start, fields.end)) ?? version;
    } else if (fields.tag === versionTag && protocol === 'sotw') version = fields.text();
  }
  return { nonce, version, resources };
}

/** Returns the version of a delta resource. It is the first field of most encoders, so the body is rarely reached. */
function versionIn(fields: Fields): string | undefined {
  while (fields.next()) if (fields.tag === resourceVersionTag) return fields.text();
  return undefined;
}

/** Returns the value of the first length-delimited field with a number. */
export function fieldOf(bytes: Buffer, wanted: number): Buffer | undefined {
  const fields = new Fields(bytes, 0, bytes.length);
  while (fields.next()) if (fields.tag === tagOf(wanted)) return bytes.subarray(fields.start, fields.end);
  return undefined;
}

/** Walks the fields of the message in `source[start, end)`, all of which must be length-delimited. */
class Fields {
  readonly #source: Buffer;
  readonly #to: number;
  tag = 0;
  /** The value of the field is in `source[start, end)`. */
  start: number;
  end: number;

  constructor(source: Buffer, from: number, to: number) {
    this.#source = source;
    this.#to = to;
    this.start = from;
    this.end = from;
  }

  /** Reads the tag and the length of the field after this one. Returns false if this is the last one. */
  next(): boolean {
    if (this.end >= this.#to) return false;
    this.start = this.end;
    this.tag = this.#varint();
    if (this.tag % 8 !== 2)
      throw new Error(`field ${Math.floor(this.tag / 8)} has wire type ${this.tag % 8}`);
    const length = this.#varint();
    this.end = this.start + length;
    if (this.end > this.#to) throw new Error(`field ${Math.floor(this.tag / 8)} is longer than its message`);
    return true;
  }

  /** The value of the field as Latin-1. */
  text(): string {
    return this.#source.toString('latin1', this.start, this.end);
  }

  /** Reads an integer at `start`. */
  #varint(): number {
    let [value, factor] = [0, 1];
    for (;;) {
      const byte = this.#source[this.start] ?? 0;
      this.start += 1;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      factor *= 128;
    }
  }
}
