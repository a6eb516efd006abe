import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { RotationDetail } from '../../src/api/rotation-api-types.ts';
import { initialState } from '../../src/page/page-state.ts';
import type { Actions } from '../../src/page/page-state.ts';
import { viewRotations } from '../../src/page/view-rotations.ts';
import { plainOf, textOf } from './template-text.ts';

const now = Date.parse('2026-11-28T12:00:00Z');
const [old, next] = ['a'.repeat(64), 'b'.repeat(64)];

function rotation(state: RotationDetail['state'], shut: readonly string[] = []): RotationDetail {
  return {
    mesh: 'default',
    trustDomain: 'a.test',
    resource: 'default//zone',
    state,
    old,
    new: next,
    gates: shut.map((detail) => ({ id: 'R20', code: 'proxies-behind', open: false, detail })),
    next: { command: 'meshtrust rotate finish', allowed: shut.length === 0 },
    listed: [],
  };
}

/** Returns the class and the text of each step. */
function stepsOf(detail: RotationDetail): readonly (readonly [kind: string, text: string])[] {
  const state = initialState({ kind: 'mesh', mesh: 'default' } as never, now);
  const page = textOf(viewRotations({ rotations: [detail] }, state, {} as Actions));
  const [, list = ''] = /<ol class="steps">(.*)<\/ol>/s.exec(page) ?? [];
  return list
    .split(/<li\s+class=/)
    .slice(1)
    .map((item) => {
      const [, kind = '', rest = ''] = /^(\w+)[^>]*>(.*)$/s.exec(item) ?? [];
      return [kind, plainOf(rest)] as const;
    });
}

suite('a rotation on the page', () => {
  test('each state → the steps before it are done, and those after it are later', () => {
    const states = ['introducing', 'introduced', 'draining', 'removable', 'finishing', 'steady'] as const;
    for (const [index, state] of states.entries()) {
      const kinds = stepsOf(rotation(state)).map(([kind]) => kind);
      assert.deepEqual(
        kinds,
        states.map((_, at) => (at < index ? 'done' : at === index ? 'next' : 'later')),
      );
    }
  });

  test('gates that were passed by force → are named, with the command and the time', () => {
    const forced = [{ at: '2026-11-28T11:00:00Z', command: 'finish', gates: [{ id: 'R24' }, { id: 'R30' }] }];
    const state = initialState({ kind: 'mesh', mesh: 'default' } as never, now);
    const textWith = (more: Partial<RotationDetail>): string =>
      plainOf(
        textOf(viewRotations({ rotations: [{ ...rotation('finishing'), ...more }] }, state, {} as Actions)),
      );
    assert.match(textWith({ forced }), /Passed by force: finish R24,R30 \(2026-11-28T11:00:00Z\)/);
    assert.doesNotMatch(textWith({}), /force/);
  });

  test('gates that are shut → below the next step, and nowhere else', () =>
    assert.deepEqual(stepsOf(rotation('draining', ['a leaf may be valid for 2h'])), [
      ['done', 'All proxies have both CAs'],
      ['done', 'The issuer signs with the new CA'],
      ['next', 'No leaf of the old CA is valid R20 a leaf may be valid for 2h'],
      ['later', 'The old CA is removed'],
      ['later', 'All proxies have the removal'],
      ['later', 'The annotations are removed'],
    ]));

  test('access logs → when the old CA was last seen, or that it was not', () => {
    const shown = (seen: RotationDetail['seen']): string => {
      const state = initialState({ kind: 'mesh', mesh: 'default' } as never, now);
      const page = textOf(
        viewRotations({ rotations: [{ ...rotation('draining'), seen }] }, state, {} as Actions),
      );
      return page.replaceAll(/<[^>]*>/g, '').replaceAll(/\s+/g, ' ');
    };
    assert.match(shown({ old: '2026-11-28T11:57:00Z', complete: false }), / · old CA last seen 3 min/);
    assert.match(shown({ complete: true }), / · old CA not seen [^,]/);
    assert.match(shown({ complete: false }), / · old CA not seen, but not observed all the time/);
    assert.doesNotMatch(shown(undefined), /seen/);
  });

  test('no rotation → nothing', () =>
    assert.equal(
      textOf(viewRotations({ rotations: [] }, initialState({} as never, now), {} as Actions)),
      '',
    ));
});
