import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { plainText } from '../../src/telemetry/plain-text.ts';

describe('text of others in a line', () => {
  const table = [
    ['keeps what is plain', 'Failed to load trusted CA for b.test', 'Failed to load trusted CA for b.test'],
    ['puts everything on one line', 'a\r\nb\n\nc', 'a b c'],
    ['takes out escape sequences', 'a\u001b[31mred\u009b0m', 'a [31mred 0m'],
    ['takes out the line separators of Unicode', 'a\u2028b\u2029c', 'a b c'],
    ['takes out PEM', 'a -----BEGIN X-----\nMII=\n-----END X----- b', 'a [PEM] b'],
    ['takes out PEM that has no end', 'a -----BEGIN X-----\nMII=', 'a [PEM]'],
    ['keeps other alphabets', 'Zertifikat läuft ab 证书', 'Zertifikat läuft ab 证书'],
  ] as const;
  for (const [what, text, expected] of table) it(what, () => assert.equal(plainText(text), expected));

  it('is at most as long as allowed, whatever comes', () => {
    fc.assert(
      fc.property(
        fc.string({ maxLength: 500, unit: 'binary' }),
        fc.integer({ min: 1, max: 200 }),
        (text, max) => {
          const plain = plainText(text, max);
          assert.ok(plain.length <= max + 1);
          // oxlint-disable-next-line no-control-regex -- they are what must not be there
          assert.doesNotMatch(plain, /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
        },
      ),
    );
  });
});
