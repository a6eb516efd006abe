import { concat } from '../wire/write.ts';
import { encodeResponse } from './encode.ts';
import type { ResponseContent } from './encode.ts';
import type { Protocol } from './request.ts';
import type { Resource } from './resource.ts';

/** An encoded response. One frame goes to every stream that gets the same content. */
export interface Frame extends ResponseContent {
  /** Grows from frame to frame in a process. */
  readonly sequence: number;
  readonly nonce: string;
  /** The encoded response message. Shared: never write to it. */
  readonly bytes: Uint8Array;
  /** The same bytes with gRPC's header before them. */
  readonly framed: Uint8Array;
}

/** Encodes responses, each content once as far as possible. */
export interface Frames {
  /**
   * A frame of the content whose sequence is above `after`, the last one of the stream it is for: so a nonce
   * never comes twice on a stream, although streams share frames.
   */
  get(protocol: Protocol, content: ResponseContent, after: number): Frame;
  /** The same for one resource alone, without a content to be made for each stream. */
  one(protocol: Protocol, typeUrl: string, version: string, resource: Resource, after: number): Frame;
}

/** The frames of one stream: a nonce never comes twice on it. */
export interface StreamFrames {
  /** Encodes a response. */
  get(content: ResponseContent): Frame;
  /** The same for one resource alone. */
  one(typeUrl: string, version: string, resource: Resource): Frame;
}

/** Gives one stream its frames. */
export function framesOfStream(protocol: Protocol, frames: Frames): StreamFrames {
  return new FramesOfStream(protocol, frames);
}

// A class: there are thousands of them, and as closures each would have its own copy of every function.
class FramesOfStream implements StreamFrames {
  readonly #protocol: Protocol;
  readonly #frames: Frames;
  #last = 0;

  constructor(protocol: Protocol, frames: Frames) {
    this.#protocol = protocol;
    this.#frames = frames;
  }

  get(content: ResponseContent): Frame {
    return this.#used(this.#frames.get(this.#protocol, content, this.#last));
  }

  one(typeUrl: string, version: string, resource: Resource): Frame {
    return this.#used(this.#frames.one(this.#protocol, typeUrl, version, resource, this.#last));
  }

  #used(frame: Frame): Frame {
    this.#last = frame.sequence;
    return frame;
  }
}

const grpcHeaderLength = 5;

/** A byte for "not compressed", and the length in four. https://github.com/grpc/grpc, PROTOCOL-HTTP2.md */
function withGrpcHeader(message: Uint8Array): Uint8Array {
  const header = new DataView(new ArrayBuffer(grpcHeaderLength));
  header.setUint32(1, message.length);
  return concat([new Uint8Array(header.buffer), message]);
}

/** Frames kept for one resource: versions of the set around it change while it stays the same. */
const framesPerResource = 4;

/**
 * Makes a frame source. `instance` begins each nonce and should differ from process to process, so that a
 * nonce of an earlier process is recognised as foreign; `identifier` goes out as `control_plane.identifier`.
 */
export function createFrames(instance: string, identifier: string): Frames {
  let last = 0;
  const shared = new WeakMap<Resource, SharedFrame[]>();

  function encode(protocol: Protocol, content: ResponseContent): Frame {
    last += 1;
    const nonce = `${instance}-${last.toString(36)}`;
    const framed = withGrpcHeader(encodeResponse(protocol, content, nonce, identifier));
    return { ...content, sequence: last, nonce, bytes: framed.subarray(grpcHeaderLength), framed };
  }

  function one(
    protocol: Protocol,
    typeUrl: string,
    version: string,
    resource: Resource,
    after: number,
  ): Frame {
    let frames = shared.get(resource);
    if (frames === undefined) shared.set(resource, (frames = []));
    const at = frames.findIndex(
      (known) =>
        known.frame.version === version && known.protocol === protocol && known.frame.typeUrl === typeUrl,
    );
    const known = frames[at]?.frame;
    if (known !== undefined && known.sequence > after) return known;
    const frame = encode(protocol, { typeUrl, version, resources: [resource], removed: [] });
    if (at >= 0) frames.splice(at, 1);
    frames.unshift({ protocol, frame });
    if (frames.length > framesPerResource) frames.pop();
    return frame;
  }

  return {
    one,
    get(protocol, content, after) {
      const { typeUrl, version, resources, removed } = content;
      const [only] = resources;
      return only === undefined || resources.length > 1 || removed.length > 0
        ? encode(protocol, content)
        : one(protocol, typeUrl, version, only, after);
    },
  };
}

interface SharedFrame {
  readonly protocol: Protocol;
  readonly frame: Frame;
}
