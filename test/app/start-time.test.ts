import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { startTime } from '../../src/app/start-time.ts';

const hour = 3_600_000;
const recorded = Date.parse('2026-11-28T12:00:00Z');

suite('the time at which a server started', () => {
  const table: Readonly<Record<string, readonly [wall: number, expected: number]>> = {
    'the clock was not set since: the recorded time': [recorded + hour, recorded],
    'the clock was corrected by some seconds: the recorded time': [recorded + hour + 59_000, recorded],
    'the clock was set forward: one hour ago': [recorded + 3 * hour, recorded + 2 * hour],
    'the clock was at 1970 at the start: one hour ago': [recorded * 2, recorded * 2 - hour],
    'the clock was set back: one hour ago': [recorded - hour, recorded - 2 * hour],
  };
  for (const [what, [wall, expected]] of Object.entries(table))
    test(what, () => assert.equal(startTime({ recorded, wall, upMs: hour }), expected));
});
