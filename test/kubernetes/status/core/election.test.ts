import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';

import {
  electionTimes as times,
  initialElection,
  isLeading,
  releaseElection,
  stepElection,
} from '../../../../src/kubernetes/status/core/election.ts';
import type {
  ElectionInput,
  ElectionRequest,
  ElectionState,
} from '../../../../src/kubernetes/status/core/election.ts';
import { microTime } from '../../../../src/kubernetes/status/core/lease.ts';
import type { Lease, LeaseSpec } from '../../../../src/kubernetes/status/core/lease.ts';

const wall = Date.UTC(2026, 10, 23);
const lease = (holder: string, beat = 0, resourceVersion = '7'): Lease => ({
  holder,
  transitions: 3,
  acquireTime: microTime(0),
  renewTime: microTime(beat),
  resourceVersion,
});

type Inputs = readonly (readonly [now: number, input: ElectionInput])[];

/** A replica `me` that has been told these, each at its time; what it asks for last. */
function play(...inputs: readonly (readonly [now: number, input: ElectionInput])[]): {
  readonly state: ElectionState;
  readonly request: ElectionRequest;
} {
  let step: { state: ElectionState; request: ElectionRequest } = {
    state: initialElection('me'),
    request: { kind: 'read' },
  };
  for (const [now, input] of inputs) step = stepElection(step.state, input, { now, wall }, times);
  return step;
}

const read = (seen: Lease | undefined): ElectionInput => ({ kind: 'read', lease: seen });
const written = (askedAt: number): ElectionInput => ({ kind: 'written', lease: lease('me'), askedAt });
const due: ElectionInput = { kind: 'due' };

describe('what a replica asks for', () => {
  const table: readonly (readonly [
    what: string,
    inputs: Inputs,
    request: ElectionRequest['kind'],
    holder?: string,
  ])[] = [
    ['at first it reads', [[0, due]], 'read'],
    ['there is no Lease: it creates one', [[0, read(undefined)]], 'create', 'me'],
    ['nobody holds it: it takes it', [[0, read(lease(''))]], 'patch', 'me'],
    ['another holds it: it waits', [[0, read(lease('other'))]], 'wait'],
    [
      'another gave a sign between two looks: its silence may have begun at the first of them',
      [
        [0, read(lease('other'))],
        [2_000, read(lease('other', 1))],
        [15_000, read(lease('other', 1))],
      ],
      'patch',
      'me',
    ],
    [
      'another gave a sign after a long time without a look: it may have been just now',
      [
        [0, read(lease('other'))],
        [10_000, read(lease('other', 1))],
        [21_999, read(lease('other', 1))],
      ],
      'wait',
    ],
    [
      'another is silent for less than the lease time',
      [
        [0, read(lease('other'))],
        [14_999, read(lease('other'))],
      ],
      'wait',
    ],
    [
      'another is silent for the lease time',
      [
        [0, read(lease('other'))],
        [15_000, read(lease('other'))],
      ],
      'patch',
      'me',
    ],
    [
      'another renewed it in between',
      [
        [0, read(lease('other'))],
        [15_000, read(lease('other', 1))],
      ],
      'wait',
    ],
    [
      'an annotation is no sign of life',
      [
        [0, read(lease('other'))],
        [15_000, read(lease('other', 0, '8'))],
      ],
      'patch',
      'me',
    ],
    [
      'it leads: it renews without reading',
      [
        [0, written(0)],
        [2_000, due],
      ],
      'patch',
      'me',
    ],
    [
      'it could not renew for too long: it reads',
      [
        [0, written(0)],
        [10_000, due],
      ],
      'read',
    ],
    [
      'its renewal is refused: it reads',
      [
        [0, written(0)],
        [2_000, due],
        [2_001, { kind: 'refused' }],
      ],
      'read',
    ],
    [
      'it reads that it holds it still: it renews',
      [
        [0, written(0)],
        [2_001, read(lease('me', 0, '9'))],
      ],
      'patch',
      'me',
    ],
    [
      'the race is lost: the next attempt is soon enough',
      [
        [0, read(lease(''))],
        [1, { kind: 'refused' }],
      ],
      'wait',
    ],
    [
      'no answer: the next attempt is soon enough',
      [
        [0, due],
        [1, { kind: 'failed' }],
      ],
      'wait',
    ],
  ];
  for (const [what, inputs, kind, holder] of table) {
    it(what, () => {
      const { request } = play(...inputs);
      assert.equal(request.kind, kind);
      const spec = request.kind === 'create' || request.kind === 'patch' ? request.spec : undefined;
      assert.equal(spec?.holderIdentity, holder);
    });
  }

  it('counts a change of the holder, and keeps what a renewal does not change', () => {
    const taken = play([0, read(lease(''))]).request;
    const renewed = play([0, written(0)], [2_000, due]).request;
    assert.ok(taken.kind === 'patch' && renewed.kind === 'patch');
    assert.deepEqual([taken.spec.leaseTransitions, renewed.spec.leaseTransitions], [4, 3]);
    assert.deepEqual([taken.spec.acquireTime, renewed.spec.acquireTime], [microTime(wall), microTime(0)]);
    assert.equal(renewed.spec.leaseDurationSeconds, 15);
  });

  it('waits for the next attempt, but no longer than until the Lease lapses', () => {
    const wait = (...inputs: Inputs): unknown => {
      const { request } = play(...inputs);
      return request.kind === 'wait' ? request.milliseconds : undefined;
    };
    assert.equal(wait([0, read(lease('other'))]), 2_000);
    assert.equal(wait([0, read(lease('other'))], [14_000, read(lease('other'))]), 1_000);
    // An API server that is away is not asked without a pause.
    assert.equal(wait([0, read(lease('other'))], [20_000, { kind: 'failed' }]), 2_000);
  });
});

