import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createBuildTimer } from '../../src/runtime/build-timer.ts';
import { createFakeClock } from '../kit/fake-clock.ts';

/** Creates a timer that records the request time of each build, relative to its creation. */
function rig(): {
  clock: ReturnType<typeof createFakeClock>;
  timer: ReturnType<typeof createBuildTimer>;
  builds: number[];
} {
  const clock = createFakeClock();
  const origin = clock.wall();
  const builds: number[] = [];
  const timer = createBuildTimer(clock, () => builds.push(timer.begin().since - origin));
  return { clock, timer, builds };
}

suite('build timer', () => {
  test('several requests after a build: one build, since the first of them', () => {
    const { clock, timer, builds } = rig();
    timer.request();
    clock.advance(0);
    assert.deepEqual(builds, [0]);
    clock.advance(20);
    timer.request();
    assert.equal(timer.isRequested, true);
    clock.advance(20);
    timer.request();
    clock.advance(10);
    assert.deepEqual(builds, [0, 20]);
    assert.equal(timer.isRequested, false);
  });

  test('request after a build: waits for the pace of a burst', () => {
    const { clock, timer, builds } = rig();
    timer.request();
    clock.advance(1);
    timer.request();
    clock.advance(48);
    assert.deepEqual(builds, [0]);
    clock.advance(1);
    assert.deepEqual(builds, [0, 1]);
  });

  test('request after a pause: a build in the next turn', () => {
    const { clock, timer, builds } = rig();
    timer.request();
    clock.advance(50);
    timer.request();
    assert.deepEqual(builds, [0]);
    clock.advance(0);
    assert.deepEqual(builds, [0, 50]);
  });

  test('due time without a request: build, since now', () => {
    const { clock, timer, builds } = rig();
    timer.sleep({ deadlines: [clock.monotonic() + 300], dates: [] });
    clock.advance(299);
    assert.deepEqual(builds, []);
    clock.advance(1);
    assert.deepEqual(builds, [300]);
  });

  test('new due times: the earlier ones no longer count', () => {
    const { clock, timer, builds } = rig();
    timer.sleep({ deadlines: [clock.monotonic() + 100], dates: [] });
    timer.sleep({ deadlines: [clock.monotonic() + 200], dates: [] });
    clock.advance(150);
    assert.deepEqual(builds, []);
    clock.advance(50);
    assert.deepEqual(builds, [200]);
  });

  test('build for a due time: serves the request that waits, too', () => {
    const { clock, timer, builds } = rig();
    timer.request();
    clock.advance(1);
    timer.sleep({ deadlines: [clock.monotonic() + 10], dates: [] });
    timer.request();
    clock.advance(10);
    assert.deepEqual(builds, [0, 1]);
    clock.advance(100);
    assert.deepEqual(builds, [0, 1]);
  });

  test('closed: neither request nor due time builds', () => {
    const { clock, timer, builds } = rig();
    timer.request();
    timer.sleep({ deadlines: [clock.monotonic() + 10], dates: [] });
    timer.close();
    clock.advance(1000);
    assert.deepEqual(builds, []);
  });
});
