import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { ApiObject } from '../../../src/kubernetes/client/api-object.ts';
import { initialWatchState, stepWatch } from '../../../src/inputs/kubernetes/watch-state.ts';
import type { WatchState } from '../../../src/inputs/kubernetes/watch-state.ts';
import type { WatchInput } from '../../../src/kubernetes/client/watch-types.ts';
import type { SourceEvent } from '../../../src/trust/source.ts';

const place = 'kubernetes:ns';

const object = (name: string, text = name): ApiObject => {
  const path = `kubernetes:ns/${name}`;
  const head = { path, namespace: 'ns', name, uid: name, generation: 1, status: undefined };
  return { path, text, head };
};
const listed = (names: readonly string[], resourceVersion = '10'): WatchInput => ({
  kind: 'listed',
  objects: names.map((name) => object(name)),
  resourceVersion,
});
const put = (name: string, version: string, text = name): WatchInput => ({
  kind: 'changed',
  changes: [{ kind: 'put', object: object(name, text), resourceVersion: version }],
});
const deleted = (name: string, version: string): WatchInput => ({
  kind: 'changed',
  changes: [{ kind: 'deleted', path: object(name).path, resourceVersion: version }],
});
const bookmark = (version: string): WatchInput => ({
  kind: 'changed',
  changes: [{ kind: 'bookmark', resourceVersion: version }],
});
const failed = (reason: string, relist = false): WatchInput => ({
  kind: 'failed',
  failure: { reason, relist },
});
const settled: WatchInput = { kind: 'settled' };

/** Runs the inputs; each event as one word or two. */
function run(...inputs: readonly WatchInput[]): { state: WatchState; told: readonly string[] } {
  let state = initialWatchState;
  const told: string[] = [];
  for (const input of inputs) {
    const step = stepWatch(state, input, place);
    state = step.state;
    told.push(...step.events.map(word));
  }
  return { state, told };
}

function word(event: SourceEvent): string {
  switch (event.kind) {
    case 'content':
      assert.equal(event.settled, true);
      return `put ${event.text}`;
    case 'gone':
      return `gone ${event.path.split('/')[1]} by ${event.evidence}`;
    case 'failed':
      assert.equal(event.path, place);
      return `failed ${event.reason}`;
    case 'recovered':
    case 'synced':
      return event.kind;
    case 'unreadable':
      return assert.fail('an object cannot be unreadable');
  }
}

