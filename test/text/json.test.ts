import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { compareText } from '../../src/text/compare-text.ts';
import { asMapping, isMapping, parseJson } from '../../src/text/json.ts';

suite('JSON of another party', () => {
  test('text is JSON → its value; otherwise → undefined', () => {
    assert.deepEqual(parseJson('{"a":[1]}'), { a: [1] });
    assert.equal(parseJson('null'), null);
    for (const text of ['', '{', '<html>', "{'a': 1}"]) assert.equal(parseJson(text), undefined, text);
  });

  test('value is an object → a mapping; a list, null or a scalar → none', () => {
    const mapping = { a: 1 };
    assert.equal(asMapping(mapping), mapping);
    assert.equal(isMapping(Object.create(null)), true);
    for (const value of [[], null, undefined, 'text', 0, true]) {
      assert.equal(isMapping(value), false);
      assert.equal(asMapping(value), undefined);
    }
  });
});

suite('compareText', () => {
  test('texts → the order of sort(), which does not depend on a locale', () => {
    const texts = ['b', 'ä', 'B', 'a', '', 'z', '10', '9', '\ud83d\ude00', '\uffee'];
    assert.deepEqual(texts.toSorted(compareText), texts.toSorted());
  });

  test('equal texts → 0; an absent text → comes first', () => {
    assert.equal(compareText('a', 'a'), 0);
    assert.equal(compareText(undefined, ''), 0);
    assert.equal(compareText(undefined, 'a'), -1);
    assert.equal(compareText('a'), 1);
  });
});
