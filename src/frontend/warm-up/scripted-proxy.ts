import { clientPreface, encodeFrame, flag, frameType } from '../../http2/frame.ts';
import type { Protocol } from '../../xds/index.ts';
import { concat, field, stringField } from '../../xds/wire/write.ts';

/**
 * Header blocks of ADS streams, as nghttp2 encodes them: with the static table, new entries of the dynamic table, and
 * Huffman codes.
 */
const headerBlocks: Readonly<Record<Protocol, Buffer>> = {
  delta: Buffer.from(
    '838604b960b5773fa5d05b3b98855e432087ee5b3d2fdd95e19a6b0b30d2592f99043f72d9eb716cee62158be5a1238669ac2cc34964da541' +
      'edb08547f4187a4a89d365a84ff40027465864d833505b11f5f8b1d75d0620d263d4c4d6564',
    'hex',
  ),
  sotw: Buffer.from(
    '838604b960b5773fa5d05b3b98855e432087ee5b3d2fdd95e19a6b0b30d2592f99043f72d9eb716cee62158dc9b0a3a619a6b0b30d2593695' +
      '07b6c21514187a4a89d365a84ff40027465864d833505b11f5f8b1d75d0620d263d4c4d6564',
    'hex',
  ),
};
/** ENABLE_PUSH 0 and INITIAL_WINDOW_SIZE 256 MiB. */
const settings = Buffer.from('000200000000000410000000', 'hex');
const windowUpdate = Buffer.from('0fff0001', 'hex');
/** The payload of the PINGs of the server. */
const pingPayload = Buffer.from('0000000000000001', 'hex');
const fields = {
  delta: { node: 1, type: 2, names: 3, nonce: 6 },
  sotw: { node: 2, type: 4, names: 3, nonce: 5 },
} as const;

/** A subscription to one resource. */
export interface Subscription {
  readonly typeUrl: string;
  readonly name: string;
}

/** The fields of a response that its ACK repeats. */
export interface Answer {
  readonly nonce: string;
  readonly version: string;
}

/** The bytes that an Envoy sends on an ADS stream with one subscription. */
export class ScriptedProxy {
  readonly #protocol: Protocol;
  readonly #subscription: Subscription;

  constructor(protocol: Protocol, subscription: Subscription) {
    this.#protocol = protocol;
    this.#subscription = subscription;
  }

  /** Returns the preface and the first request. */
  subscribe(id: string): Uint8Array {
    return concat([
      clientPreface,
      encodeFrame(frameType.settings, 0, 0, settings),
      encodeFrame(frameType.windowUpdate, 0, 0, windowUpdate),
      encodeFrame(frameType.headers, flag.endHeaders, 1, headerBlocks[this.#protocol]),
      message(this.#request(id)),
      encodeFrame(frameType.settings, flag.ack, 0),
    ]);
  }

  /** Returns further streams of the connection, each with one request, after which the client ends its side. */
  subscribeAndEnd(id: string, streams: number): Uint8Array {
    const body = this.#request(id);
    const parts: Uint8Array[] = [];
    for (let streamId = 3; streamId < 3 + 2 * streams; streamId += 2)
      parts.push(
        encodeFrame(frameType.headers, flag.endHeaders, streamId, headerBlocks[this.#protocol]),
        message(body, streamId, flag.endStream),
      );
    return concat(parts);
  }

  /** Returns the first request of a stream. */
  #request(id: string): Uint8Array {
    const { typeUrl, name } = this.#subscription;
    const numbers = fields[this.#protocol];
    return concat([
      field(numbers.node, stringField(1, id), stringField(2, 'warm-up')),
      stringField(numbers.type, typeUrl),
      stringField(numbers.names, name),
    ]);
  }

  /** Returns the answer to a PING of the server. */
  acknowledgePing(): Uint8Array {
    return encodeFrame(frameType.ping, flag.ack, 0, pingPayload);
  }

  /** Returns the ACK of a response. */
  acknowledge({ nonce, version }: Answer): Uint8Array {
    const { typeUrl, name } = this.#subscription;
    const numbers = fields[this.#protocol];
    const isSotw = this.#protocol === 'sotw';
    return message(
      concat([
        stringField(1, isSotw ? version : ''),
        stringField(numbers.type, typeUrl),
        stringField(numbers.names, isSotw ? name : ''),
        stringField(numbers.nonce, nonce),
      ]),
    );
  }
}

/** Returns the DATA frame of a gRPC message. */
function message(body: Uint8Array, streamId = 1, flags = 0): Uint8Array {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(body.length, 1);
  return encodeFrame(frameType.data, flags, streamId, concat([header, body]));
}
