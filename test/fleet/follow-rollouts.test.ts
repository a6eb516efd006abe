import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { followRollouts } from '../../src/fleet/follow-rollouts.ts';
import type { FleetLook } from '../../src/fleet/fleet.ts';
import type { GoneLimits } from '../../src/fleet/gone-list.ts';
import type { Rollout } from '../../src/fleet/rollout.ts';
import { createFakeClock } from '../kit/fake-clock.ts';
import { scene, statesOf, streamOf } from './scene.ts';

const [a, b] = [streamOf(1, 'a'), streamOf(2, 'b')];

/** Creates a follower of a fleet whose replies can be delayed. */
function following(limits?: Partial<GoneLimits>) {
  const all = scene(limits);
  const clock = createFakeClock(all.now());
  const converged: (Rollout & { readonly gaveUp: number })[] = [];
  const losses: string[] = [];
  const progress: string[] = [];
  let held: PromiseWithResolvers<void> | undefined;
  let looks = 0;
  let complete = true;
  const failures: string[] = [];
  let failing: Error | undefined;
  let acked: (() => void) | undefined;
  const follower = followRollouts({
    fleet: {
      history: all.history,
      release: () => assert.fail('no other server has it'),
      look: async (): Promise<FleetLook> => {
        looks += 1;
        await held?.promise;
        if (failing !== undefined) throw failing;
        return { ...all.look(), complete };
      },
      whenAcked: (callback) => (acked = callback),
    },
    clock,
    onConverged: (rollout, gaveUp) => converged.push({ ...rollout, gaveUp }),
    onLost: ({ kind, proxies, unlisted }) =>
      losses.push(
        `${kind}: ${proxies.map(({ record, version }) => `${record.node} ${version}`).join(', ') || `${unlisted} without names`}`,
      ),
    onFailed: (error) => failures.push(String(error)),
    onProgress: ({ current, states }) =>
      progress.push(`${current.version} ${states.synced}/${states.pending}`),
  });
  /** Advances the clock and waits until due callbacks have run. */
  const pass = async (milliseconds: number): Promise<void> => {
    all.pass(milliseconds);
    clock.advance(milliseconds);
    await turn();
  };
  const serve = (version: string): void => {
    all.publish(statesOf({ ALL: version }));
    follower.changed(['default']);
  };
  return {
    ...all,
    clock,
    converged,
    losses,
    progress,
    follower,
    pass,
    serve,
    takes: (who: typeof a, version: string): void => {
      all.sent(who, version);
      all.acks(who, version);
    },
    looks: () => looks,
    /** The proxies seem to have acknowledged the change. */
    acked: (): void => acked?.(),
    failures,
    /** Sets the error with which polls fail. */
    fail: (error: Error | undefined): void => void (failing = error),
    /** Sets whether a worker does not answer. */
    silence: (isSilent: boolean): void => void (complete = !isSilent),
    hold: () => {
      held = Promise.withResolvers();
      return held.resolve;
    },
  };
}

