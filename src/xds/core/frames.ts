import { concatKept } from '../wire/write.ts';
import { encodeResponse } from './encode.ts';
import type { ResponseContent } from './encode.ts';
import type { Protocol } from './request.ts';
import type { Resource, ResourceSet } from './resource.ts';

/** An encoded response. All streams that get the same content share one frame. */
export interface Frame extends ResponseContent {
  /** Increases from frame to frame in a process. */
  readonly sequence: number;
  readonly nonce: string;
  /** The encoded response message. Shared: never write to it. */
  readonly bytes: Uint8Array;
  /** The message after its gRPC header. */
  readonly framed: Uint8Array;
  /** The content without the encoded message, for streams that remember it: one object for all of them. */
  readonly content: ResponseContent;
}

/** Encodes responses. The same content is encoded once where possible. */
export interface Frames {
  /**
   * Returns a frame of the content whose sequence is above `after`, the sequence of the stream's last frame: so a
   * nonce is never used twice on a stream, although streams share frames.
   */
  get(protocol: Protocol, content: ResponseContent, after: number): Frame;
  /**
   * Like `get`, for a single resource: saves the content object of each stream. Frames of resources that are or were in
   * their `set` are kept with the resource, and those of the others for a while.
   */
  one(
    protocol: Protocol,
    typeUrl: string,
    version: string,
    resource: Resource,
    set: ResourceSet | undefined,
    after: number,
  ): Frame;
}

/** The frames of one stream. No nonce is used twice. */
export interface StreamFrames {
  /** Encodes a response. */
  encode(content: ResponseContent): Frame;
  /** Like `encode`, for a single resource. */
  encodeOne(typeUrl: string, version: string, resource: Resource, set: ResourceSet | undefined): Frame;
}

const grpcHeaderLength = 5;

/**
 * Prepends the gRPC header: one byte for "not compressed" and four bytes of length.
 * https://github.com/grpc/grpc, PROTOCOL-HTTP2.md
 */
function withGrpcHeader(message: Uint8Array): Uint8Array {
  const header = new DataView(new ArrayBuffer(grpcHeaderLength));
  header.setUint32(1, message.length);
  return concatKept([new Uint8Array(header.buffer), message]);
}

/**
 * Maximum number of frames kept per resource. One is not enough: the version of the set changes while the
 * resource does not.
 */
const framesPerResource = 4;
/**
 * Maximum number of resources without a place in a set whose frames are kept. Clients choose their names: a stream
 * keeps such a resource, and would keep its frames.
 */
const mostUnlisted = 1_000;

/**
 * Creates a frame source. `instance` is the prefix of each nonce. It should differ from process to process, so
 * that the nonce of an earlier process is recognised as unknown. `identifier` is sent as
 * `control_plane.identifier`.
 */
export function createFrames(instance: string, identifier: string): Frames {
  let last = 0;
  const listed = new WeakMap<Resource, SharedFrame[]>();
  /** The oldest first. */
  const unlisted = new Map<Resource, SharedFrame[]>();

  function encode(protocol: Protocol, content: ResponseContent): Frame {
    last += 1;
    const nonce = `${instance}-${last.toString(36)}`;
    const framed = withGrpcHeader(encodeResponse(protocol, content, nonce, identifier));
    return { ...content, sequence: last, nonce, bytes: framed.subarray(grpcHeaderLength), framed, content };
  }

  function listedFrames(resource: Resource): SharedFrame[] {
    const known = listed.get(resource);
    if (known !== undefined) return known;
    const frames: SharedFrame[] = [];
    listed.set(resource, frames);
    return frames;
  }

  // The set is only searched for the first frame of a resource: this is called for each push.
  function framesOf(resource: Resource, set: ResourceSet | undefined): SharedFrame[] {
    const known = listed.get(resource) ?? unlisted.get(resource);
    if (known !== undefined) return known;
    if (set?.resources.get(resource.name) === resource) return listedFrames(resource);
    const frames: SharedFrame[] = [];
    unlisted.set(resource, frames);
    if (unlisted.size > mostUnlisted) {
      const [oldest] = unlisted.keys();
      if (oldest !== undefined) unlisted.delete(oldest);
    }
    return frames;
  }

  function frameOf(
    frames: SharedFrame[],
    protocol: Protocol,
    typeUrl: string,
    version: string,
    resource: Resource,
    after: number,
  ): Frame {
    const at = indexOf(frames, protocol, typeUrl, version);
    const known = frames[at]?.frame;
    if (known !== undefined && known.sequence > after) return known;
    const frame = encode(protocol, { typeUrl, version, resources: [resource], removed: [] });
    if (at >= 0) frames.splice(at, 1);
    frames.unshift({ protocol, frame });
    if (frames.length > framesPerResource) frames.pop();
    return frame;
  }

  return {
    one: (protocol, typeUrl, version, resource, set, after) =>
      frameOf(framesOf(resource, set), protocol, typeUrl, version, resource, after),
    get(protocol, content, after) {
      const { typeUrl, version, resources, removed } = content;
      const [only] = resources;
      return only === undefined || resources.length > 1 || removed.length > 0
        ? encode(protocol, content)
        : frameOf(listedFrames(only), protocol, typeUrl, version, only, after);
    },
  };
}

interface SharedFrame {
  readonly protocol: Protocol;
  readonly frame: Frame;
}

// Called for each push: `findIndex` would create a function each time.
function indexOf(
  frames: readonly SharedFrame[],
  protocol: Protocol,
  typeUrl: string,
  version: string,
): number {
  let index = 0;
  for (const known of frames) {
    const { frame } = known;
    if (frame.version === version && known.protocol === protocol && frame.typeUrl === typeUrl) return index;
    index += 1;
  }
  return -1;
}
