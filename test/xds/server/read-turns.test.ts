import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { createReadTurns } from '../../../src/xds/server/read-turns.ts';
import type { TurnReader } from '../../../src/xds/server/read-turns.ts';

interface Reader extends TurnReader {
  isPaused: boolean;
  recounts: number;
}

function newReader(): Reader {
  return {
    isPaused: false,
    recounts: 0,
    pauseReading() {
      this.isPaused = true;
    },
    resumeReading() {
      this.isPaused = false;
    },
    recount() {
      this.recounts += 1;
    },
  };
}

/** Turns with a clock that advances by hand, or with the timers. */
function start(t: TestContext) {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let now = 1_000;
  const turns = createReadTurns(() => now);
  const wait = (ms: number): void => {
    for (let elapsed = 0; elapsed < ms; elapsed += 1) {
      now += 1;
      t.mock.timers.tick(1);
    }
  };
  return {
    turns,
    wait,
    /** Has a request take time on the event loop, which no timer interrupts. */
    request: (connection: object, reader: Reader, ms: number): void => {
      now += ms;
      turns.spent(connection, reader, ms);
    },
    join: (connection: object = {}): { connection: object; reader: Reader } => {
      const reader = newReader();
      turns.join(connection, reader);
      return { connection, reader };
    },
  };
}

suite('read turns', () => {
  test('requests without end: their connection is paused, and no other', (t) => {
    const { request, join } = start(t);
    const [flood, honest] = [join(), join()];
    for (let count = 0; count < 10; count += 1) {
      if (!flood.reader.isPaused) request(flood.connection, flood.reader, 20);
      request(honest.connection, honest.reader, 0.3);
    }
    assert.equal(flood.reader.isPaused, true);
    assert.equal(honest.reader.isPaused, false);
  });

  for (const offset of [0, 50, 99])
    test(`requests of 1 ms without end, from ${offset} ms of a window on: their connection is paused`, (t) => {
      const { request, join, wait } = start(t);
      const [flood, honest] = [join(), join()];
      wait(offset);
      for (let count = 0; count < 100 && !flood.reader.isPaused; count += 1)
        request(flood.connection, flood.reader, 1);
      request(honest.connection, honest.reader, 0.3);
      assert.equal(flood.reader.isPaused, true);
      assert.equal(honest.reader.isPaused, false);
    });

  test('time taken while all requests are within their share: does not count later', (t) => {
    const { request, join, wait } = start(t);
    const [early, flood] = [join(), join()];
    for (let count = 0; count < 8; count += 1) {
      request(early.connection, early.reader, 1);
      wait(1);
    }
    for (let count = 0; count < 2; count += 1) request(flood.connection, flood.reader, 20);
    request(early.connection, early.reader, 1);
    assert.deepEqual([early.reader.isPaused, flood.reader.isPaused], [false, true]);
  });

  test('many connections with one request each: none is paused, however much they take together', (t) => {
    const { request, join } = start(t);
    const all = Array.from({ length: 2_000 }, () => join());
    for (const { connection, reader } of all) request(connection, reader, 0.5);
    assert.deepEqual(
      all.filter(({ reader }) => reader.isPaused),
      [],
    );
  });

  test('16 connections with requests without end: they take half of the time, in turns', (t) => {
    const { request, join, wait } = start(t);
    const all = Array.from({ length: 16 }, () => ({ ...join(), used: 0 }));
    let elapsed = 0;
    while (elapsed < 10_000) {
      for (const flood of all) {
        if (flood.reader.isPaused) continue;
        request(flood.connection, flood.reader, 3);
        flood.used += 3;
        elapsed += 3;
      }
      wait(1);
      elapsed += 1;
    }
    const total = all.reduce((sum, { used }) => sum + used, 0);
    assert.ok(total < 5_500 && total > 4_000, `${total} ms of 10 s`);
    for (const { used } of all) assert.ok(used > total / 20 && used < total / 12, `${used} of ${total} ms`);
  });

  test('streams of a paused connection: also new ones wait, and all resume', (t) => {
    const { request, join, wait, turns } = start(t);
    const flood = join();
    for (let count = 0; count < 10; count += 1) request(flood.connection, flood.reader, 20);
    turns.leave(flood.connection, flood.reader);
    const next = join(flood.connection);
    assert.equal(next.reader.isPaused, true);
    wait(1_000);
    assert.equal(next.reader.isPaused, false);
    assert.ok(next.reader.recounts > 0, 'what waits unread is counted');
  });
});
