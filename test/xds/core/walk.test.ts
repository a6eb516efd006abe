import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from '../../kit/fast-check.ts';
import { allNames, createWalker } from './walk-model.ts';
import type { Walk } from './walk-model.ts';

const contents = fc.dictionary(fc.constantFrom(...allNames), fc.constantFrom('1', '2', '3'), { maxKeys: 4 });
const someNames = fc.uniqueArray(fc.constantFrom(...allNames, '*'), { minLength: 1, maxLength: 3 });
const walks: fc.Arbitrary<readonly Walk[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('set' as const), contents }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('subscribe' as const), names: someNames }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('unsubscribe' as const), names: someNames }) },
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('answer' as const),
        error: fc.oneof(
          { weight: 4, arbitrary: fc.constant(false) },
          { weight: 1, arbitrary: fc.constant(true) },
        ),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(10, 4_000, 6_000) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('reconnect' as const),
        fresh: fc.boolean(),
        readded: fc.subarray([...allNames]),
      }),
    },
  ),
  { minLength: 1, maxLength: 60, size: 'max' },
);

/** The client drops `b` and subscribes to it again before it acknowledges the first `b`: the ACK still counts. */
const lateAnswer: readonly Walk[] = [
  { kind: 'subscribe', names: ['*'] },
  { kind: 'set', contents: { b: '1' } },
  { kind: 'unsubscribe', names: ['*'] },
  { kind: 'set', contents: {} },
  { kind: 'subscribe', names: ['b', '*', 'a'] },
  { kind: 'answer', error: false },
  { kind: 'answer', error: false },
  { kind: 'set', contents: { b: '3' } },
  { kind: 'answer', error: true },
];

suite(
  'random walk: each stream ends with its subscribed resources, and no response is sent without a reason',
  () => {
    for (const protocol of ['delta', 'sotw'] as const) {
      test(protocol, () => {
        let responses = 0;
        fc.assert(
          fc.property(walks, (walk) => {
            const walker = createWalker(protocol);
            for (const step of walk) walker.take(step);
            walker.finish();
            responses += walker.responses;
          }),
          { numRuns: 1_000, examples: [[lateAnswer]] },
        );
        assert.ok(responses > 5_000, `the walks contain only ${responses} responses`);
      });
    }
  },
);
