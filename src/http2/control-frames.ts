import { flag, frameHeaderLength, frameType, readUint32, writeFrameHeader, writeUint32 } from './frame.ts';
import type { ErrorCode } from './frame.ts';
import type { Output } from './output.ts';

/** Length of the payload of PING, in bytes. */
export const pingLength = 8;

/** Writes SETTINGS with pairs of identifier and value (RFC 9113, section 6.5). */
export function writeSettings(output: Output, settings: readonly (readonly [number, number])[]): void {
  const length = settings.length * 6;
  const target = output.reserve(frameHeaderLength + length);
  let { at } = output;
  writeFrameHeader(target, at, length, frameType.settings, 0, 0);
  at += frameHeaderLength;
  for (const [identifier, value] of settings) {
    target[at] = identifier >>> 8;
    target[at + 1] = identifier;
    writeUint32(target, at + 2, value);
    at += 6;
  }
}

/** Acknowledges SETTINGS of the client. */
export function writeSettingsAck(output: Output): void {
  const target = output.reserve(frameHeaderLength);
  writeFrameHeader(target, output.at, 0, frameType.settings, flag.ack, 0);
}

/** Writes WINDOW_UPDATE, unless the increment is 0. Stream 0 is the connection (section 6.9). */
export function writeWindowUpdate(output: Output, streamId: number, by: number): void {
  if (by <= 0) return;
  const target = output.reserve(frameHeaderLength + 4);
  writeFrameHeader(target, output.at, 4, frameType.windowUpdate, 0, streamId);
  writeUint32(target, output.at + frameHeaderLength, by);
}

/** Writes RST_STREAM (section 6.4). */
export function writeReset(output: Output, streamId: number, code: ErrorCode): void {
  const target = output.reserve(frameHeaderLength + 4);
  writeFrameHeader(target, output.at, 4, frameType.rstStream, 0, streamId);
  writeUint32(target, output.at + frameHeaderLength, code);
}

/** Writes PING with a number as its payload. The client sends the payload back (section 6.7). */
export function writePing(output: Output, payload: number): void {
  const target = output.reserve(frameHeaderLength + pingLength);
  const { at } = output;
  writeFrameHeader(target, at, pingLength, frameType.ping, 0, 0);
  writeUint32(target, at + frameHeaderLength, 0);
  writeUint32(target, at + frameHeaderLength + 4, payload);
}

/** Acknowledges a PING of the client, whose payload is at `from`. */
export function writePingAck(output: Output, source: Buffer, from: number): void {
  const target = output.reserve(frameHeaderLength + pingLength);
  const { at } = output;
  writeFrameHeader(target, at, pingLength, frameType.ping, flag.ack, 0);
  source.copy(target, at + frameHeaderLength, from, from + pingLength);
}

/** Returns the number in the payload of PING at `from`; `undefined` if {@link writePing} did not write it. */
export function readPingPayload(source: Buffer, from: number): number | undefined {
  return readUint32(source, from) === 0 ? readUint32(source, from + 4) : undefined;
}

/** Writes GOAWAY (section 6.8). */
export function writeGoAway(output: Output, lastStreamId: number, code: ErrorCode, debugData = ''): void {
  const length = 8 + debugData.length;
  const target = output.reserve(frameHeaderLength + length);
  const { at } = output;
  writeFrameHeader(target, at, length, frameType.goAway, 0, 0);
  writeUint32(target, at + frameHeaderLength, lastStreamId);
  writeUint32(target, at + frameHeaderLength + 4, code);
  Buffer.from(debugData, 'latin1').copy(target, at + frameHeaderLength + 8);
}
