import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { sleepUntilDue, waitForBuild } from '../../src/runtime/build-timer.ts';

const hour = 3_600_000;

suite('wait for a build', () => {
  for (const [name, now, lastBuild, expected] of [
    ['no build before: not at all', 1000, -Infinity, 0],
    ['last build in this millisecond: 50 ms', 1000, 1000, 50],
    ['last build 20 ms ago: the rest of 50 ms', 1020, 1000, 30],
    ['last build 48 ms ago: 2 ms', 1048, 1000, 2],
    ['last build 49 ms ago: 1 ms', 1049, 1000, 1],
    ['last build 50 ms ago: not at all', 1050, 1000, 0],
    ['last build an hour ago: not at all', hour, 0, 0],
  ] as const) {
    test(name, () => assert.equal(waitForBuild(now, lastBuild), expected));
  }
});

suite('sleep until something is due', () => {
  const [now, wall] = [5_000, 1_700_000_000_000];
  for (const [name, due, expected] of [
    ['nothing is due: an hour', { deadlines: [], dates: [] }, hour],
    ['no due time is known: an hour', { deadlines: [undefined], dates: [undefined, undefined] }, hour],
    ['a deadline: by the monotonic clock', { deadlines: [undefined, now + 700], dates: [] }, 700],
    ['a date: by the wall clock', { deadlines: [], dates: [wall + 900] }, 900],
    ['deadline before date: the deadline', { deadlines: [now + 10], dates: [wall + 20] }, 10],
    ['date before deadline: the date', { deadlines: [now + 20], dates: [wall + 30, wall + 10] }, 10],
    ['more than an hour away: an hour', { deadlines: [now + hour + 1], dates: [wall + 2 * hour] }, hour],
    ['due now: 1 ms', { deadlines: [now], dates: [] }, 1],
    ['due in the past: 1 ms', { deadlines: [], dates: [wall - hour] }, 1],
  ] as const) {
    test(name, () => assert.equal(sleepUntilDue(now, wall, due), expected));
  }
});
