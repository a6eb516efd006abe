import assert from 'node:assert/strict';
import { mock, suite, test } from 'node:test';
import { Deadlines, removeDeadline } from '../../src/transport/deadlines.ts';
import type { LimitedCall } from '../../src/transport/deadlines.ts';

interface Rig extends Disposable {
  readonly ended: string[];
  /** Starts a call with a limit, in ms. */
  start(name: string, ms: number, onEnd?: () => void): LimitedCall;
  pass(ms: number): void;
}

function rig(): Rig {
  mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  let now = 100;
  const deadlines = new Deadlines(() => now);
  const ended: string[] = [];
  return {
    ended,
    start(name, ms, onEnd) {
      const call: LimitedCall = {
        exceeded() {
          removeDeadline(call);
          ended.push(name);
          onEnd?.();
        },
      };
      deadlines.add(call, ms);
      return call;
    },
    pass(ms) {
      for (let left = ms; left > 0; left -= 1) {
        now += 1;
        mock.timers.tick(1);
      }
    },
    [Symbol.dispose]: () => mock.timers.reset(),
  };
}

suite('deadlines', () => {
  test('time below 2 s: is exact', () => {
    using clock = rig();
    clock.start('call', 1999);
    clock.pass(1998);
    assert.deepEqual(clock.ended, []);
    clock.pass(1);
    assert.deepEqual(clock.ended, ['call']);
  });

  test('longer time: ends not before, and at most half a second later', () => {
    using clock = rig();
    for (const ms of [2000, 2001, 2249, 2250, 3000]) clock.start(String(ms), ms);
    clock.pass(1999);
    assert.deepEqual(clock.ended, []);
    clock.pass(501);
    assert.deepEqual(clock.ended.slice(0, 1), ['2000']);
    clock.pass(1000);
    assert.deepEqual(clock.ended, ['2000', '2001', '2249', '2250', '3000']);
  });

  test('call is over: does not end, nor does it keep others from ending', () => {
    using clock = rig();
    for (const ms of [1000, 5000]) removeDeadline(clock.start('over', ms));
    clock.start('call', 5000);
    clock.pass(6000);
    assert.deepEqual(clock.ended, ['call']);
  });

  test('end of a call that removes the next one: all others end', () => {
    using clock = rig();
    const others: LimitedCall[] = [];
    clock.start('first', 5000, () => others.forEach(removeDeadline));
    others.push(clock.start('second', 5000));
    clock.start('third', 5000);
    clock.pass(6000);
    assert.deepEqual(clock.ended, ['first', 'third']);
  });

  test('no calls any more: later ones end, too', () => {
    using clock = rig();
    removeDeadline(clock.start('over', 2000));
    clock.pass(10_000);
    clock.start('call', 2000);
    clock.pass(2500);
    assert.deepEqual(clock.ended, ['call']);
  });
});
