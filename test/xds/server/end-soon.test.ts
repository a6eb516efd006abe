import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { endSoon } from '../../../src/xds/server/end-soon.ts';

suite('streams that end soon', () => {
  test('several in one turn: end in order, in one later turn', async () => {
    const events: string[] = [];
    const streamOf = (name: string) => ({ endHalfClosed: () => events.push(name) });
    endSoon(streamOf('a'));
    // Runs between the turns of two immediates, as the work that writes does.
    setImmediate(() => process.nextTick(() => events.push('written')));
    endSoon(streamOf('b'));
    assert.deepEqual(events, []);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(events, ['a', 'b', 'written']);
  });

  test('stream that is added while others end: ends in a further turn', async () => {
    const events: string[] = [];
    endSoon({
      endHalfClosed() {
        events.push('a');
        endSoon({ endHalfClosed: () => events.push('b') });
      },
    });
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(events, ['a']);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(events, ['a', 'b']);
  });
});
