import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { actionOf, keys } from '../../src/page/keys.ts';
import type { PressedKey } from '../../src/page/keys.ts';

const pressed = (key: string, over: Partial<PressedKey> = {}): PressedKey => ({
  key,
  ctrlKey: false,
  altKey: false,
  metaKey: false,
  repeat: false,
  isComposing: false,
  defaultPrevented: false,
  ...over,
});

suite('keys of the page', () => {
  test('each key of the help: has its own action', () => {
    assert.deepEqual(
      keys.map(({ key }) => actionOf(pressed(key), false)),
      keys.map(({ action }) => action),
    );
    assert.equal(new Set(keys.map(({ key }) => key)).size, keys.length);
  });

  const ignored: readonly (readonly [what: string, key: PressedKey, isInField: boolean])[] = [
    ['in a field', pressed('/'), true],
    ['with Ctrl', pressed('f', { ctrlKey: true }), false],
    ['with Alt', pressed('f', { altKey: true }), false],
    ['with Meta', pressed('c', { metaKey: true }), false],
    ['held down', pressed('o', { repeat: true }), false],
    ['during the input of a character', pressed('o', { isComposing: true }), false],
    ['that something else has handled', pressed('o', { defaultPrevented: true }), false],
    ['without a meaning', pressed('x'), false],
  ];
  for (const [what, key, isInField] of ignored)
    test(`key ${what}: is ignored`, () => assert.equal(actionOf(key, isInField), undefined));
});
