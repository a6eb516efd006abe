import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createGate } from '../../../src/xds/server/gate.ts';
import type { Gate } from '../../../src/xds/server/gate.ts';

/** Returns streams of one connection that record their number when they are opened. */
function connectionOf(gate: Gate, address: string, opened: string[], refused: string[] = []) {
  const connection = {};
  return (name: string): void =>
    gate.enter({
      address,
      connection,
      open: () => void opened.push(name),
      refuse: () => void refused.push(name),
    });
}

suite('gate with a rate for each connection', () => {
  test('connection above its rate: waits, others do not', (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    const opened: string[] = [];
    const [rate, connectionRate] = [
      { perSecond: 1_000, burst: 1_000 },
      { perSecond: 1, burst: 2 },
    ];
    const gate = createGate({ rate, connectionRate, clock: () => 0, changed: () => undefined });
    const [flood, other] = [connectionOf(gate, 'a', opened), connectionOf(gate, 'a', opened)];
    for (const name of ['1', '2', '3', '4']) flood(name);
    other('new');
    assert.deepEqual(opened, ['1', '2', 'new']);
    assert.equal(gate.waiting, 2);
  });

  test('connection above its rate, for seconds: uses up none of the burst of others', (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    let now = 0;
    const opened: string[] = [];
    const [rate, connectionRate] = [
      { perSecond: 10, burst: 50 },
      { perSecond: 1, burst: 1 },
    ];
    const gate = createGate({ rate, connectionRate, clock: () => now, changed: () => undefined });
    const flood = connectionOf(gate, 'a', []);
    for (let count = 0; count < 100; count += 1) flood('flood');
    for (; now < 10_000; now += 20) t.mock.timers.tick(20);
    for (let count = 0; count < 45; count += 1) connectionOf(gate, 'b', opened)(`${count}`);
    assert.equal(opened.length, 45);
  });

  test('waiting streams: are opened at the shared rate, addresses in turn', (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    let now = 0;
    const [opened, refused]: [string[], string[]] = [[], []];
    const gate = createGate({ rate: { perSecond: 1, burst: 1 }, clock: () => now, changed: () => undefined });
    const [flood, other] = [
      connectionOf(gate, 'a', opened, refused),
      connectionOf(gate, 'b', opened, refused),
    ];
    for (const name of ['1', '2', '3']) flood(name);
    other('new');
    for (const second of [1, 2]) {
      now = second * 1_000;
      t.mock.timers.tick(20);
    }
    assert.deepEqual(opened, ['1', '2', 'new']);
    gate.close();
    assert.deepEqual([refused, gate.waiting], [['3'], 0]);
  });
});
