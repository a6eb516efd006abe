import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from '../../../kit/fast-check.ts';

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

/** Gives the inputs to a replica `me`, each at its time, and returns its state and its last request. */
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

suite('requests of a replica', () => {
  const table: readonly (readonly [
    what: string,
    inputs: Inputs,
    request: ElectionRequest['kind'],
    holder?: string,
  ])[] = [
    ['first attempt: the Lease is read', [[0, due]], 'read'],
    ['no Lease: it is created', [[0, read(undefined)]], 'create', 'me'],
    ['Lease without a holder: it is acquired', [[0, read(lease(''))]], 'patch', 'me'],
    ['Lease of another replica: the replica waits', [[0, read(lease('other'))]], 'wait'],
    [
      'deleted, and held by another replica before: that one may lead, so the replica waits',
      [
        [0, read(lease('other'))],
        [14_999, read(undefined)],
      ],
      'wait',
    ],
    [
      'deleted for the lease time: the Lease is created',
      [
        [0, read(lease('other'))],
        [2_000, read(undefined)],
        [15_000, read(undefined)],
      ],
      'create',
      'me',
    ],
    [
      'deleted after its release: the Lease is created',
      [
        [0, written(0)],
        [1, read(lease(''))],
        [2, read(undefined)],
      ],
      'create',
      'me',
    ],
    [
      'deleted while this replica held it: the Lease is created',
      [
        [0, written(0)],
        [2_000, due],
        [2_001, { kind: 'refused' }],
        [2_002, read(undefined)],
      ],
      'create',
      'me',
    ],
    [
      'renewed between two reads: the lease time counts from the first of them',
      [
        [0, read(lease('other'))],
        [2_000, read(lease('other', 1))],
        [15_000, read(lease('other', 1))],
      ],
      'patch',
      'me',
    ],
    [
      'renewed after a long time without a read: the renewal may be recent',
      [
        [0, read(lease('other'))],
        [10_000, read(lease('other', 1))],
        [21_999, read(lease('other', 1))],
      ],
      'wait',
    ],
    [
      'not renewed for less than the lease time: the replica waits',
      [
        [0, read(lease('other'))],
        [14_999, read(lease('other'))],
      ],
      'wait',
    ],
    [
      'not renewed for the lease time: the Lease is acquired',
      [
        [0, read(lease('other'))],
        [15_000, read(lease('other'))],
      ],
      'patch',
      'me',
    ],
    [
      'renewed meanwhile: the replica waits',
      [
        [0, read(lease('other'))],
        [15_000, read(lease('other', 1))],
      ],
      'wait',
    ],
    [
      'annotated but not renewed: the Lease is acquired',
      [
        [0, read(lease('other'))],
        [15_000, read(lease('other', 0, '8'))],
      ],
      'patch',
      'me',
    ],
    [
      'leader: renews without reading',
      [
        [0, written(0)],
        [2_000, due],
      ],
      'patch',
      'me',
    ],
    [
      'leader that could not renew for too long: reads the Lease',
      [
        [0, written(0)],
        [10_000, due],
      ],
      'read',
    ],
    [
      'rejected renewal: the Lease is read',
      [
        [0, written(0)],
        [2_000, due],
        [2_001, { kind: 'refused' }],
      ],
      'read',
    ],
    [
      'Lease that the replica still holds: it is renewed',
      [
        [0, written(0)],
        [2_001, read(lease('me', 0, '9'))],
      ],
      'patch',
      'me',
    ],
    [
      'lost race: the replica waits for the next attempt',
      [
        [0, read(lease(''))],
        [1, { kind: 'refused' }],
      ],
      'wait',
    ],
    [
      'no response: the replica waits for the next attempt',
      [
        [0, due],
        [1, { kind: 'failed' }],
      ],
      'wait',
    ],
  ];
  for (const [what, inputs, kind, holder] of table) {
    test(what, () => {
      const { request } = play(...inputs);
      assert.equal(request.kind, kind);
      const spec = request.kind === 'create' || request.kind === 'patch' ? request.spec : undefined;
      assert.equal(spec?.holderIdentity, holder);
    });
  }

  test('change of the holder: is counted; renewal: keeps the count and the time of acquisition', () => {
    const taken = play([0, read(lease(''))]).request;
    const renewed = play([0, written(0)], [2_000, due]).request;
    assert.ok(taken.kind === 'patch' && renewed.kind === 'patch');
    assert.deepEqual([taken.spec.leaseTransitions, renewed.spec.leaseTransitions], [4, 3]);
    assert.deepEqual([taken.spec.acquireTime, renewed.spec.acquireTime], [microTime(wall), microTime(0)]);
    assert.equal(renewed.spec.leaseDurationSeconds, 15);
  });

  test('Lease of another replica: the next attempt is at the latest when the Lease expires', () => {
    const wait = (...inputs: Inputs): unknown => {
      const { request } = play(...inputs);
      return request.kind === 'wait' ? request.milliseconds : undefined;
    };
    assert.equal(wait([0, read(lease('other'))]), 2_000);
    assert.equal(wait([0, read(lease('other'))], [14_000, read(lease('other'))]), 1_000);
    // There is a pause even if the API server does not respond.
    assert.equal(wait([0, read(lease('other'))], [20_000, { kind: 'failed' }]), 2_000);
  });
});

suite('leadership of a replica', () => {
  test('accepted write: the replica leads for `renewMs`, counted from the time at which it was sent', () => {
    const { state } = play([500, written(400)]);
    assert.deepEqual(
      [400, 10_399, 10_400].map((now) => isLeading(state, now)),
      [true, true, false],
    );
  });

  test('Lease read with another holder: the replica stops leading; failed request: it still leads', () => {
    assert.ok(!isLeading(play([0, written(0)], [1, read(lease('other'))]).state, 2));
    assert.ok(isLeading(play([0, written(0)], [1, { kind: 'failed' }]).state, 2));
  });

  test('release: only of a Lease that the replica holds', () => {
    assert.equal(releaseElection(play([0, written(0)]).state, { now: 1, wall })?.spec.holderIdentity, '');
    assert.equal(releaseElection(play([0, read(lease('other'))]).state, { now: 1, wall }), undefined);
  });

  test('requests that fail or are late: two replicas never lead at the same time', () => {
    const action = fc.record({
      replica: fc.integer({ min: 0, max: 2 }),
      /** Milliseconds before the request. `latency`: between the request and its response. */
      pause: fc.integer({ min: 0, max: 6_000 }),
      latency: fc.integer({ min: 0, max: 3_000 }),
      outcome: fc.constantFrom('answered', 'answered', 'answered', 'lost', 'unheard'),
    });
    let led = 0;
    fc.assert(
      fc.property(fc.array(action, { minLength: 20, maxLength: 120 }), (actions) => {
        const store = createStore();
        const states = [0, 1, 2].map((id) => initialElection(`replica-${id}`));
        // The clocks of the machines differ.
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
    assert.ok(led > 1_000, `there was a leader ${led} times`);
  });
});

const failed: ElectionInput = { kind: 'failed' };

/** Stores one Lease as an API server does. */
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
          throw new Error('no request');
      }
    },
  };
}
