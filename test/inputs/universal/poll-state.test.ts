import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { initialPollState, stepPoll } from '../../../src/inputs/universal/poll-state.ts';
import type { PollInput } from '../../../src/inputs/universal/poll-state.ts';

const listed = (...names: readonly string[]): PollInput => ({
  kind: 'listed',
  resources: names.map((name) => ({ path: name[0] ?? '', text: name })),
});
const failed = (reason: string): PollInput => ({ kind: 'failed', reason });

/** Returns the events of each input as `kind path`. */
function eventsOf(...inputs: readonly PollInput[]): readonly (readonly string[])[] {
  let state = initialPollState;
  return inputs.map((input) => {
    const step = stepPoll(state, input, 'place');
    ({ state } = step);
    return step.events.map((event) => ('path' in event ? `${event.kind} ${event.path}` : event.kind));
  });
}

suite('polls of a REST API', () => {
  test('first list: its resources; synced after the second one', () => {
    const events = eventsOf(listed('a1', 'b1'), listed('a1', 'b1'), listed('a1', 'b1'));
    assert.deepEqual(events, [['content a', 'content b'], ['synced'], []]);
  });

  test('a resource that an earlier run had is in one of the first two lists: read before synced', () => {
    assert.deepEqual(eventsOf(listed('b1'), failed('x'), listed('a1')), [
      ['content b'],
      ['failed place'],
      ['content a', 'recovered place', 'synced'],
    ]);
  });

  test('next lists: only what changed', () => {
    assert.deepEqual(eventsOf(listed('a1', 'b1'), listed('a1', 'b2'), listed('a1', 'b2')).slice(1), [
      ['content b', 'synced'],
      [],
    ]);
  });

  test('a resource is missing: gone after the second list without it', () => {
    const [, second, third] = eventsOf(listed('a1', 'b1'), listed('b1'), listed('b1'));
    assert.deepEqual([second, third], [['synced'], ['gone a']]);
  });

  test('a resource is missing once: nothing changes', () => {
    const [, ...later] = eventsOf(listed('a1'), listed(), listed('a1'), listed(), failed('x'), listed('a1'));
    assert.deepEqual(later, [['synced'], [], [], ['failed place'], ['recovered place']]);
  });

  test('failures: reported once for each reason, and never a removal', () => {
    const [, ...later] = eventsOf(listed('a1'), failed('x'), failed('x'), failed('y'), listed('a1'));
    assert.deepEqual(later, [['failed place'], [], ['failed place'], ['recovered place', 'synced']]);
  });

  test('failure before the first list: not synced', () => {
    assert.deepEqual(eventsOf(failed('x'), listed('a1'), failed('y'), listed('a1')), [
      ['failed place'],
      ['content a', 'recovered place'],
      ['failed place'],
      ['recovered place', 'synced'],
    ]);
  });
});
