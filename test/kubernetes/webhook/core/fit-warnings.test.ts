import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import * as fc from '../../../kit/fast-check.ts';

import {
  fitWarnings,
  longestSum,
  longestWarning,
} from '../../../../src/kubernetes/webhook/core/fit-warnings.ts';

describe('warnings', () => {
  it('are passed on as they are where they fit', () =>
    assert.deepEqual(fitWarnings(['one', 'two']), ['one', 'two']));

  it('are said once', () => assert.deepEqual(fitWarnings(['one', 'two', 'one']), ['one', 'two']));

  it('are cut where one is too long', () => {
    const [text = ''] = fitWarnings(['x'.repeat(300)]);
    assert.equal(text, `${'x'.repeat(255)}…`);
  });

  it('are counted where they are too many', () => {
    const texts = Array.from({ length: 40 }, (_, index) => `${index} `.padEnd(200, 'x'));
    const fitted = fitWarnings(texts);
    assert.deepEqual(fitted.slice(0, -1), texts.slice(0, 20));
    assert.equal(fitted.at(-1), 'and 20 more warnings');
  });

  it('are one line each, within what the API server passes on, whatever they say', () => {
    const text = fc.string({ unit: 'binary', maxLength: 600 });
    fc.assert(
      fc.property(fc.array(text, { maxLength: 60 }), (warnings) => {
        const fitted = fitWarnings(warnings);
        assert.ok(fitted.every((line) => line.length <= longestWarning && !/\p{Cc}/u.test(line)));
        assert.ok(fitted.every((line) => line.isWellFormed()));
        assert.ok(fitted.reduce((sum, line) => sum + line.length, 0) <= longestSum);
      }),
    );
  });
});