const cases: readonly {
  readonly it: string;
  readonly inputs: readonly WatchInput[];
  readonly told: readonly string[];
  readonly next?: WatchState['next'];
}[] = [
  {
    it: 'tells a list, that it is complete, and watches from its version',
    inputs: [listed(['a', 'b'], '10')],
    told: ['put a', 'put b', 'synced'],
    next: { kind: 'watch', resourceVersion: '10' },
  },
  {
    it: 'tells an empty first list as complete',
    inputs: [listed([])],
    told: ['synced'],
  },
  {
    it: 'tells only what differs from before in a second list, and its losses after a quiet time',
    inputs: [listed(['a', 'b']), { kind: 'expired' }, listed(['b', 'c'], '20'), settled],
    told: ['put a', 'put b', 'synced', 'put c', 'gone a by absence'],
    next: { kind: 'watch', resourceVersion: '20' },
  },
  {
    it: 'tells a change, and not again what is the same text',
    inputs: [listed(['a']), put('a', '11', 'a2'), put('a', '12', 'a2')],
    told: ['put a', 'synced', 'put a2'],
    next: { kind: 'watch', resourceVersion: '12' },
  },
  {
    it: 'tells a deletion after a quiet time',
    inputs: [listed(['a']), deleted('a', '11'), settled],
    told: ['put a', 'synced', 'gone a by deletion'],
  },
  {
    it: 'tells deletions of one cause together',
    inputs: [listed(['a', 'b']), deleted('a', '11'), deleted('b', '12'), settled, settled],
    told: ['put a', 'put b', 'synced', 'gone a by deletion', 'gone b by deletion'],
  },
  {
    it: 'tells nothing of an object that is deleted and created again as it was',
    inputs: [listed(['a']), deleted('a', '11'), put('a', '12'), settled],
    told: ['put a', 'synced'],
  },
  {
    it: 'tells only the difference of an object that is deleted and created again otherwise',
    inputs: [listed(['a']), deleted('a', '11'), put('a', '12', 'a2'), settled],
    told: ['put a', 'synced', 'put a2'],
  },
  {
    it: 'tells nothing of an object that is deleted in the watch and there in the list',
    inputs: [listed(['a']), deleted('a', '11'), { kind: 'expired' }, listed(['a'], '20'), settled],
    told: ['put a', 'synced'],
  },
  {
    it: 'knows of a deletion although the list that came before it was told shows no more than an absence',
    inputs: [listed(['a', 'b', 'c']), deleted('a', '11'), { kind: 'expired' }, listed(['c'], '20'), settled],
    told: ['put a', 'put b', 'put c', 'synced', 'gone a by deletion', 'gone b by absence'],
  },
  {
    it: 'forgets a deletion that was undone before the list',
    inputs: [
      listed(['a']),
      deleted('a', '11'),
      { kind: 'expired' },
      listed(['a'], '20'),
      { kind: 'expired' },
      listed([], '30'),
      settled,
    ],
    told: ['put a', 'synced', 'gone a by absence'],
  },
  {
    it: 'tells an object again that comes back after it was told as gone',
    inputs: [listed(['a']), deleted('a', '11'), settled, put('a', '12')],
    told: ['put a', 'synced', 'gone a by deletion', 'put a'],
  },
  {
    it: 'tells nothing of the deletion of what it never knew',
    inputs: [listed(['a']), deleted('b', '11'), settled],
    told: ['put a', 'synced'],
  },
  {
    it: 'goes on from a bookmark',
    inputs: [listed(['a']), bookmark('50'), { kind: 'closed', livedMs: 60_000 }],
    told: ['put a', 'synced'],
    next: { kind: 'watch', resourceVersion: '50' },
  },
  {
    it: 'goes on from a bookmark with the version that it has',
    inputs: [listed(['a'], '50'), bookmark('50'), { kind: 'closed', livedMs: 60_000 }],
    told: ['put a', 'synced'],
    next: { kind: 'watch', resourceVersion: '50' },
  },
  {
    it: 'lists again when versions go back, and takes nothing from there',
    inputs: [listed(['a'], '1000'), deleted('a', '999'), settled],
    told: ['put a', 'synced'],
    next: { kind: 'list' },
  },
  {
    it: 'compares versions by size, not as text',
    inputs: [listed(['a'], '9'), put('a', '10', 'a2')],
    told: ['put a', 'synced', 'put a2'],
    next: { kind: 'watch', resourceVersion: '10' },
  },
  {
    it: 'withdraws nothing when a request fails, and tells the reason once',
    inputs: [listed(['a']), failed('away'), failed('away'), failed('forbidden')],
    told: ['put a', 'synced', 'failed away', 'failed forbidden'],
    next: { kind: 'watch', resourceVersion: '10' },
  },
  {
    it: 'takes the failure back with a list',
    inputs: [failed('away'), listed(['a'])],
    told: ['failed away', 'put a', 'recovered', 'synced'],
  },
  {
    it: 'takes the failure back with a watch that opens',
    inputs: [listed(['a']), failed('away'), { kind: 'opened' }, { kind: 'opened' }],
    told: ['put a', 'synced', 'failed away', 'recovered'],
  },
  {
    it: 'lists again after a failure that may have made its knowledge old',
    inputs: [listed(['a']), failed('away', true)],
    told: ['put a', 'synced', 'failed away'],
    next: { kind: 'list' },
  },
  {
    it: 'withdraws nothing when its version has expired',
    inputs: [listed(['a']), { kind: 'expired' }, settled],
    told: ['put a', 'synced'],
    next: { kind: 'list' },
  },
];

describe('the state of a watch', () => {
  for (const { it: what, inputs, told, next } of cases) {
    it(what, () => assert.deepEqual(run(...inputs).told, told));
    if (next !== undefined) {
      it(`${what}: next request`, () => assert.deepEqual(run(...inputs).state.next, next));
    }
  }

  it('counts the attempts that brought nothing', () => {
    const attempts = (...inputs: readonly WatchInput[]) => run(listed(['a']), ...inputs).state.attempts;
    assert.equal(attempts(), 0);
    assert.equal(attempts(failed('away'), failed('away')), 2);
    assert.equal(attempts(failed('away'), listed(['a'])), 1);
    assert.equal(attempts(failed('away'), bookmark('11')), 0);
    assert.equal(attempts({ kind: 'closed', livedMs: 10 }, { kind: 'closed', livedMs: 10 }), 2);
    assert.equal(attempts({ kind: 'closed', livedMs: 10 }, { kind: 'closed', livedMs: 60_000 }), 0);
    assert.equal(attempts({ kind: 'expired' }), 1);
  });
});
