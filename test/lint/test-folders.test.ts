import assert from 'node:assert/strict';
import { globSync, readdirSync } from 'node:fs';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { pureRooms, rooms } from '../../scripts/lint/rooms.ts';
import { roomTests, unitTests } from '../test-folders.ts';

const cwd = fileURLToPath(new URL('../../', import.meta.url));
const find = (patterns: readonly string[]): readonly string[] => globSync([...patterns], { cwd }).sort();

/** Folders of `test` that are no room. */
const others = ['bench', 'docs', 'e2e', 'golden', 'kit', 'lint', 'proto'];

suite('test folders', () => {
  test('each test of a pure room: is part of test:unit, except for the one that needs a tool', () => {
    const found = new Set(find(unitTests));
    const missing = find(pureRooms.map((room) => `test/${room}/**/*.test.ts`)).filter(
      (file) => !found.has(file),
    );
    assert.deepEqual(missing, ['test/http2/h2spec.test.ts']);
  });

  test('each pure room: has tests in its own folder', () => {
    for (const room of pureRooms) assert.notEqual(find([`test/${room}/**/*.test.ts`]).length, 0, room);
  });

  test('each pattern of test:unit: finds tests', () => {
    for (const pattern of unitTests) assert.notEqual(find([pattern]).length, 0, pattern);
  });

  test('each folder of test: is a room and part of the coverage, or is listed as no room', () => {
    const tops = new Set(Object.keys(rooms).map((room) => room.replace(/\/.*/, '')));
    const folders = readdirSync(`${cwd}test`, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
    assert.deepEqual(
      folders.filter((name) => !tops.has(name)),
      others,
    );
    const ofRooms = folders.filter((name) => tops.has(name));
    assert.deepEqual([...roomTests].sort(), ofRooms.map((name) => `test/${name}/**/*.test.ts`).sort());
  });
});
