import assert from 'node:assert/strict';
import { test } from 'node:test';
import { followServerTime, serverTime } from '../../src/page/server-time.ts';

const local = Date.UTC(2026, 10, 23, 12);
const header = (time: number): string => new Date(time).toUTCString();

test('clock of the browser is wrong: the page has the time of the server', () => {
  followServerTime(header(local + 90_000), local);
  assert.equal(serverTime(local), local + 90_000);
  followServerTime(header(local - 3_600_000), local);
  assert.equal(serverTime(local), local - 3_600_000);
});

test('clocks differ by less than the precision of the header: no correction', () => {
  followServerTime(header(local + 1_000), local);
  assert.equal(serverTime(local), local);
});

test('response without a time: keeps the last correction', () => {
  followServerTime(header(local + 60_000), local);
  followServerTime(null, local);
  followServerTime('never', local);
  assert.equal(serverTime(local), local + 60_000);
});
