import { ConnectionError } from './connection-error.ts';
import type { ServerConnection } from './connection.ts';
import { pingLength, readPingPayload, writePingAck, writeSettingsAck } from './control-frames.ts';
import { errorCode, flag, largestWindow, readUint32 } from './frame.ts';

// The rules of the frames that carry no part of a request (RFC 9113, section 6). Functions, because an object for them
// would cost memory for each connection. Each checks a frame, counts it and applies it.

/** Debug data of GOAWAY that makes gRPC clients ping less often (gRPC proposal A8). */
const tooManyPings = 'too_many_pings';

/**
 * Applies SETTINGS, also to the windows of open streams, and acknowledges them (section 6.5).
 * @throws {ConnectionError} if the frame is malformed, or makes the window of a stream too large.
 */
export function receiveSettings(
  connection: ServerConnection,
  flags: number,
  streamId: number,
  source: Buffer,
  from: number,
  to: number,
): void {
  const { settings, counts, requests, output } = connection;
  const hasEntries = settings.check(flags, streamId, to - from);
  counts.controlFrame();
  if (!hasEntries) return;
  const { by, largest } = settings.apply(source, from, to);
  if (!requests.streams.widenAll(by, largest))
    throw new ConnectionError(errorCode.flowControlError, 'the window of a stream is too large');
  writeSettingsAck(output);
  requests.streams.resumeBlocked();
}

/**
 * Acknowledges a PING (section 6.7). Returns the payload if the frame acknowledges a PING of the server.
 * @throws {ConnectionError} if the frame is malformed, or the client sends too many.
 */
export function receivePing(
  connection: ServerConnection,
  flags: number,
  streamId: number,
  source: Buffer,
  from: number,
  to: number,
): number | undefined {
  if (to - from !== pingLength)
    throw new ConnectionError(errorCode.frameSizeError, 'PING is not 8 bytes long');
  if (streamId !== 0) throw new ConnectionError(errorCode.protocolError, 'PING is on a stream');
  // grpc-go sends a PING for each response, to measure the bandwidth. Further PINGs are counted.
  if (connection.sentSincePing) connection.sentSincePing = false;
  else connection.counts.controlFrame(tooManyPings);
  if ((flags & flag.ack) !== 0) return readPingPayload(source, from);
  writePingAck(connection.output, source, from);
  return undefined;
}

/**
 * Counts a GOAWAY, which changes nothing for a server that opens no streams (section 6.8).
 * @throws {ConnectionError} if the frame is malformed.
 */
export function receiveGoAway(connection: ServerConnection, streamId: number, length: number): void {
  if (streamId !== 0) throw new ConnectionError(errorCode.protocolError, 'GOAWAY is on a stream');
  if (length < 8) throw new ConnectionError(errorCode.frameSizeError, 'GOAWAY is too short');
  connection.counts.controlFrame();
}

/**
 * Widens the client's window of the connection or of a stream, and sends what waited for it (section 6.9).
 * @throws {ConnectionError} if the frame is malformed, on an idle stream, or makes the connection's window too large.
 */
export function receiveWindowUpdate(
  connection: ServerConnection,
  streamId: number,
  source: Buffer,
  from: number,
  to: number,
): void {
  const { counts, requests } = connection;
  if (to - from !== 4)
    throw new ConnectionError(errorCode.frameSizeError, 'WINDOW_UPDATE is not 4 bytes long');
  counts.windowUpdate();
  const by = readUint32(source, from) & 0x7fffffff;
  if (streamId === 0) {
    if (by === 0) throw new ConnectionError(errorCode.protocolError, 'WINDOW_UPDATE has an increment of 0');
    connection.sendWindow += by;
    if (connection.sendWindow > largestWindow)
      throw new ConnectionError(errorCode.flowControlError, 'the window of the connection is too large');
  } else {
    const stream = requests.openOrClosed(streamId, 'WINDOW_UPDATE');
    if (stream === undefined) return;
    if (by === 0) return requests.refuse(streamId, errorCode.protocolError);
    if (!stream.widen(by)) return requests.refuse(streamId, errorCode.flowControlError);
    // No other stream: each of the client's many small windows would cost work for all streams.
    return stream.resume();
  }
  requests.streams.resumeBlocked();
}
