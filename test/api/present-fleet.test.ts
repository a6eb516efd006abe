import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { presentProxyDetail } from '../../src/api/present-fleet.ts';
import { scene, statesOf, streamOf } from '../fleet/scene.ts';

suite('details of a proxy', () => {
  for (const [by, expected] of [
    ['silence', ['stale', [undefined, 'silence']]],
    ['server', ['stale', [undefined, 'server']]],
    ['client', ['synced', [undefined]]],
  ] as const)
    test(`one of its streams ended (${by}): the streams that still count are listed`, () => {
      const { asks, quotes, leaves, publish, pass, look, history, now } = scene();
      publish(statesOf({ one: 'v1', two: 'v1' }));
      const [first, second] = [streamOf(1, 'a'), streamOf(2, 'a')];
      for (const stream of [first, second]) asks(stream);
      quotes(first, 'v1', 'one');
      quotes(second, 'v1', 'two');
      publish(statesOf({ one: 'v1', two: 'v2' }));
      pass(60_000);
      leaves(second, by);
      const [proxy] = look().connected;
      assert.ok(proxy);
      const { state, streams } = presentProxyDetail(proxy, { history, now: now() });
      assert.deepEqual([state, streams.map(({ ending }) => ending)], expected);
      const [, ended] = streams;
      if (by === 'client') return;
      assert.equal(ended?.endedAt, new Date(now()).toISOString());
      assert.deepEqual(
        ended.secrets.map(({ name, ackedVersion, servedVersion }) => [name, ackedVersion, servedVersion]),
        [['two', 'v1', 'v2']],
      );
    });
});