describe('when a replica leads', () => {
  it('from a write that was taken, counted from when it was sent', () => {
    const { state } = play([500, written(400)]);
    assert.deepEqual(
      [400, 10_399, 10_400].map((now) => isLeading(state, now)),
      [true, true, false],
    );
  });

  it('no longer than it knows that it holds the Lease', () => {
    assert.ok(!isLeading(play([0, written(0)], [1, read(lease('other'))]).state, 2));
    assert.ok(isLeading(play([0, written(0)], [1, { kind: 'failed' }]).state, 2));
  });

  it('lets go of what it holds alone', () => {
    assert.equal(releaseElection(play([0, written(0)]).state, { now: 1, wall })?.spec.holderIdentity, '');
    assert.equal(releaseElection(play([0, read(lease('other'))]).state, { now: 1, wall }), undefined);
  });

  it('is never two of them, whatever fails and however late answers come', () => {
    const action = fc.record({
      replica: fc.integer({ min: 0, max: 2 }),
      /** Before the request, and until its answer. */
      pause: fc.integer({ min: 0, max: 6_000 }),
      latency: fc.integer({ min: 0, max: 3_000 }),
      outcome: fc.constantFrom('answered', 'answered', 'answered', 'lost', 'unheard'),
    });
    let led = 0;
    fc.assert(
      fc.property(fc.array(action, { minLength: 20, maxLength: 120 }), (actions) => {
        const store = createStore();
        const states = [0, 1, 2].map((id) => initialElection(`replica-${id}`));
        // Clocks of machines have nothing to do with each other.
        const skew = [0, 1_000_000, -5_000];
        let time = 0;
        for (const { replica, pause, latency, outcome } of actions) {
          time += pause;
          const local = (): number => time + skew[replica]!;
          const step = (input: ElectionInput) =>
            stepElection(states[replica]!, input, { now: local(), wall: local() }, times);
          let { state, request } = step(due);
          for (let turn = 0; request.kind !== 'wait'; turn += 1) {
            assert.ok(turn < 5, 'an attempt ends');
            states[replica] = state;
            const askedAt = local();
            const input = outcome === 'lost' ? failed : store.ask(request, askedAt);
            time += latency;
            ({ state, request } = step(outcome === 'unheard' && input.kind === 'written' ? failed : input));
          }
          states[replica] = state;
          const leaders = states.filter((each, id) => isLeading(each, time + skew[id]!));
          assert.ok(leaders.length <= 1, `${leaders.length} lead at ${time}`);
          led += leaders.length;
        }
      }),
      { numRuns: 300 },
    );
    assert.ok(led > 1_000, `somebody led ${led} times`);
  });
});

const failed: ElectionInput = { kind: 'failed' };

/** One Lease as an API server keeps it. */
function createStore(): { readonly ask: (request: ElectionRequest, askedAt: number) => ElectionInput } {
  let current: Lease | undefined;
  let version = 0;
  const put = ({ holderIdentity, leaseTransitions, acquireTime, renewTime }: LeaseSpec): Lease => {
    version += 1;
    const resourceVersion = String(version);
    current = {
      holder: holderIdentity,
      transitions: leaseTransitions,
      acquireTime,
      renewTime,
      resourceVersion,
    };
    return current;
  };
  return {
    ask(request, askedAt) {
      switch (request.kind) {
        case 'read':
          return { kind: 'read', lease: current };
        case 'create':
          return current === undefined
            ? { kind: 'written', lease: put(request.spec), askedAt }
            : { kind: 'refused' };
        case 'patch':
          return current?.resourceVersion === request.resourceVersion
            ? { kind: 'written', lease: put(request.spec), askedAt }
            : { kind: 'refused' };
        case 'wait':
          throw new Error('nothing is asked');
      }
    },
  };
}
