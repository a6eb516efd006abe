import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { nameProblem } from '../../../src/trust/x509/match-names.ts';
import type { EnvoyEdition } from '../../../src/trust/x509/match-names.ts';
import type { SubjectName } from '../../../src/trust/x509/subject-names.ts';

type Kind = 'email' | 'dns' | 'uri';
type Outcome = 'matches' | 'differs' | 'name-unreadable' | 'constraint-unsupported';
const editions: readonly EnvoyEdition[] = ['1.36', '1.40'];

/**
 * A name, the base of a constraint, and the outcome in each edition. Real Envoys confirm it in the test of odd
 * certificates.
 */
const cases: readonly (readonly [Kind, name: string, base: string, old: Outcome, now?: Outcome])[] = [
  ['email', 'b@x.test', 'x.test', 'matches'],
  ['email', 'b@X.TEST', 'x.test', 'matches'],
  ['email', 'b@y.x.test', 'x.test', 'differs'],
  ['email', 'b@y.x.test', '.x.test', 'matches'],
  ['email', 'b@x.test', '.x.test', 'differs'],
  ['email', 'b@x.test', 'b@x.test', 'matches'],
  ['email', 'b@x.test', 'a@x.test', 'differs'],
  ['email', 'b@x.test', 'bb@x.test', 'differs'],
  ['email', 'B@x.test', 'b@x.test', 'differs'],
  ['email', 'b@x.test', '@x.test', 'matches', 'name-unreadable'],
  ['email', 'b', 'x.test', 'name-unreadable'],
  ['dns', 'x.test', 'x.test', 'matches'],
  ['dns', 'a.x.test', 'x.test', 'matches'],
  ['dns', 'ax.test', 'x.test', 'differs'],
  ['dns', 'a.x.test', '.x.test', 'matches'],
  ['dns', 'a.x.test', '', 'matches'],
  ['dns', 'x.test', 'x.test.', 'differs', 'matches'],
  ['uri', 'spiffe://a.x.test/w', '.x.test', 'matches'],
  ['uri', 'spiffe://x.test/w', 'x.test', 'matches'],
  ['uri', 'spiffe://y.test/w', 'x.test', 'differs'],
];

suite('match names', () => {
  for (const [kind, text, baseText, old, now = old] of cases)
    for (const [index, edition] of editions.entries()) {
      const expected = [old, now][index] ?? old;
      test(`${kind} ${text}, constraint ${baseText}, Envoy ${edition} › ${expected}`, () => {
        const name: SubjectName = { kind, text };
        const subtree = { base: { kind, text: baseText } as const, isBounded: false };
        const permits = nameProblem(name, { permitted: [subtree], excluded: [] }, edition);
        const excludes = nameProblem(name, { permitted: [], excluded: [subtree] }, edition);
        const problems: Readonly<Record<Outcome, readonly [unknown, unknown]>> = {
          matches: [undefined, 'name-excluded'],
          differs: ['name-not-permitted', undefined],
          'name-unreadable': ['name-unreadable', 'name-unreadable'],
          'constraint-unsupported': ['constraint-unsupported', 'constraint-unsupported'],
        };
        assert.deepEqual([permits, excludes], problems[expected]);
      });
    }
});
