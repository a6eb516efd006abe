import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { HeldMessages } from '../../src/transport/held-messages.ts';
import * as fc from '../kit/fast-check.ts';

suite('messages that wait for a handler', () => {
  test('no message: take returns undefined', () => {
    const held = new HeldMessages();
    assert.equal(held.take(), undefined);
    assert.equal(held.bytes, 0);
  });

  test('message whose buffer is used again: keeps its bytes', () => {
    const held = new HeldMessages();
    const shared = Buffer.from('first');
    held.add(shared);
    shared.fill('x');
    const taken = held.take();
    held.add(Buffer.from('other'));
    assert.equal(taken?.toString(), 'first');
  });

  test('any order of adding and taking: first in, first out, and 4 bytes for each beside its own', () => {
    const step = fc.option(fc.uint8Array({ maxLength: 600 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const held = new HeldMessages();
        const expected: Uint8Array[] = [];
        for (const message of steps) {
          if (message === null) assert.deepEqual(held.take(), bufferOf(expected.shift()));
          else {
            held.add(message);
            expected.push(message);
          }
          assert.equal(
            held.bytes,
            expected.reduce((sum, { length }) => sum + 4 + length, 0),
          );
        }
      }),
    );
  });

  test('cleared: all are gone', () => {
    const held = new HeldMessages();
    held.add(Buffer.from('a'));
    held.clear();
    assert.deepEqual([held.bytes, held.take()], [0, undefined]);
  });
});

function bufferOf(bytes: Uint8Array | undefined): Buffer | undefined {
  return bytes && Buffer.from(bytes);
}
