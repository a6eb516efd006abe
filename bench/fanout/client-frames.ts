import {
  clientPreface,
  defaultWindow,
  encodeFrame,
  flag,
  frameType,
  setting,
  writeUint32,
} from '../../src/http2/frame.ts';
import { encodeIndexed, encodeLiteral } from '../../src/http2/hpack/encode-field.ts';

/** The only stream of a connection. The streams of a client have odd identifiers (RFC 9113, section 5.1.1). */
export const streamId = 1;

/** The request of a client, without its body. */
export interface RequestTarget {
  readonly scheme: 'http' | 'https';
  readonly authority: string;
  readonly path: string;
  /** The flow-control window of the connection and of the stream, in bytes. */
  readonly window: number;
}

/**
 * Returns the first bytes of a connection: the preface, SETTINGS, the window of the connection, and the HEADERS of a
 * gRPC request (RFC 9113, section 3.4). They are the same for all connections to a server.
 */
export function encodeOpening({ scheme, authority, path, window }: RequestTarget): Buffer {
  const block = Buffer.concat([
    // `:method: POST` is entry 3 of the static table (RFC 7541, appendix A).
    encodeIndexed(3),
    encodeLiteral(':scheme', scheme, 'none'),
    encodeLiteral(':authority', authority, 'none'),
    encodeLiteral(':path', path, 'none'),
    encodeLiteral('te', 'trailers', 'none'),
    encodeLiteral('content-type', 'application/grpc', 'none'),
  ]);
  const settings = [settingEntry(setting.enablePush, 0), settingEntry(setting.initialWindowSize, window)];
  return Buffer.concat([
    clientPreface,
    encodeFrame(frameType.settings, 0, 0, Buffer.concat(settings)),
    ...(window > defaultWindow ? [windowUpdate(0, window - defaultWindow)] : []),
    encodeFrame(frameType.headers, flag.endHeaders, streamId, block),
  ]);
}

/** Encodes WINDOW_UPDATE. Stream 0 is the connection (RFC 9113, section 6.9). */
export function windowUpdate(id: number, by: number): Buffer {
  const payload = Buffer.allocUnsafe(4);
  writeUint32(payload, 0, by);
  return encodeFrame(frameType.windowUpdate, 0, id, payload);
}

/** Encodes an entry of SETTINGS (RFC 9113, section 6.5.1). */
export function settingEntry(identifier: number, value: number): Buffer {
  const entry = Buffer.alloc(6);
  entry.writeUInt16BE(identifier, 0);
  entry.writeUInt32BE(value, 2);
  return entry;
}
