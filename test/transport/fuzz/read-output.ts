/** Reads what a server sent, as a client does, and checks it against the rules of HTTP/2. */
import assert from 'node:assert/strict';
import { errorCode, flag, frameType } from '../../../src/http2/frame.ts';
import { HpackDecoder } from '../../../src/http2/hpack/decoder.ts';
import { SharedFields } from '../../../src/http2/hpack/shared-fields.ts';

/** The response on one stream. */
export interface ReadResponse {
  /** Fields of each header block. */
  readonly blocks: readonly string[];
  readonly body: Buffer;
  readonly end: 'open' | 'END_STREAM' | 'RST_STREAM';
}

interface OpenResponse {
  readonly blocks: string[];
  readonly parts: Buffer[];
  end: ReadResponse['end'];
}

/**
 * Returns the responses by stream.
 * @throws {Error} if a frame is cut, a header block cannot be decoded, or a frame is where none is allowed.
 */
export function readOutput(bytes: Buffer): ReadonlyMap<number, ReadResponse> {
  const responses = new Map<number, OpenResponse>();
  const decoder = new HpackDecoder(new SharedFields());
  let block: Buffer | undefined;
  let isClosing = false;
  for (let at = 0; at < bytes.length;) {
    assert.ok(at + 9 <= bytes.length, 'the output ends within a frame header');
    const length = bytes.readUIntBE(at, 3);
    const [type, flags, id] = [bytes[at + 3] ?? 0, bytes[at + 4] ?? 0, bytes.readUInt32BE(at + 5)];
    const payload = bytes.subarray(at + 9, at + 9 + length);
    assert.equal(payload.length, length, 'the output ends within a frame');
    at += 9 + length;
    assert.ok(!isClosing, `frame of type ${type} after the last GOAWAY`);
    assert.ok(block === undefined || type === frameType.continuation, 'a header block is not continued');
    if (type === frameType.goAway) isClosing = payload.readUInt32BE(4) !== errorCode.noError;
    if (id === 0) continue;
    const response = responses.get(id) ?? { blocks: [], parts: [], end: 'open' };
    if (type === frameType.rstStream) {
      if (response.end !== 'END_STREAM') responses.set(id, { ...response, end: 'RST_STREAM' });
      continue;
    }
    if (type === frameType.windowUpdate) continue;
    responses.set(id, response);
    assert.equal(response.end, 'open', `frame of type ${type} after the end of stream ${id}`);
    if (type === frameType.data) {
      assert.ok(response.blocks.length > 0, 'DATA comes before HEADERS');
      response.parts.push(payload);
    } else {
      block = Buffer.concat([block ?? Buffer.alloc(0), payload]);
      if ((flags & flag.endHeaders) !== 0) {
        const fields: string[] = [];
        decoder.decode(block, 0, block.length, ({ name, value }) => void fields.push(`${name}: ${value}`));
        response.blocks.push(fields.join(', '));
        block = undefined;
      }
    }
    if (type !== frameType.continuation && (flags & flag.endStream) !== 0) response.end = 'END_STREAM';
  }
  return new Map(
    [...responses].map(([id, { blocks, parts, end }]) => [id, { blocks, body: Buffer.concat(parts), end }]),
  );
}
