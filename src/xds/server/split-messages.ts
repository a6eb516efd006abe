import { findField } from '../wire/find-field.ts';
import { headerLength } from './message-bounds.ts';
import { chunkOverhead, ownBytes } from './own-bytes.ts';

/** Receives the messages of a stream. */
export interface MessageSink {
  /** Number of the field to omit from messages from now on; `undefined` for none. */
  readonly unwanted: number | undefined;
  /** Receives a message. The bytes may be part of a larger buffer and must not be kept. */
  message(bytes: Buffer): void;
  /** A message exceeds the limit. Nothing after it is read. */
  tooLong(length: number): void;
}

/** A message of which a part has arrived. */
export type LeftOver =
  /** The header is incomplete, so the length is unknown. */
  | { readonly kind: 'header'; readonly bytes: Buffer }
  | {
      readonly kind: 'body';
      /** The bytes that are kept. */
      readonly parts: Buffer[];
      /** Number of bytes that have not arrived yet. */
      missing: number;
      /** Number of missing bytes that will not be kept. */
      unwanted: number;
      /** Memory of the parts, in bytes. */
      held: number;
    };

/** Returns the memory of an incomplete message, in bytes. */
export function heldBy(leftOver: LeftOver | undefined): number {
  if (leftOver === undefined) return 0;
  return leftOver.kind === 'header' ? leftOver.bytes.length + chunkOverhead : leftOver.held;
}

type Body = Extract<LeftOver, { kind: 'body' }>;

/**
 * Splits the chunks of a stream into gRPC messages. Takes the incomplete message of the previous chunk, passes
 * complete messages to the sink, and returns the message that is incomplete now. A message within one chunk is
 * not copied. From a message in several chunks, the unwanted field is dropped as it arrives: an Envoy's node
 * takes four chunks of every request.
 */
export function splitMessages(
  leftOver: LeftOver | undefined,
  chunk: Buffer,
  limit: number,
  sink: MessageSink,
): LeftOver | undefined {
  let rest = chunk;
  if (leftOver?.kind === 'header') rest = Buffer.concat([leftOver.bytes, chunk]);
  else if (leftOver !== undefined) {
    const taken = Math.min(leftOver.missing, chunk.length);
    addPart(leftOver, chunk.subarray(0, taken));
    if (leftOver.missing > 0) return leftOver;
    sink.message(Buffer.concat(leftOver.parts));
    rest = chunk.subarray(taken);
  }
  while (rest.length >= headerLength) {
    const length = rest.readUInt32BE(1);
    if (length > limit) {
      sink.tooLong(length);
      return undefined;
    }
    const end = headerLength + length;
    if (rest.length < end) return beginBody(rest.subarray(headerLength), length, sink.unwanted);
    sink.message(rest.subarray(headerLength, end));
    rest = rest.subarray(end);
  }
  return rest.length === 0 ? undefined : { kind: 'header', bytes: ownBytes(rest) };
}

function beginBody(start: Buffer, length: number, unwanted: number | undefined): LeftOver {
  const partial: Body = { kind: 'body', parts: [], missing: length, unwanted: 0, held: 0 };
  const found = unwanted === undefined ? undefined : findField(start, unwanted);
  // A field that exceeds the message is an error, which the decoder must see.
  if (found === undefined || found.end > length) {
    addPart(partial, start);
    return partial;
  }
  addPart(partial, start.subarray(0, found.start));
  partial.unwanted = found.end - found.start;
  addPart(partial, start.subarray(found.start));
  return partial;
}

function addPart(partial: Body, bytes: Buffer): void {
  partial.missing -= bytes.length;
  const unwanted = Math.min(partial.unwanted, bytes.length);
  partial.unwanted -= unwanted;
  if (unwanted === bytes.length) return;
  const part = bytes.subarray(unwanted);
  partial.parts.push(ownBytes(part));
  partial.held += part.length + chunkOverhead;
}
