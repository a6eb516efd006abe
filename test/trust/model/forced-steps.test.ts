import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  formatForcedSteps,
  mostForcedSteps,
  parseForcedSteps,
} from '../../../src/trust/model/forced-steps.ts';
import type { ForcedStep } from '../../../src/trust/model/forced-steps.ts';
import * as fc from '../../kit/fast-check.ts';

const step: fc.Arbitrary<ForcedStep> = fc.record(
  {
    at: fc.nat({ max: 4_000_000_000 }).map((seconds) => seconds * 1000),
    command: fc.constantFrom('start', 'switched', 'back', 'finish', 'clean', 'abort'),
    gates: fc.array(
      fc.nat({ max: 99 }).map((digits) => `R${String(digits).padStart(2, '0')}`),
      { minLength: 1, maxLength: 40 },
    ),
  },
  { noNullPrototype: true },
);

suite('record of forced gates', () => {
  test('any steps → the text has the same steps', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: mostForcedSteps }), (steps) => {
        assert.deepEqual(parseForcedSteps(formatForcedSteps(steps)), steps);
      }),
    );
  });

  test('more steps than are recorded → cannot be read', () => {
    const one = { at: 0, command: 'finish', gates: ['R20'] };
    const text = formatForcedSteps(Array.from({ length: mostForcedSteps + 1 }, () => one));
    assert.equal(parseForcedSteps(text), undefined);
  });

  test('any text → is read only if it is what these steps are written as', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const steps = parseForcedSteps(text);
        if (steps !== undefined) assert.equal(formatForcedSteps(steps), text);
      }),
    );
  });
});
