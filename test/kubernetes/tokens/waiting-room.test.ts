import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createWaitingRoom } from '../../../src/kubernetes/tokens/waiting-room.ts';
import type { WaitingLimits } from '../../../src/kubernetes/tokens/waiting-room.ts';

const limits: WaitingLimits = { tokens: 4, tokensOfAddress: 2, characters: 100, charactersOfAddress: 60 };

suite('room for waiting tokens', () => {
  const cases: readonly (readonly [
    what: string,
    entered: readonly (readonly [address: string, characters: number])[],
    last: boolean,
  ])[] = [
    ['empty', [['a', 60]], true],
    [
      'as many of an address as it may have',
      [
        ['a', 1],
        ['a', 1],
        ['a', 1],
      ],
      false,
    ],
    [
      'as many of an address, and another one',
      [
        ['a', 1],
        ['a', 1],
        ['b', 1],
      ],
      true,
    ],
    [
      'as many as there may be',
      [
        ['a', 1],
        ['a', 1],
        ['b', 1],
        ['b', 1],
        ['c', 1],
      ],
      false,
    ],
    [
      'characters of an address',
      [
        ['a', 30],
        ['a', 31],
      ],
      false,
    ],
    [
      'characters of an address, exactly',
      [
        ['a', 30],
        ['a', 30],
      ],
      true,
    ],
    [
      'characters of all',
      [
        ['a', 60],
        ['b', 41],
      ],
      false,
    ],
    [
      'characters of all, exactly',
      [
        ['a', 60],
        ['b', 40],
      ],
      true,
    ],
  ];
  for (const [what, entered, last] of cases)
    test(`${what}: ${last ? 'has room' : 'has no room'}`, () => {
      const room = createWaitingRoom(limits);
      assert.equal(entered.map(([address, characters]) => room.enter(address, characters)).at(-1), last);
    });

  test('token that left, or had no room: counts no longer', () => {
    const room = createWaitingRoom(limits);
    for (let times = 0; times < 10; times += 1) {
      assert.ok(room.enter('a', 60));
      assert.equal(room.enter('a', 1), false);
      room.leave('a', 60);
    }
    for (const address of ['b', 'c', 'd', 'e']) assert.ok(room.enter(address, 25));
  });
});
