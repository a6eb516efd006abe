import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from '../../kit/fast-check.ts';
import { MessageBounds } from '../../../src/xds/server/message-bounds.ts';
import { splitMessages } from '../../../src/xds/server/split-messages.ts';
import type { LeftOver } from '../../../src/xds/server/split-messages.ts';

suite('message bounds', () => {
  test('chunks of any size: a message is incomplete exactly when the splitter has a part of it', () => {
    const sink = { unwanted: undefined, message: () => undefined, tooLong: () => assert.fail() };
    const messages = fc.array(fc.uint8Array({ maxLength: 600 }));
    const sizes = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1 });
    fc.assert(
      fc.property(messages, sizes, (bodies, lengths) => {
        const bytes = Buffer.concat(
          bodies.flatMap((body) => {
            const header = Buffer.alloc(5);
            header.writeUInt32BE(body.length, 1);
            return [header, body];
          }),
        );
        const bounds = new MessageBounds();
        let leftOver: LeftOver | undefined;
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const length = lengths[turn % lengths.length] ?? 1;
          const chunk = bytes.subarray(at, at + length);
          at += length;
          bounds.read(chunk);
          leftOver = splitMessages(leftOver, chunk, 1_000, sink);
          assert.equal(bounds.held > 0, leftOver !== undefined);
          if (leftOver?.kind === 'body') assert.ok(bounds.held >= leftOver.held);
        }
        assert.equal(bounds.held, 0);
      }),
    );
  });
});
