import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { RolloutDetail } from '../../src/api/fleet-api-types.ts';
import type { ServerEvent } from '../../src/api/event-types.ts';
import { createEventShare } from '../../src/page/event-share.ts';
import type { SharedMessage } from '../../src/page/event-share.ts';

const state = { changes: 1 } as ServerEvent;
const rollout = (mesh: string, version = '1') => ({ mesh, version }) as RolloutDetail;

function rig() {
  let now = 1_000;
  const share = createEventShare(() => now);
  return {
    ...share,
    pass: (milliseconds: number) => void (now += milliseconds),
    /** Returns what a new tab receives. */
    tab: (): readonly SharedMessage[] => {
      const received: SharedMessage[] = [];
      share.join((message) => received.push(message));
      return received;
    },
  };
}

suite('one event stream for all tabs', () => {
  test('events: reach each tab', () => {
    const { listener, tab } = rig();
    const [one, two] = [tab(), tab()];
    listener.connected();
    listener.state(state);
    listener.rollout(rollout('a'));
    assert.deepEqual(one, [
      { kind: 'connected' },
      { kind: 'state', event: state },
      { kind: 'rollout', rollout: rollout('a') },
    ]);
    assert.deepEqual(two, one);
  });

  test('tab that joins later: gets the newest event of each kind, as a new client of the server', () => {
    const { listener, tab } = rig();
    listener.connected();
    listener.state(state);
    listener.rollout(rollout('a'));
    listener.rollout(rollout('b'));
    listener.rollout(rollout('a', '2'));
    assert.deepEqual(tab(), [
      { kind: 'connected' },
      { kind: 'state', event: state },
      { kind: 'rollout', rollout: rollout('a', '2') },
      { kind: 'rollout', rollout: rollout('b') },
    ]);
  });

  test('tab that joins before there is a connection: gets nothing yet', () => {
    assert.deepEqual(rig().tab(), []);
  });

  test('lost connection: tabs get the age of the last sign of the server', () => {
    const { listener, tab, pass } = rig();
    listener.connected();
    const early = tab();
    pass(20_000);
    listener.lost(11_000);
    pass(5_000);
    assert.deepEqual(early.at(-1), { kind: 'lost', age: 10_000 });
    assert.deepEqual(tab(), [{ kind: 'lost', age: 15_000 }]);
  });

  test('tab that was closed: gets nothing more, and is not kept', () => {
    const { listener, join } = rig();
    const received: SharedMessage[] = [];
    const leave = join((message) => received.push(message));
    listener.connected();
    leave();
    listener.state(state);
    assert.deepEqual(received, [{ kind: 'connected' }]);
  });

  test('new connection: what the server said before is forgotten', () => {
    const { listener, tab } = rig();
    listener.connected();
    listener.state(state);
    listener.rollout(rollout('removed'));
    listener.lost(1_000);
    listener.connected();
    assert.deepEqual(tab(), [{ kind: 'connected' }]);
  });
});
