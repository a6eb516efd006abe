/** Frame types (RFC 9113, section 6). */
export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** Frame flags. A flag has a meaning only for the frame types that define it. */
export const flag = { ack: 0x1, endStream: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

/** Error codes (RFC 9113, section 7). */
export const errorCode = {
  noError: 0x0,
  protocolError: 0x1,
  internalError: 0x2,
  flowControlError: 0x3,
  settingsTimeout: 0x4,
  streamClosed: 0x5,
  frameSizeError: 0x6,
  refusedStream: 0x7,
  cancel: 0x8,
  compressionError: 0x9,
  connectError: 0xa,
  enhanceYourCalm: 0xb,
  inadequateSecurity: 0xc,
  http11Required: 0xd,
} as const;

export type ErrorCode = (typeof errorCode)[keyof typeof errorCode];

/** Settings (RFC 9113, section 6.5.2). */
export const setting = {
  headerTableSize: 0x1,
  enablePush: 0x2,
  maxConcurrentStreams: 0x3,
  initialWindowSize: 0x4,
  maxFrameSize: 0x5,
  maxHeaderListSize: 0x6,
} as const;

/** The first bytes of a client (RFC 9113, section 3.4). */
export const clientPreface: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

/** Bytes of a frame header (RFC 9113, section 4.1). */
export const frameHeaderLength = 9;
/** Default of SETTINGS_MAX_FRAME_SIZE: the largest payload that a peer accepts. */
export const defaultMaxFrameSize = 16_384;
/** Initial flow-control window of the connection and of each stream. */
export const defaultWindow = 65_535;
/** The largest flow-control window that is allowed (RFC 9113, section 6.9.1). */
export const largestWindow = 2 ** 31 - 1;

/** Writes a frame header at `at`. */
export function writeFrameHeader(
  target: Uint8Array,
  at: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): void {
  target[at] = length >>> 16;
  target[at + 1] = length >>> 8;
  target[at + 2] = length;
  target[at + 3] = type;
  target[at + 4] = flags;
  writeUint32(target, at + 5, streamId);
}

/** Returns the bytes of a frame. The server writes its frames into a shared buffer instead. */
export function encodeFrame(
  type: number,
  flags: number,
  streamId: number,
  payload: Uint8Array = new Uint8Array(),
): Buffer {
  const bytes = Buffer.allocUnsafe(frameHeaderLength + payload.length);
  writeFrameHeader(bytes, 0, payload.length, type, flags, streamId);
  bytes.set(payload, frameHeaderLength);
  return bytes;
}

/** Writes an unsigned 32-bit integer in network byte order at `at`. */
export function writeUint32(target: Uint8Array, at: number, value: number): void {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
}

/** Reads an unsigned 32-bit integer in network byte order at `at`. */
export function readUint32(source: Uint8Array, at: number): number {
  return (
    byteAt(source, at) * 0x1000000 +
    ((byteAt(source, at + 1) << 16) | (byteAt(source, at + 2) << 8) | byteAt(source, at + 3))
  );
}

/** Reads a stream identifier: 31 bits, because the first bit is reserved (RFC 9113, section 4.1). */
export function readStreamId(source: Uint8Array, at: number): number {
  return readUint32(source, at) & 0x7fffffff;
}

/** Returns the byte at `at`, or 0 past the end. */
export function byteAt(source: Uint8Array, at: number): number {
  return source[at] ?? 0;
}
