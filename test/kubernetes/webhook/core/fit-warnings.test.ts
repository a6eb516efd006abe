import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import * as fc from '../../../kit/fast-check.ts';

import {
  fitWarnings,
  maxTotalLength,
  maxWarningLength,
} from '../../../../src/kubernetes/webhook/core/fit-warnings.ts';

suite('fitted warnings', () => {
  test('short warnings: are unchanged', () => assert.deepEqual(fitWarnings(['one', 'two']), ['one', 'two']));

  test('duplicate warnings: are removed', () =>
    assert.deepEqual(fitWarnings(['one', 'two', 'one']), ['one', 'two']));

  test('long warning: is cut', () => {
    const [text = ''] = fitWarnings(['x'.repeat(300)]);
    assert.equal(text, `${'x'.repeat(255)}…`);
  });

  test('too many warnings: the rest is counted', () => {
    const texts = Array.from({ length: 40 }, (_, index) => `${index} `.padEnd(200, 'x'));
    const fitted = fitWarnings(texts);
    assert.deepEqual(fitted.slice(0, -1), texts.slice(0, 20));
    assert.equal(fitted.at(-1), 'and 20 more warnings');
  });

  test('the last warning fills the total exactly: all are there; a longer one: is counted', () => {
    const full = Array.from({ length: 16 }, (_, index) => `${index} `.padEnd(256, 'x'));
    assert.deepEqual(fitWarnings(full), full);
    const beyond = [...full.slice(0, 15), 'x'.repeat(255), 'yy'];
    assert.deepEqual(fitWarnings(beyond), [...full.slice(0, 15), 'and 2 more warnings']);
  });

  test('any warnings: are one line each, within the limits of the API server', () => {
    const text = fc.string({ unit: 'binary', maxLength: 600 });
    fc.assert(
      fc.property(fc.array(text, { maxLength: 60 }), (warnings) => {
        const fitted = fitWarnings(warnings);
        assert.ok(fitted.every((line) => line.length <= maxWarningLength && !/\p{Cc}/u.test(line)));
        assert.ok(fitted.every((line) => line.isWellFormed()));
        assert.ok(fitted.reduce((sum, line) => sum + line.length, 0) <= maxTotalLength);
      }),
    );
  });
});
