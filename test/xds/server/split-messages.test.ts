import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from '../../kit/fast-check.ts';
import { concat, field } from '../../../src/xds/wire/write.ts';
import { heldBy, splitMessages } from '../../../src/xds/server/split-messages.ts';
import type { LeftOver } from '../../../src/xds/server/split-messages.ts';

function framed(message: Uint8Array): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}

interface Outcome {
  readonly messages: readonly string[];
  readonly tooLong: readonly number[];
  readonly leftOver: LeftOver | undefined;
}

/** Splits the chunks. The unwanted field is omitted after the first message. */
function split(chunks: readonly Uint8Array[], limit = 1_000_000, unwanted?: number): Outcome {
  const messages: string[] = [];
  const tooLong: number[] = [];
  let leftOver: LeftOver | undefined;
  for (const chunk of chunks) {
    leftOver = splitMessages(leftOver, Buffer.from(chunk), limit, {
      get unwanted() {
        return messages.length === 0 ? undefined : unwanted;
      },
      message: (bytes) => void messages.push(bytes.toString('hex')),
      tooLong: (length) => void tooLong.push(length),
    });
  }
  return { messages, tooLong, leftOver };
}

const cuts = fc.array(fc.nat(), { maxLength: 12 });

function cut(bytes: Buffer, places: readonly number[]): readonly Buffer[] {
  const sorted = places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b);
  return [...sorted, bytes.length].map((end, index) => bytes.subarray(sorted[index - 1] ?? 0, end));
}

suite('messages in chunks', () => {
  test('chunks of any size: messages are complete and in order', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), cuts, (messages, places) => {
        const chunks = cut(Buffer.concat(messages.map(framed)), places);
        const expected = messages.map((message) => Buffer.from(message).toString('hex'));
        assert.deepEqual(split(chunks), { messages: expected, tooLong: [], leftOver: undefined });
      }),
    );
  });

  test('unwanted field: is omitted at most, and only after the first message', () => {
    const part = fc.uint8Array({ maxLength: 200 });
    fc.assert(
      fc.property(fc.array(fc.tuple(part, part, part)), cuts, (parts, places) => {
        const whole = parts.map(([a, b, c]) => concat([field(1, a), field(2, b), field(3, c)]));
        const without = parts.map(([a, , c]) => concat([field(1, a), field(3, c)]));
        const { messages, leftOver } = split(cut(Buffer.concat(whole.map(framed)), places), undefined, 2);
        assert.equal(leftOver, undefined);
        assert.equal(messages.length, parts.length);
        for (const [index, message] of messages.entries()) {
          const all = Buffer.from(whole[index] ?? []).toString('hex');
          const less = Buffer.from(without[index] ?? []).toString('hex');
          assert.ok(message === all || (index > 0 && message === less), message);
        }
      }),
    );
  });

  test('unwanted field in many chunks: is not kept in memory', () => {
    const small = framed(field(3, Buffer.from('first')));
    const large = framed(concat([field(1, Buffer.alloc(60_000)), field(3, Buffer.from('rest'))]));
    const { leftOver } = split(
      [small, large.subarray(0, 16_384), large.subarray(16_384, 49_152)],
      100_000,
      1,
    );
    assert.equal(leftOver?.kind, 'body');
    assert.deepEqual(leftOver?.kind === 'body' && leftOver.parts, []);
    const { messages } = split([small, large.subarray(0, 16_384), large.subarray(16_384)], 100_000, 1);
    assert.equal(messages[1], Buffer.from(field(3, Buffer.from('rest'))).toString('hex'));
  });

  test('unwanted field longer than its message: is kept, for the decoder to reject', () => {
    const small = framed(Buffer.alloc(0));
    const broken = Buffer.concat([Buffer.from('0aff7f', 'hex'), Buffer.alloc(100)]);
    const { messages } = split([small, framed(broken).subarray(0, 50), framed(broken).subarray(50)], 1000, 1);
    assert.equal(messages[1], broken.toString('hex'));
  });

  test('message above the limit: is rejected by its length', () => {
    const { messages, tooLong } = split(
      [Buffer.concat([framed(Buffer.alloc(10)), framed(Buffer.alloc(11))])],
      10,
    );
    assert.equal(messages.length, 1);
    assert.deepEqual(tooLong, [11]);
  });

  test('incomplete message: what is kept takes no more memory than is counted', () => {
    // A frame of a quarter of the buffer that it arrived in.
    const read = new ArrayBuffer(65_536);
    const first = Buffer.from(read, 0, 16_384);
    first.writeUInt32BE(60_000, 1);
    const sink = { unwanted: undefined, message: () => assert.fail(), tooLong: () => assert.fail() };
    let leftOver = splitMessages(undefined, first, 100_000, sink);
    for (let count = 0; count < 2; count += 1) {
      leftOver = splitMessages(leftOver, Buffer.from(new ArrayBuffer(65_536), 100, 16_384), 100_000, sink);
    }
    const parts = leftOver?.kind === 'body' ? leftOver.parts : assert.fail();
    const kept = new Set(parts.map(({ buffer }) => buffer));
    const memory = [...kept].reduce((sum, { byteLength }) => sum + byteLength, 0);
    assert.ok(memory <= heldBy(leftOver), `${memory} bytes, ${heldBy(leftOver)} counted`);
  });
});
