import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ResponseMessages } from '../../bench/fanout/response-messages.ts';
import { framed } from '../transport/rig.ts';

/** Reads a body in parts of at most `chunk` bytes, which are overwritten afterwards. Returns the messages. */
function read(body: Buffer, chunk: number): readonly string[] {
  const messages: string[] = [];
  const reader = new ResponseMessages((source, from, to) =>
    messages.push(source.toString('latin1', from, to)),
  );
  for (let at = 0; at < body.length; at += chunk) {
    const part = Buffer.from(body.subarray(at, at + chunk));
    reader.read(part, 0, part.length);
    part.fill(0xee);
  }
  return messages;
}

suite('messages of a response', () => {
  const messages = ['one', '', 'x'.repeat(300), 'last', ''];
  const body = Buffer.concat(messages.map((message) => framed(message)));
  for (const chunk of [1, 2, 3, 5, 6, 64, body.length])
    test(`body in parts of ${chunk} bytes: each message is passed on once`, () => {
      assert.deepEqual(read(body, chunk), messages);
    });

  test('incomplete message: is not passed on', () => {
    assert.deepEqual(read(body.subarray(0, -1), 50), messages.slice(0, -1));
  });

  test('incomplete messages of two readers: do not share a buffer', () => {
    const got: string[] = [];
    const [a, b] = [1, 2].map(
      () => new ResponseMessages((source, from, to) => got.push(source.toString('latin1', from, to))),
    );
    const [first, second] = [framed('a'.repeat(50)), framed('b'.repeat(40))];
    a?.read(first, 0, 20);
    b?.read(second, 0, 20);
    a?.read(first, 20, first.length);
    b?.read(second, 20, second.length);
    a?.read(second, 0, 20);
    b?.read(first, 0, 20);
    a?.read(second, 20, second.length);
    b?.read(first, 20, first.length);
    const [long, short] = ['a'.repeat(50), 'b'.repeat(40)];
    assert.deepEqual(got, [long, short, short, long]);
  });

  test('compressed message: is an error', () => {
    assert.throws(() => read(framed('x', 1), 100), /compressed/);
    assert.throws(() => read(framed('x', 1), 1), /compressed/);
  });
});
