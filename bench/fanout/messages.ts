import { concat, field, stringField } from '../../src/xds/wire/write.ts';

export type Protocol = 'delta' | 'sotw';

/** The type URL of all requests. */
export const secretType = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';

/** The content of a request of a simulated proxy. */
export interface Said {
  /** The encoded node, if any. */
  readonly node: Uint8Array | undefined;
  readonly name: string;
  readonly nonce: string;
  readonly version: string;
}

/** The field numbers that are read and written, by message. */
const requestFields = {
  delta: { node: 1, type: 2, names: 3, nonce: 6 },
  sotw: { node: 2, type: 4, names: 3, nonce: 5 },
} as const;

/** Encodes a request with its gRPC header, as an Envoy does: a first one subscribes, later ones acknowledge. */
export function encodeRequest(protocol: Protocol, said: Said): Uint8Array {
  const numbers = requestFields[protocol];
  const subscribes = protocol === 'sotw' || said.nonce === '';
  const message = concat([
    protocol === 'sotw' ? stringField(1, said.version) : new Uint8Array(),
    said.node === undefined ? new Uint8Array() : field(numbers.node, said.node),
    stringField(numbers.type, secretType),
    subscribes ? stringField(numbers.names, said.name) : new Uint8Array(),
    // The versions of a delta client that reconnects. Map entries are messages with a key and a value.
    protocol === 'delta' && said.nonce === '' && said.version !== ''
      ? field(5, stringField(1, said.name), stringField(2, said.version))
      : new Uint8Array(),
    stringField(numbers.nonce, said.nonce),
  ]);
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.length, 1);
  return concat([header, message]);
}

/** The fields of a response that a simulated proxy reads. The version is that of the only resource. */
export interface Heard {
  readonly nonce: string;
  readonly version: string;
  readonly resources: number;
}

/** Reads the top-level fields of a response, and the version of a delta resource. */
export function decodeResponse(protocol: Protocol, bytes: Buffer): Heard {
  let [nonce, version, resources] = ['', '', 0];
  for (const { number, start, end } of fieldsOf(bytes, 0, bytes.length)) {
    if (number === 5) nonce = bytes.toString('latin1', start, end);
    if (number === 1 && protocol === 'sotw') version = bytes.toString('latin1', start, end);
    if (number !== 2) continue;
    resources += 1;
    if (protocol === 'sotw') continue;
    for (const inner of fieldsOf(bytes, start, end)) {
      if (inner.number === 1) version = bytes.toString('latin1', inner.start, inner.end);
    }
  }
  return { nonce, version, resources };
}

/** Returns the value of the first length-delimited field with a number. */
export function fieldOf(bytes: Buffer, wanted: number): Buffer | undefined {
  for (const { number, start, end } of fieldsOf(bytes, 0, bytes.length)) {
    if (number === wanted) return bytes.subarray(start, end);
  }
  return undefined;
}

interface FoundField {
  readonly number: number;
  readonly start: number;
  readonly end: number;
}

/** Returns the fields of a message, all of which must be length-delimited. */
function* fieldsOf(bytes: Buffer, from: number, to: number): Generator<FoundField> {
  let at = from;
  function varint(): number {
    let [value, factor] = [0, 1];
    for (;;) {
      const byte = bytes[at] ?? 0;
      at += 1;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      factor *= 128;
    }
  }
  while (at < to) {
    const tag = varint();
    if (tag % 8 !== 2) throw new Error(`field ${Math.floor(tag / 8)} has wire type ${tag % 8}`);
    const length = varint();
    yield { number: Math.floor(tag / 8), start: at, end: at + length };
    at += length;
  }
}
