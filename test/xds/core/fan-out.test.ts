import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from '../../kit/fast-check.ts';
import { createFanOut } from '../../../src/xds/core/fan-out.ts';
import type { Listener } from '../../../src/xds/core/fan-out.ts';
import type { Change } from '../../../src/xds/index.ts';

/** A listener that records its calls. */
interface RecordingListener extends Listener {
  /** The type URLs of the changes, in order. */
  readonly changes: string[];
  pumps: number;
}

function recordingListener(): RecordingListener {
  return {
    lastSeen: 0,
    changes: [],
    pumps: 0,
    changed(change) {
      this.changes.push(change.typeUrl);
    },
    pump() {
      this.pumps += 1;
    },
  };
}

/** A change that is identified by its type URL. */
function change(name: string): Change {
  return { typeUrl: name, group: '', names: 'all' };
}

suite('fan-out', () => {
  test('step: continues where the last one stopped, and is done when all listeners are notified', () => {
    const fanOut = createFanOut();
    const [a, b, c] = [recordingListener(), recordingListener(), recordingListener()];
    for (const each of [a, b, c]) fanOut.add(each);
    fanOut.publish(change('1'));
    assert.deepEqual(fanOut.step(2), { visited: 2, done: false });
    assert.deepEqual([a.changes, b.changes, c.changes], [['1'], ['1'], []]);
    assert.deepEqual(fanOut.step(2), { visited: 1, done: true });
    assert.deepEqual(c.changes, ['1']);
    assert.deepEqual(fanOut.step(2), { visited: 0, done: true });
  });

  test('newer change during a round: listeners not visited yet get both in one visit', () => {
    const fanOut = createFanOut();
    const [a, b] = [recordingListener(), recordingListener()];
    for (const each of [a, b]) fanOut.add(each);
    fanOut.publish(change('1'));
    fanOut.step(1);
    fanOut.publish(change('2'));
    assert.deepEqual(fanOut.step(1), { visited: 1, done: false });
    assert.deepEqual([a.changes, b.changes, b.pumps], [['1'], ['1', '2'], 1]);
    fanOut.step(9);
    assert.deepEqual([a.changes, a.pumps, b.pumps], [['1', '2'], 2, 1]);
  });

  test('new listener: is not notified of earlier changes', () => {
    const fanOut = createFanOut();
    const [early, late] = [recordingListener(), recordingListener()];
    fanOut.add(early);
    fanOut.publish(change('1'));
    fanOut.add(late);
    assert.deepEqual(fanOut.step(9), { visited: 1, done: true });
    fanOut.publish(change('2'));
    fanOut.step(9);
    assert.deepEqual([early.changes, late.changes], [['1', '2'], ['2']]);
  });

  test('deleted listeners: are not visited, even the one where the last step stopped', () => {
    const fanOut = createFanOut();
    const all = [recordingListener(), recordingListener(), recordingListener()];
    for (const each of all) fanOut.add(each);
    fanOut.publish(change('1'));
    fanOut.step(1);
    for (const each of all.slice(0, 2)) assert.ok(fanOut.delete(each));
    assert.deepEqual(fanOut.step(9), { visited: 1, done: true });
    assert.deepEqual(
      all.map(({ changes }) => changes.length),
      [1, 0, 1],
    );
    assert.equal(fanOut.size, 1);
  });

  test('listeners are visited in turn during a round: each is notified all the same', () => {
    const fanOut = createFanOut();
    const all = [recordingListener(), recordingListener(), recordingListener()];
    for (const each of all) fanOut.add(each);
    fanOut.publish(change('1'));
    fanOut.step(1);
    const visited: unknown[] = [];
    fanOut.visitNext(2, (each) => visited.push(each));
    assert.deepEqual(visited, all.slice(1).reverse());
    assert.deepEqual(fanOut.step(9), { visited: 2, done: true });
    assert.deepEqual(
      all.map(({ changes }) => changes.length),
      [1, 1, 1],
    );
  });

  test('no listeners: is done at once', () => {
    const fanOut = createFanOut();
    fanOut.publish(change('1'));
    assert.deepEqual(fanOut.step(1), { visited: 0, done: true });
  });

  test('random additions, deletions and changes: each listener sees every later change once, in order', () => {
    type Action =
      { readonly kind: 'add' | 'publish' } | { readonly kind: 'delete' | 'step'; readonly n: number };
    const action: fc.Arbitrary<Action> = fc.oneof(
      fc.constant<Action>({ kind: 'add' }),
      fc.constant<Action>({ kind: 'publish' }),
      fc.record({ kind: fc.constantFrom('delete' as const, 'step' as const), n: fc.nat(4) }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const fanOut = createFanOut();
        let present: { readonly listener: RecordingListener; readonly since: number }[] = [];
        let published = 0;
        const run = (next: Action): void => {
          switch (next.kind) {
            case 'add': {
              const listener = recordingListener();
              fanOut.add(listener);
              present.push({ listener, since: published });
              return;
            }
            case 'publish':
              published += 1;
              return fanOut.publish(change(String(published)));
            case 'delete': {
              const gone = present[next.n];
              present = present.filter((each) => each !== gone);
              if (gone !== undefined) fanOut.delete(gone.listener);
              return;
            }
            case 'step':
              assert.ok(fanOut.step(next.n).visited <= next.n);
          }
        };
        for (const next of actions) run(next);
        while (!fanOut.step(3).done);
        for (const { listener, since } of present) {
          const expected = Array.from({ length: published - since }, (_, index) => String(since + index + 1));
          assert.deepEqual(listener.changes, expected);
          assert.ok(listener.pumps <= expected.length);
        }
      }),
    );
  });
});
