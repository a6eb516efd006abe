import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { expiryFindings, nextExpiryChange } from '../../src/bundle/expiry.ts';
import { bundleOf, shareOf } from '../kit/bundles.ts';
import { makeCa } from '../kit/certificates.ts';

const day = 86_400_000;
const notBefore = Date.UTC(2026, 0, 1);
const notAfter = Date.UTC(2027, 0, 1);
const bundle = bundleOf([
  shareOf('a.test', [makeCa({ notBefore: new Date(notBefore), notAfter: new Date(notAfter) })]),
]);

const table: Readonly<Record<string, readonly [at: number, found: readonly string[]]>> = {
  'nothing in the middle of its life': [notAfter - 200 * day, []],
  'not yet valid before its first second': [notBefore - 1, ['MT024 warning']],
  'nothing at its first second': [notBefore, []],
  'a note 90 days before the end': [notAfter - 90 * day + 2000, ['MT023 info']],
  'a warning 30 days before the end': [notAfter - 30 * day + 2000, ['MT023 warning']],
  'an error 7 days before the end': [notAfter - 7 * day + 2000, ['MT023 error']],
  'still valid in the second before its notAfter': [notAfter - 1, ['MT023 error']],
  'expired with that, as Envoy has it': [notAfter, ['MT022 warning']],
};

describe('the expiry of an anchor', () => {
  for (const [sentence, [at, expected]] of Object.entries(table)) {
    it(`is reported as ${sentence}`, () => {
      assert.deepEqual(
        expiryFindings(bundle, at).map(({ code, severity }) => `${code} ${severity}`),
        expected,
      );
    });
  }

  it('changes at each of the times that are foretold, and at no other', () => {
    const seen: string[] = [];
    let at: number | undefined = notBefore - day;
    while (at !== undefined) {
      seen.push(
        expiryFindings(bundle, at)
          .map(({ code, severity }) => `${code} ${severity}`)
          .join(),
      );
      at = nextExpiryChange(bundle, at);
    }
    assert.deepEqual(seen, [
      'MT024 warning',
      '',
      'MT023 info',
      'MT023 warning',
      'MT023 error',
      'MT022 warning',
    ]);
  });
});