suite('followed roll-out', () => {
  test('last proxy acknowledges: the roll-out is done at that time', async () => {
    const { asks, takes, converged, now, pass, serve } = following();
    for (const stream of [a, b]) asks(stream);
    serve('v1');
    await pass(0);
    takes(a, 'v1');
    await pass(300);
    assert.equal(converged.length, 0);
    await pass(20);
    takes(b, 'v1');
    const last = now();
    await pass(250);
    assert.deepEqual(
      converged.map(({ current, connected, convergedAt }) => [current.version, connected, convergedAt]),
      [['v1', 2, last]],
    );
  });

  test('the proxies seem to have acknowledged the change: is done at once, and polling stops', async () => {
    const { acked, asks, takes, clock, converged, pass, serve } = following();
    asks(a);
    serve('v1');
    await pass(10);
    takes(a, 'v1');
    acked();
    await pass(0);
    assert.deepEqual([converged.length, clock.pending()], [1, 0]);
    acked();
    assert.equal(clock.pending(), 0);
  });

  test('the proxies seem to have acknowledged the change, again and again: is polled each 50 ms at most', async () => {
    const { acked, asks, looks, pass, serve } = following();
    asks(a);
    serve('v1');
    acked();
    await pass(0);
    assert.equal(looks(), 1);
    acked();
    await pass(49);
    assert.equal(looks(), 1);
    await pass(1);
    assert.equal(looks(), 2);
  });

  test('the proxies seem to have acknowledged the change, but one has not: is polled as usual', async () => {
    const { acked, asks, takes, converged, looks, pass, serve } = following();
    for (const stream of [a, b]) asks(stream);
    serve('v1');
    takes(a, 'v1');
    acked();
    await pass(0);
    takes(b, 'v1');
    await pass(249);
    assert.deepEqual([looks(), converged.length], [1, 0]);
    await pass(1);
    assert.deepEqual([looks(), converged.length], [2, 1]);
  });

  test('roll-out is done: is reported once, and polling stops', async () => {
    const { clock, converged, pass, serve } = following();
    serve('v1');
    await pass(0);
    await pass(60_000);
    assert.equal(converged.length, 1);
    assert.equal(clock.pending(), 0);
  });

  test('worker does not report its proxies: not done', async () => {
    const { asks, takes, converged, pass, serve, silence } = following();
    asks(a);
    serve('v1');
    takes(a, 'v1');
    silence(true);
    await pass(5_000);
    await pass(5_000);
    assert.equal(converged.length, 0);
    silence(false);
    await pass(5_000);
    assert.equal(converged.length, 1);
  });

  test('polls that fail: are reported once, and the next one finds the end of the roll-out', async () => {
    const { converged, fail, failures, pass, serve } = following();
    fail(new Error('a worker is gone'));
    serve('v1');
    for (let polls = 0; polls < 3; polls += 1) await pass(250);
    assert.deepEqual([failures, converged.length], [['Error: a worker is gone'], 0]);
    fail(undefined);
    await pass(250);
    assert.deepEqual([failures.length, converged.length], [1, 1]);
  });

  test('newer change: replaces the older roll-out', async () => {
    const { asks, takes, converged, pass, serve } = following();
    asks(a);
    serve('v1');
    await pass(0);
    serve('v2');
    await pass(0);
    takes(a, 'v1');
    await pass(1000);
    assert.equal(converged.length, 0);
    takes(a, 'v2');
    await pass(1000);
    assert.deepEqual(
      converged.map(({ current }) => current.version),
      ['v2'],
    );
  });

  test('roll-out takes long: is polled less often', async () => {
    const { asks, looks, pass, serve } = following();
    asks(a);
    serve('v1');
    for (let second = 0; second < 10; second += 1) for (let i = 0; i < 4; i += 1) await pass(250);
    const before = looks();
    assert.ok(before >= 35 && before <= 45, String(before));
    for (let second = 0; second < 20; second += 1) await pass(1000);
    assert.ok(looks() - before <= 11, String(looks() - before));
  });

  test('changes never stop: is still polled', async () => {
    const { asks, looks, pass, serve } = following();
    asks(a);
    for (let version = 0; version < 20; version += 1) {
      serve(`v${version}`);
      await pass(50);
    }
    assert.equal(looks(), 4);
  });

  test('changes during a poll: one poll at a time', async () => {
    const { asks, takes, clock, converged, hold, looks, pass, serve } = following();
    asks(a);
    const answer = hold();
    serve('v1');
    await pass(250);
    for (const version of ['v2', 'v3', 'v4']) {
      serve(version);
      await pass(10);
    }
    assert.deepEqual([looks(), clock.pending()], [1, 0]);
    takes(a, 'v4');
    answer();
    await turn();
    assert.equal(converged.length, 1);
    assert.equal(clock.pending(), 0);
  });

  test('client watches: progress is reported', async () => {
    const { asks, takes, follower, pass, progress, serve } = following();
    asks(a);
    serve('v1');
    await pass(0);
    assert.equal(progress.length, 0);
    follower.watched(true);
    await pass(0);
    await pass(250);
    takes(a, 'v1');
    await pass(250);
    assert.deepEqual(progress, ['v1 0/1', 'v1 1/0']);
    follower.watched(false);
    await pass(2000);
    serve('v2');
    await pass(250);
    assert.equal(progress.length, 2);
  });

  test('another proxy lags, with equal counts: progress is reported', async () => {
    const { asks, takes, follower, pass, progress, serve } = following();
    for (const stream of [a, b]) asks(stream);
    serve('v1');
    takes(a, 'v1');
    follower.watched(true);
    await pass(0);
    takes(b, 'v1');
    takes(a, 'v0');
    await pass(250);
    assert.deepEqual(progress, ['v1 1/1', 'v1 1/1']);
  });

  test('closed: polling stops', async () => {
    const { asks, clock, follower, pass, serve } = following();
    asks(a);
    serve('v1');
    await pass(0);
    follower.close();
    assert.equal(clock.pending(), 0);
    serve('v2');
    assert.equal(clock.pending(), 0);
  });
});

/** Two proxies have `v1`. One acknowledges `v2`; the connection of the other ends before. */
function losing(...how: readonly 'silence'[]) {
  const scene = following();
  for (const stream of [a, b]) {
    scene.asks(stream);
    scene.takes(stream, 'v1');
  }
  scene.serve('v1');
  scene.serve('v2');
  scene.takes(b, 'v2');
  scene.leaves(a, ...how);
  return scene;
}

