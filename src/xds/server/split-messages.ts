import { createWireReader } from '../wire/read.ts';

/** What is done with the messages of a stream. */
export interface MessageSink {
  /** Number of the field to leave out of messages from now on; undefined: none. */
  readonly unwanted: number | undefined;
  /** Takes a message. Its bytes may be part of a larger buffer, and are not to be kept. */
  message(bytes: Buffer): void;
  /** A message is longer than the limit: nothing is read after it. */
  tooLong(length: number): void;
}

/** A message that has come in part. */
export type LeftOver =
  /** Not even its length is known. */
  | { readonly kind: 'header'; readonly bytes: Buffer }
  | {
      readonly kind: 'body';
      /** What is kept of it. */
      readonly parts: Buffer[];
      /** Bytes that are still to come. */
      missing: number;
      /** How many of them are not kept. */
      unwanted: number;
      /** Memory that the parts take, in bytes. */
      held: number;
    };

/** One byte that says whether the message is compressed, and four of length. https://grpc.io, PROTOCOL-HTTP2 */
const headerLength = 5;

/** What a part costs beside its bytes: a client may send a message one byte at a time. */
const partOverhead = 256;

/** Returns the memory that a part of a message takes, in bytes. */
export function heldBy(leftOver: LeftOver | undefined): number {
  if (leftOver === undefined) return 0;
  return leftOver.kind === 'header' ? leftOver.bytes.length + partOverhead : leftOver.held;
}

type Body = Extract<LeftOver, { kind: 'body' }>;

/**
 * Takes gRPC messages out of the chunks of a stream: given what was left over from the chunk before, hands on
 * what is complete and returns what is left over now. A message that lies in one chunk is not copied. Of one
 * that does not, the unwanted field is not even kept until the rest is there: an Envoy's node comes in four
 * chunks, with every request.
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
  // Copied: a few bytes would keep the whole buffer that they came in.
  return rest.length === 0 ? undefined : { kind: 'header', bytes: copyOf(rest) };
}

function beginBody(start: Buffer, length: number, unwanted: number | undefined): LeftOver {
  const partial: Body = { kind: 'body', parts: [], missing: length, unwanted: 0, held: 0 };
  const found = unwanted === undefined ? undefined : findField(start, unwanted);
  // One that does not end within the message is wrong, which the decoder is to see.
  if (found === undefined || found.end > length) {
    addPart(partial, start);
    return partial;
  }
  addPart(partial, start.subarray(0, found.start));
  partial.unwanted = found.end - found.start;
  addPart(partial, start.subarray(found.start));
  return partial;
}

/** Where the field is, with its tag, if it begins in these first bytes of a message; its end may not be there. */
function findField(
  start: Buffer,
  number: number,
): { readonly start: number; readonly end: number } | undefined {
  const reader = createWireReader(start);
  while (!reader.done) {
    const from = reader.offset;
    const tag = reader.varint();
    if (tag === number * 8 + 2) {
      const length = reader.varint();
      return reader.sound ? { start: from, end: reader.offset + length } : undefined;
    }
    reader.skip(tag);
  }
  return undefined;
}

function addPart(partial: Body, bytes: Buffer): void {
  partial.missing -= bytes.length;
  const unwanted = Math.min(partial.unwanted, bytes.length);
  partial.unwanted -= unwanted;
  if (unwanted === bytes.length) return;
  const part = bytes.subarray(unwanted);
  // A few bytes would keep the whole buffer that they came in, of up to 64 KiB.
  partial.parts.push(part.length * 4 < part.buffer.byteLength ? copyOf(part) : part);
  partial.held += part.length + partOverhead;
}

/** A copy with a buffer of its own. */
function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}
