import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import { createOutcomes } from '../../../src/kubernetes/status/outcomes.ts';
import type { Outcomes } from '../../../src/kubernetes/status/outcomes.ts';

/** Creates a recorder whose clock the test sets, and the list of what it logs. */
function start(): {
  readonly outcomes: Outcomes;
  readonly logged: string[];
  readonly counted: string[];
  readonly clock: { now: number };
} {
  const clock = { now: 0 };
  const logged: string[] = [];
  const counted: string[] = [];
  const outcomes = createOutcomes({
    count: (kind, result) => counted.push(`${kind} ${result}`),
    warn: (_, message) => logged.push(message),
    info: (_, message) => logged.push(message),
    now: () => clock.now,
  });
  return { outcomes, logged, counted, clock };
}

const failed = 'status of MeshTrusts: a request failed; serving is not affected: 403: no';
const over = 'status of MeshTrusts: requests succeed again';

suite('outcomes of requests to the API server', () => {
  test('requests fail, then succeed: each is counted, and the first failure and its end are logged', () => {
    const { outcomes, logged, counted } = start();
    outcomes('status', '403: no');
    outcomes('status', '403: no');
    outcomes('status', undefined);
    outcomes('status', undefined);
    assert.deepEqual(logged, [failed, over]);
    assert.deepEqual(counted, ['status error', 'status error', 'status ok', 'status ok']);
  });

  test('requests for one object fail, and those for others do not: the failure has no end', () => {
    const { outcomes, logged, clock } = start();
    for (let round = 0; round < 3; round += 1) {
      outcomes('status', '403: no');
      outcomes('status', undefined, () => true);
      clock.now += 120_000;
    }
    assert.deepEqual(logged, [failed]);
    outcomes('status', undefined, () => false);
    assert.deepEqual(logged, [failed, over]);
  });

  test('failures within a minute of the last warning: are not logged, nor is their end', () => {
    const { outcomes, logged, clock } = start();
    outcomes('status', '403: no');
    outcomes('status', undefined);
    outcomes('status', '403: no');
    outcomes('status', undefined);
    assert.deepEqual(logged, [failed, over]);
    clock.now += 60_000;
    outcomes('status', '403: no');
    assert.deepEqual(logged, [failed, over, failed]);
  });

  test('requests of one kind fail: those of another kind do not end the failure', () => {
    const { outcomes, logged } = start();
    outcomes('status', '403: no');
    outcomes('lease', undefined);
    assert.deepEqual(logged, [failed]);
  });
});
