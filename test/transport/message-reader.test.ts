import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from '../kit/fast-check.ts';
import { MessageBuffers } from '../../src/transport/message-buffers.ts';
import { MessageReader, createBudget } from '../../src/transport/message-reader.ts';
import { parseTimeout } from '../../src/transport/timeout.ts';
import { framed } from './rig.ts';

/** Reads a body in parts. Each part has a buffer that is overwritten after it was read. */
function readInParts(body: Buffer, cuts: readonly number[], limit = 1000, skip?: readonly [number, number]) {
  const messages: string[] = [];
  const problems: string[] = [];
  const budget = createBudget(1_000_000);
  const reader = new MessageReader(limit, budget, new MessageBuffers(), {
    message: (bytes) => void messages.push(bytes.toString('latin1')),
    unreadable: (reason) => void problems.push(reason),
    unwanted: () => (skip === undefined ? undefined : { start: skip[0], end: skip[1] }),
  });
  const ends = [...cuts.map((cut) => cut % (body.length + 1)), body.length].sort((a, b) => a - b);
  let at = 0;
  for (const end of ends) {
    const part = Buffer.from(body.subarray(at, end));
    reader.read(part, 0, part.length);
    part.fill(0xee);
    at = end;
  }
  reader.stop();
  return { messages, problems, isBudgetFree: budget.take(1_000_000) };
}

suite('message reader', () => {
  test('messages that are split anywhere: are read unchanged, and the budget is free again', () => {
    const word = fc.stringMatching(/^[a-z]{0,300}$/);
    fc.assert(
      fc.property(fc.array(word, { maxLength: 5 }), fc.array(fc.nat(2000)), (words, cuts) => {
        const read = readInParts(Buffer.concat(words.map((each) => framed(each))), cuts);
        assert.deepEqual(read, { messages: words, problems: [], isBudgetFree: true });
      }),
    );
  });

  test('unwanted range: is omitted from messages that arrive in parts', () => {
    const { messages } = readInParts(framed('abcdefghij'), [7, 9], 1000, [1, 8]);
    assert.deepEqual(messages, ['aij']);
    assert.deepEqual(readInParts(framed('abcdefghij'), [], 1000, [1, 8]).messages, ['abcdefghij']);
    assert.deepEqual(readInParts(framed('abcdefghij'), [7], 1000, [1, 99]).messages, ['abcdefghij']);
  });

  test('message above the limit, or compressed: is unreadable, and nothing after it is read', () => {
    const body = Buffer.concat([framed('a'), framed('b'.repeat(11)), framed('c')]);
    assert.deepEqual(readInParts(body, [], 10), {
      messages: ['a'],
      problems: ['too-long'],
      isBudgetFree: true,
    });
    const compressed = Buffer.concat([framed('a'), framed('b', 1), framed('c')]);
    assert.deepEqual(readInParts(compressed, [8]).problems, ['compressed']);
  });

  test('long message of which little has arrived: uses memory for the bytes that have arrived', () => {
    const budget = createBudget(10_000);
    const problems: string[] = [];
    const reader = new MessageReader(4_000_000_000, budget, new MessageBuffers(), {
      message: () => undefined,
      unreadable: (reason) => void problems.push(reason),
    });
    const start = Buffer.alloc(1005);
    start.writeUInt32BE(3_000_000_000, 1);
    reader.read(start, 0, start.length);
    assert.ok(reader.heldBytes <= 4096);
    assert.deepEqual(problems, []);
    const more = Buffer.alloc(20_000);
    reader.read(more, 0, more.length);
    assert.deepEqual(problems, ['over-budget']);
    assert.equal(reader.heldBytes, 0);
  });
});

test('message in two parts: uses no more memory than its length, rounded up to 4 KiB', () => {
  const reader = new MessageReader(1_000_000, createBudget(1_000_000), new MessageBuffers(), {
    message: () => undefined,
    unreadable: () => assert.fail(),
  });
  const bytes = framed('x'.repeat(41_000));
  reader.read(bytes, 0, 30_000);
  reader.read(bytes, 30_000, 40_000);
  assert.equal(reader.heldBytes, 45_056);
});

suite('buffers of messages in parts', () => {
  /** Reads a message in two parts, and returns the memory that it was in. */
  function read(buffers: MessageBuffers, length: number): ArrayBufferLike {
    let memory: ArrayBufferLike | undefined;
    const reader = new MessageReader(1_000_000, createBudget(1_000_000), buffers, {
      message(bytes) {
        assert.equal(bytes.toString('latin1'), 'x'.repeat(length));
        memory = bytes.buffer;
      },
      unreadable: () => assert.fail(),
    });
    const bytes = framed('x'.repeat(length));
    reader.read(bytes, 0, 30_000);
    reader.read(bytes, 30_000, bytes.length);
    return memory ?? assert.fail();
  }

  test('first requests of 61 KB, one after the other: use the same memory', () => {
    const buffers = new MessageBuffers();
    const first = read(buffers, 61_200);
    assert.equal(read(buffers, 61_300), first);
  });

  test('messages above 64 KiB: use memory of their own', () => {
    const buffers = new MessageBuffers();
    assert.notEqual(read(buffers, 70_000), read(buffers, 70_000));
  });

  test('many unused buffers of one length: leave room for those of another', () => {
    const buffers = new MessageBuffers();
    const taken = Array.from({ length: 300 }, () => buffers.take(8192));
    for (const buffer of taken) buffers.giveBack(buffer);
    const first = read(buffers, 61_200);
    assert.equal(read(buffers, 61_200), first);
  });

  test('buffer: is passed to the test mode once its message has been read, and when a reader stops', () => {
    const overwritten: Buffer[] = [];
    const buffers = new MessageBuffers((bytes) => void overwritten.push(bytes));
    const memory = read(buffers, 61_200);
    assert.ok(overwritten.some(({ buffer }) => buffer === memory));
    overwritten.length = 0;
    const reader = new MessageReader(1_000_000, createBudget(1_000_000), buffers, {
      message: () => assert.fail(),
      unreadable: () => assert.fail(),
    });
    reader.read(framed('x'.repeat(61_200)), 0, 30_000);
    reader.stop();
    assert.equal(overwritten.length, 1);
  });
});

suite('grpc-timeout', () => {
  for (const [text, ms] of [
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['3S', 3_000],
    ['4m', 4],
    ['5u', 0.005],
    ['6n', 0.000006],
    ['99999999S', 99_999_999_000],
    ['', undefined],
    ['S', undefined],
    ['123456789S', undefined],
    ['-1S', undefined],
    ['1.5S', undefined],
    ['1s', undefined],
  ] as const) {
    test(`${JSON.stringify(text)}: is ${ms} ms`, () => assert.equal(parseTimeout(text), ms));
  }
});
