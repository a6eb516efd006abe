import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

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
const short: WatchInput = { kind: 'closed', livedMs: 10 };

/** Applies the inputs. Returns the final state, and the events as short texts. */
function run(...inputs: readonly WatchInput[]): { state: WatchState; events: readonly string[] } {
  let state = initialWatchState;
  const events: string[] = [];
  for (const input of inputs) {
    const step = stepWatch(state, input, place);
    state = step.state;
    events.push(...step.events.map(word));
  }
  return { state, events };
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
    case 'kept':
    case 'unreadable':
      return assert.fail('an object cannot be unreadable');
  }
}

const cases: readonly {
  readonly name: string;
  readonly inputs: readonly WatchInput[];
  readonly events: readonly string[];
  readonly next?: WatchState['next'];
}[] = [
  {
    name: 'first list: is reported with `synced`, and the watch starts at its version',
    inputs: [listed(['a', 'b'], '10')],
    events: ['put a', 'put b', 'synced'],
    next: { kind: 'watch', resourceVersion: '10' },
  },
  {
    name: 'empty first list: is reported as `synced`',
    inputs: [listed([])],
    events: ['synced'],
  },
  {
    name: 'second list: changes are reported at once, and deletions when they settle',
    inputs: [listed(['a', 'b']), { kind: 'expired' }, listed(['b', 'c'], '20'), settled],
    events: ['put a', 'put b', 'synced', 'put c', 'gone a by absence'],
    next: { kind: 'watch', resourceVersion: '20' },
  },
  {
    name: 'change: is reported; same text: is not',
    inputs: [listed(['a']), put('a', '11', 'a2'), put('a', '12', 'a2')],
    events: ['put a', 'synced', 'put a2'],
    next: { kind: 'watch', resourceVersion: '12' },
  },
  {
    name: 'deletion: is reported when it settles',
    inputs: [listed(['a']), deleted('a', '11'), settled],
    events: ['put a', 'synced', 'gone a by deletion'],
  },
  {
    name: 'several deletions: are reported together',
    inputs: [listed(['a', 'b']), deleted('a', '11'), deleted('b', '12'), settled, settled],
    events: ['put a', 'put b', 'synced', 'gone a by deletion', 'gone b by deletion'],
  },
  {
    name: 'object deleted and created again unchanged: nothing is reported',
    inputs: [listed(['a']), deleted('a', '11'), put('a', '12'), settled],
    events: ['put a', 'synced'],
  },
  {
    name: 'object deleted and created again with a change: the change is reported',
    inputs: [listed(['a']), deleted('a', '11'), put('a', '12', 'a2'), settled],
    events: ['put a', 'synced', 'put a2'],
  },
  {
    name: 'object deleted in the watch and present in the list: nothing is reported',
    inputs: [listed(['a']), deleted('a', '11'), { kind: 'expired' }, listed(['a'], '20'), settled],
    events: ['put a', 'synced'],
  },
  {
    name: 'deleted in the watch, then absent from a list: the evidence is the deletion',
    inputs: [listed(['a', 'b', 'c']), deleted('a', '11'), { kind: 'expired' }, listed(['c'], '20'), settled],
    events: ['put a', 'put b', 'put c', 'synced', 'gone a by deletion', 'gone b by absence'],
  },
  {
    name: 'deleted, present in a list, absent from the next: the evidence is the absence',
    inputs: [
      listed(['a']),
      deleted('a', '11'),
      { kind: 'expired' },
      listed(['a'], '20'),
      { kind: 'expired' },
      listed([], '30'),
      settled,
    ],
    events: ['put a', 'synced', 'gone a by absence'],
  },
  {
    name: 'object created again after it was reported as gone: is reported',
    inputs: [listed(['a']), deleted('a', '11'), settled, put('a', '12')],
    events: ['put a', 'synced', 'gone a by deletion', 'put a'],
  },
  {
    name: 'deletion of an unknown object: nothing is reported',
    inputs: [listed(['a']), deleted('b', '11'), settled],
    events: ['put a', 'synced'],
  },
  {
    name: 'bookmark: the next watch starts there',
    inputs: [listed(['a']), bookmark('50'), { kind: 'closed', livedMs: 60_000 }],
    events: ['put a', 'synced'],
    next: { kind: 'watch', resourceVersion: '50' },
  },
  {
    name: 'bookmark with the known version: the next watch starts there',
    inputs: [listed(['a'], '50'), bookmark('50'), { kind: 'closed', livedMs: 60_000 }],
    events: ['put a', 'synced'],
    next: { kind: 'watch', resourceVersion: '50' },
  },
  {
    name: 'decreasing version: is ignored, and everything is listed again',
    inputs: [listed(['a'], '1000'), deleted('a', '999'), settled],
    events: ['put a', 'synced'],
    next: { kind: 'list' },
  },
  {
    name: 'versions: are compared as numbers',
    inputs: [listed(['a'], '9'), put('a', '10', 'a2')],
    events: ['put a', 'synced', 'put a2'],
    next: { kind: 'watch', resourceVersion: '10' },
  },
  {
    name: 'failed request: withdraws nothing, and its reason is reported once',
    inputs: [listed(['a']), failed('away'), failed('away'), failed('forbidden')],
    events: ['put a', 'synced', 'failed away', 'failed forbidden'],
    next: { kind: 'watch', resourceVersion: '10' },
  },
  {
    name: 'list after a failure: `recovered`',
    inputs: [failed('away'), listed(['a'])],
    events: ['failed away', 'put a', 'recovered', 'synced'],
  },
  {
    name: 'accepted watch after a failure: `recovered`',
    inputs: [listed(['a']), failed('away'), { kind: 'opened' }, { kind: 'opened' }],
    events: ['put a', 'synced', 'failed away', 'recovered'],
  },
  {
    name: 'failure that may have invalidated the version: everything is listed again',
    inputs: [listed(['a']), failed('away', true)],
    events: ['put a', 'synced', 'failed away'],
    next: { kind: 'list' },
  },
  {
    name: 'watches that end at once: continue from the known version',
    inputs: [listed(['a']), short, short, short],
    events: ['put a', 'synced'],
    next: { kind: 'watch', resourceVersion: '10' },
  },
  {
    name: 'more watches that end at once: everything is listed again, now and after each further one',
    inputs: [listed(['a']), short, short, short, short, listed(['b'], '20'), short, settled],
    events: ['put a', 'synced', 'put b', 'gone a by absence'],
    next: { kind: 'list' },
  },
  {
    name: 'silent watch: withdraws nothing, and everything is listed again',
    inputs: [listed(['a']), { kind: 'silent' }, settled],
    events: ['put a', 'synced'],
    next: { kind: 'list' },
  },
  {
    name: 'expired version: withdraws nothing',
    inputs: [listed(['a']), { kind: 'expired' }, settled],
    events: ['put a', 'synced'],
    next: { kind: 'list' },
  },
];

suite('state of a watch', () => {
  for (const { name, inputs, events, next } of cases) {
    test(name, () => assert.deepEqual(run(...inputs).events, events));
    if (next !== undefined) {
      test(`${name}: next request`, () => assert.deepEqual(run(...inputs).state.next, next));
    }
  }

  test('attempts without a result: are counted', () => {
    const attempts = (...inputs: readonly WatchInput[]) => run(listed(['a']), ...inputs).state.attempts;
    assert.equal(attempts(), 0);
    assert.equal(attempts(failed('away'), failed('away')), 2);
    assert.equal(attempts(failed('away'), listed(['a'])), 1);
    assert.equal(attempts(failed('away'), bookmark('11')), 0);
    assert.equal(attempts({ kind: 'closed', livedMs: 10 }, { kind: 'closed', livedMs: 10 }), 2);
    assert.equal(attempts({ kind: 'closed', livedMs: 10 }, { kind: 'closed', livedMs: 60_000 }), 0);
    assert.equal(attempts({ kind: 'silent' }), 0);
    assert.equal(attempts({ kind: 'expired' }), 1);
  });
});