suite('roll-out with a lost proxy', () => {
  test('proxy is lost, returns and acknowledges: is reported once, then the roll-out converges', async () => {
    const { asks, takes, converged, losses, pass } = losing('silence');
    await pass(300);
    await pass(3_000);
    assert.deepEqual([losses, converged.length], [['lost: a v1'], 0]);
    const again = streamOf(3, 'a');
    asks(again);
    takes(again, 'v2');
    await pass(3_000);
    assert.deepEqual(
      converged.map(({ connected, gaveUp }) => [connected, gaveUp]),
      [[2, 0]],
    );
    assert.deepEqual(losses, ['lost: a v1']);
  });

  test('lost window passes: the proxy is reported as given up, and the roll-out converges', async () => {
    const { converged, losses, pass } = losing('silence');
    await pass(300);
    for (let minute = 1; minute <= 9; minute += 1) await pass(60_000);
    assert.equal(converged.length, 0);
    await pass(60_000);
    assert.deepEqual(losses, ['lost: a v1', 'expired: a v1']);
    assert.deepEqual(
      converged.map(({ current, connected, gaveUp }) => [current.version, connected, gaveUp]),
      [['v2', 1, 1]],
    );
  });

  test('proxies without a node id, lost in one moment: each is reported as given up, also if another one is connected', async () => {
    const { asks, takes, leaves, serve, converged, losses, pass } = following();
    const nameless = [5, 6, 7].map((id) => streamOf(id, ''));
    for (const stream of nameless) {
      asks(stream);
      takes(stream, 'v1');
    }
    serve('v1');
    serve('v2');
    const [first, second, connected] = nameless;
    assert.ok(first && second && connected);
    takes(connected, 'v2');
    leaves(first, 'silence');
    leaves(second, 'silence');
    await pass(300);
    for (let minute = 1; minute <= 10; minute += 1) await pass(60_000);
    assert.deepEqual(losses, ['lost:  v1,  v1', 'expired:  v1,  v1']);
    assert.deepEqual(
      converged.map(({ connected: proxies, gaveUp }) => [proxies, gaveUp]),
      [[1, 2]],
    );
  });

  test('more lost proxies than are kept by name: the number of the others is reported, also when they are given up', async () => {
    const { asks, takes, leaves, serve, silence, converged, losses, pass } = following({ counted: 1 });
    const [first, second, third, connected] = ['a', 'b', 'c', 'd'].map((node, id) => streamOf(id, node));
    assert.ok(first && second && third && connected);
    for (const stream of [first, second, third, connected]) {
      asks(stream);
      takes(stream, 'v1');
    }
    serve('v1');
    serve('v2');
    takes(connected, 'v2');
    leaves(first, 'silence');
    await pass(300);
    for (const stream of [second, third]) leaves(stream, 'silence');
    await pass(300);
    const lost = ['lost: a v1', 'lost: c v1', 'lost: 2 without names'];
    assert.deepEqual(losses.toSorted(), lost.toSorted());
    for (let minute = 1; minute <= 9; minute += 1) await pass(60_000);
    assert.deepEqual(losses.length, 3, 'each is reported once');
    silence(true);
    await pass(120_000);
    assert.ok(!losses.includes('expired: 2 without names'), 'a worker may still know them');
    silence(false);
    await pass(3_000);
    assert.deepEqual(losses.slice(3).toSorted(), ['expired: 2 without names', 'expired: c v1']);
    assert.deepEqual(
      converged.map(({ connected: proxies, gaveUp }) => [proxies, gaveUp]),
      [[1, 3]],
    );
  });

  test('proxy is back at the end of the window without an acknowledgement: is not given up', async () => {
    const { asks, converged, losses, pass } = losing('silence');
    await pass(300);
    asks(streamOf(3, 'a'));
    await pass(600_000);
    assert.deepEqual([losses, converged.length], [['lost: a v1'], 0]);
  });

  test('another server has the proxy: the roll-out converges, without a report', async () => {
    const { converged, losses, now, tracker, pass } = losing('silence');
    const goneAt = now();
    await pass(300);
    tracker.release([{ mesh: 'default', node: 'a', goneAt }]);
    await pass(300);
    await pass(600_000);
    assert.deepEqual(losses, ['lost: a v1']);
    assert.deepEqual(
      converged.map(({ connected, gaveUp }) => [connected, gaveUp]),
      [[1, 0]],
    );
  });

  test('proxy closes its connection: is not reported', async () => {
    const { converged, losses, pass } = losing();
    await pass(9_000);
    assert.equal(converged.length, 0);
    await pass(3_000);
    assert.deepEqual([converged.length, converged[0]?.gaveUp, losses], [1, 0, []]);
  });
});
