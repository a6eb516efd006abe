import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from '../kit/fast-check.ts';
import {
  isUnsafe,
  oneLine,
  plainJson,
  plainLines,
  plainStrings,
  plainText,
} from '../../src/text/plain-text.ts';

suite('plainText', () => {
  const table = [
    ['plain text: stays', 'Failed to load trusted CA for b.test', 'Failed to load trusted CA for b.test'],
    ['several lines: become one', 'a\r\nb\n\nc', 'a b c'],
    ['escape sequences: are taken out', 'a\u001b[31mred\u009b0m', 'a [31mred 0m'],
    ['line separators of Unicode: are taken out', 'a\u2028b\u2029c', 'a b c'],
    ['characters that reorder text: are taken out', 'a\u202eb\u2066c\u061cd', 'a b c d'],
    [
      'characters that cannot be seen: are taken out',
      'a\u200bb\u2060c\ufeffd\u{e0041}e\u3164f\u00adg',
      'a b c d e f g',
    ],
    ['halves of characters, and marks of the program: are taken out', 'a\ud800b\ufdd2c', 'a b c'],
    ['PEM: is taken out', 'a -----BEGIN X-----\nMII=\n-----END X----- b', 'a [PEM] b'],
    ['PEM that has no end: is taken out', 'a -----BEGIN X-----\nMII=', 'a [PEM]'],
    ['other alphabets: stay', 'Zertifikat läuft ab 证书', 'Zertifikat läuft ab 证书'],
  ] as const;
  for (const [what, text, expected] of table) test(what, () => assert.equal(plainText(text), expected));

  test('text of the greatest length: is whole; a longer one: is cut, with an ellipsis', () => {
    for (const letter of ['a', 'ä', '证']) {
      assert.equal(plainText(letter.repeat(500)), letter.repeat(500));
      assert.equal(plainText(letter.repeat(501)), `${letter.repeat(500)}…`);
    }
  });

  test('any text: at most as long as allowed', () => {
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

suite('plainLines, plainJson and plainStrings', () => {
  const anything = fc.string({ unit: 'binary', maxLength: 100 });

  test('several lines → only line breaks and tabs are kept', () => {
    assert.equal(plainLines('a\tb\n\u001b[1mc\r\n\u202ed'), 'a\tb\n [1mc \n d');
  });

  test('safe characters beside unsafe ones → only the unsafe ones change', () => {
    const text = 'läuft\u0000\u001b证书\u{1f512}\u202e\n\u0085\ud83d läuft';
    assert.equal(plainLines(text), 'läuft 证书\u{1f512} \n  läuft');
    assert.equal(oneLine(text), 'läuft 证书\u{1f512}  läuft');
    assert.equal(plainJson(text), 'läuft\\u0000\\u001b证书\u{1f512}\\u202e\n\\u0085\\ud83d läuft');
  });

  test('any text → safe', () => {
    fc.assert(
      fc.property(anything, (text) => {
        assert.ok(!isUnsafe(oneLine(text)) && !isUnsafe(plainLines(text)));
        assert.ok(!oneLine(text).includes('\n'));
      }),
    );
  });

  test('any JSON → same meaning, and safe', () => {
    fc.assert(
      fc.property(fc.dictionary(anything, fc.array(anything)), (data) => {
        const json = plainJson(JSON.stringify(data, null, 2));
        assert.deepEqual(JSON.parse(json), JSON.parse(JSON.stringify(data)));
        assert.ok(!isUnsafe(json));
      }),
    );
  });

  test('data → each string on one line, everything else unchanged', () => {
    const data = { a: 'x\ny', list: [1, null, true, { b: '\u0007' }] };
    assert.deepEqual(plainStrings(data), { a: 'x y', list: [1, null, true, { b: ' ' }] });
  });
});
