import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { pureRooms } from '../../scripts/lint/rooms.ts';
import {
  isDecisive,
  outcomeOf,
  parseFailures,
  type Failure,
  type TestRun,
} from '../../scripts/mutation/outcome.ts';
import { mutate, mutationsOf, roomOf, roundsOf, shuffle } from '../../scripts/mutation/places.ts';
import { filesThatLoad, importsOf } from '../../scripts/mutation/reach.ts';
import { testsOf } from '../../scripts/mutation/tests-of.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

function failure(kind: string, name = kind): Failure {
  return { file: 'test/a.test.ts', name, kind };
}

suite('places of a file', () => {
  const cases: readonly (readonly [condition: string, text: string, changed: readonly string[]])[] = [
    ['comparison', 'if (a === b) c();', ['if (a !== b) c();']],
    ['bound', 'if (a < b) c();', ['if (a <= b) c();']],
    ['two operators in a line', 'x = a && b || c;', ['x = a || b || c;', 'x = a && b && c;']],
    ['negation', 'if (!a) b();', ['if (a) b();']],
    ['number', 'const limit = 9;', ['const limit = 10;']],
    ['constant', 'f(true);', ['f(false);']],
    ['return of a value', '  return a;', ['  return undefined as never;']],
    ['return of undefined', '  return undefined;', []],
    ['operator in a comment', '// a === b\n/* a && b */', []],
    ['operator in a string', "x('a === b', `a && b`);", []],
    ['string before an operator', "x('a' === b);", ["x('a' !== b);"]],
    ['declaration of a type', 'type Same = (a: 1) => true;', []],
  ];
  for (const [condition, text, changed] of cases)
    test(`${condition}: ${changed.length === 0 ? 'is no place' : `becomes ${changed.join(' and ')}`}`, () => {
      const found = mutationsOf('src/a.ts', text).map((mutation) => mutate(text, mutation));
      assert.deepEqual(found, changed);
    });

  test('place in the third line: has the number of the line', () => {
    assert.deepEqual(
      mutationsOf('src/a.ts', 'a();\n// b\nif (a > b) c();').map(({ line }) => line),
      [3],
    );
  });
});

suite('choice of places', () => {
  const rooms = ['trust', 'trust/model', 'text'];
  const text = 'if (a === b && c < d) e(true);';
  const files = ['src/text/a.ts', 'src/trust/a.ts', 'src/trust/model/a.ts', 'src/trust/model/b.ts'];
  const all = files.flatMap((file) => mutationsOf(file, text));

  test('file in a room within a room: belongs to the inner room', () => {
    assert.deepEqual(
      [...files, 'src/net/a.ts', 'src/trust-store/a.ts'].map((file) => roomOf(file, rooms)),
      ['text', 'trust', 'trust/model', 'trust/model', undefined, undefined],
    );
  });

  test('rooms of different sizes: take turns until each has no place left', () => {
    const order = shuffle(all, rooms, 1);
    assert.equal(order.length, all.length);
    assert.equal(new Set(order).size, all.length);
    for (const turn of [0, 1, 2, 3])
      assert.deepEqual(
        order.slice(turn * 3, turn * 3 + 3).map(({ file }) => roomOf(file, rooms)),
        rooms,
      );
  });

  test('same seed: has the same order; other seed: has another', () => {
    assert.deepEqual(shuffle(all, rooms, 7), shuffle(all, rooms, 7));
    assert.notDeepEqual(shuffle(all, rooms, 7), shuffle(all, rooms, 8));
  });
});

suite('rounds of the compiler', () => {
  test('several places of some files: each round has one of each file, and all are there', () => {
    const text = 'if (a === b && c < d) e();';
    const [a, b] = [mutationsOf('src/a.ts', text), mutationsOf('src/b.ts', text).slice(0, 1)];
    const rounds = roundsOf([...a, ...b]);
    assert.deepEqual(
      rounds.map((round) => round.map(({ file }) => file)),
      [['src/a.ts', 'src/b.ts'], ['src/a.ts'], ['src/a.ts']],
    );
    assert.deepEqual(new Set(rounds.flat()), new Set([...a, ...b]));
  });
});

