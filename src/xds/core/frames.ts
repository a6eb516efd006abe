import { concat } from '../../wire/write.ts';
import { encodeResponse } from './encode.ts';
import type { ResponseContent } from './encode.ts';
import type { Protocol } from './request.ts';
import type { Resource } from './resource.ts';

/** An encoded response. One frame goes to every stream that gets the same content. */
export interface Frame {
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
  const shared = new WeakMap<Resource, Map<string, Frame>>();

  function encode(protocol: Protocol, content: ResponseContent): Frame {
    last += 1;
    const nonce = `${instance}-${last.toString(36)}`;
    const framed = withGrpcHeader(encodeResponse(protocol, content, nonce, identifier));
    return { sequence: last, nonce, bytes: framed.subarray(grpcHeaderLength), framed };
  }

  return {
    get(protocol, content, after) {
      const only = content.resources.length === 1 ? content.resources[0] : undefined;
      if (only === undefined || content.removed.length > 0) return encode(protocol, content);
      const frames = shared.get(only) ?? new Map<string, Frame>();
      shared.set(only, frames);
      const key = JSON.stringify([protocol, content.typeUrl, content.version]);
      const known = frames.get(key);
      if (known !== undefined && known.sequence > after) return known;
      const frame = encode(protocol, content);
      frames.delete(key);
      frames.set(key, frame);
      if (frames.size > framesPerResource) frames.delete(frames.keys().next().value ?? key);
      return frame;
    },
  };
}
