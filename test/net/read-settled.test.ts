import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { readSettled } from '../../src/net/read-settled.ts';
import type { SettledReading } from '../../src/net/read-settled.ts';

/** Returns the result of readings that are their numbers, from 1, with 0 in force. */
function read(
  isUsable: (reading: number) => boolean,
  next = (reading: number): number => reading,
): Promise<SettledReading<number>> {
  let readings = 0;
  return readSettled({
    read: () => Promise.resolve(next((readings += 1))),
    isSame: (one, other) => one === other,
    isInForce: (reading) => reading === 0,
    isUsable,
    isClosed: () => false,
    longestUnrestMs: 250,
  });
}

suite('reading that has to settle', () => {
  test('content in force: is returned at once', async () => {
    const never = (): never => assert.fail();
    assert.deepEqual(await read(never, () => 0), { reading: 0, isRestless: false, isGivenUp: false });
  });

  test('content that stays the same: is returned, even if it cannot be used', async () => {
    assert.deepEqual(
      await read(
        () => false,
        (reading) => Math.min(reading, 2),
      ),
      {
        reading: 2,
        isRestless: false,
        isGivenUp: false,
      },
    );
  });

  test('content that never stays the same: the first usable reading after the longest time', async () => {
    const asked: number[] = [];
    const { reading, isRestless, isGivenUp } = await read((one) => {
      asked.push(one);
      return asked.length === 2;
    });
    assert.deepEqual([isRestless, isGivenUp, reading], [true, false, asked[1]]);
  });

  test('no usable reading in twice the longest time: the last reading, given up', async () => {
    const asked: number[] = [];
    const { reading, isRestless, isGivenUp } = await read((one) => {
      asked.push(one);
      return false;
    });
    assert.deepEqual([isRestless, isGivenUp, reading], [true, true, asked.at(-1)]);
  });
});