suite('tests of a file', () => {
  const find = (patterns: readonly string[]): readonly string[] => globSync([...patterns], { cwd: root });

  test('each group of patterns: finds tests, and those of the room come first', () => {
    for (const room of pureRooms) {
      const [first = [], ...others] = testsOf(`src/${room}/a.ts`);
      const found = find(first);
      assert.ok(found.length > 0 && found.every((file) => file.startsWith(`test/${room}/`)), room);
      for (const group of others) assert.ok(find(group).length > found.length, room);
    }
  });

  test('imports: of values by a path, static and dynamic, and no types or packages', () => {
    const text = [
      "import { a } from './a.ts';",
      'import {',
      '  b,',
      "} from '../b.ts';",
      "import type { T } from './types.ts';",
      "export * from './c.ts';",
      "export type { U } from './other-types.ts';",
      "import fs from 'node:fs';",
      "const late = import('./late.ts');",
      "const text = 'import x';",
    ];
    assert.deepEqual(importsOf('src/room/file.ts', text.join('\n')), [
      'src/room/a.ts',
      'src/b.ts',
      'src/room/c.ts',
      'src/room/late.ts',
    ]);
  });

  test('files that load a file: directly, by others and in a circle, and no others', () => {
    const imports = new Map([
      ['a.ts', []],
      ['b.ts', ['a.ts', 'c.ts']],
      ['c.ts', ['b.ts']],
      ['b.test.ts', ['c.ts']],
      ['other.test.ts', ['d.ts']],
    ]);
    assert.deepEqual([...filesThatLoad('a.ts', imports)], ['a.ts', 'b.ts', 'c.ts', 'b.test.ts']);
  });
});

suite('outcome of a run', () => {
  const passed: TestRun = { failures: [], exitCode: 0, isOverLimit: false };
  const assertion = failure('testCodeFailure');
  const timeout = failure('testTimeoutFailure');
  const suiteFailure = failure('subtestsFailed');
  const cancelled = failure('cancelledByParent');
  const cases: readonly (readonly [name: string, run: TestRun, outcome: unknown])[] = [
    ['no failure: passed', passed, { kind: 'passed' }],
    [
      'failed assertion: noticed by its test, not by the suite around it',
      { ...passed, failures: [suiteFailure, assertion], exitCode: 1 },
      { kind: 'noticed', by: assertion },
    ],
    [
      'time-out of a test: not noticed',
      { ...passed, failures: [timeout, cancelled, suiteFailure], exitCode: 1 },
      { kind: 'timed-out', at: timeout },
    ],
    [
      'time-out and a failed assertion: noticed',
      { ...passed, failures: [timeout, assertion], exitCode: 1 },
      { kind: 'noticed', by: assertion },
    ],
    [
      'limit of the run: not noticed',
      { failures: [], exitCode: null, isOverLimit: true },
      { kind: 'timed-out', at: undefined },
    ],
    [
      'event that never comes: noticed by the test that awaits it',
      { ...passed, failures: [cancelled, suiteFailure], exitCode: 1 },
      { kind: 'noticed', by: cancelled },
    ],
    [
      'run that was ended at the first failure: noticed',
      { failures: [assertion], exitCode: null, isOverLimit: false },
      { kind: 'noticed', by: assertion },
    ],
  ];
  for (const [name, run, outcome] of cases)
    test(name, () => {
      assert.deepEqual(outcomeOf(run), outcome);
    });

  test('exit code without a failed test: is an error, not a notice', () => {
    assert.throws(() => outcomeOf({ ...passed, exitCode: 1 }), /could not be run: exit code 1/);
  });

  test('kinds of failures: the consequences and time-outs decide nothing', () => {
    const kinds = ['testCodeFailure', 'hookFailed', 'uncaughtException', 'unknown'];
    assert.ok(kinds.every((kind) => isDecisive(failure(kind))));
    const others = ['subtestsFailed', 'cancelledByParent', 'testTimeoutFailure', 'testAborted'];
    assert.ok(others.every((kind) => !isDecisive(failure(kind))));
  });

  test('output with an incomplete last line: has the failures of the complete lines', () => {
    const line = JSON.stringify(assertion);
    assert.deepEqual(parseFailures(`${line}\nother text\n${line}\n${line.slice(0, 9)}`), [
      assertion,
      assertion,
    ]);
    assert.deepEqual(parseFailures(''), []);
  });
});
