import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from '../../kit/fast-check.ts';

import { stepFile, unseen } from '../../../src/inputs/directory/file-state.ts';
import type { ContentSighting, FileState, Sighting } from '../../../src/inputs/directory/file-state.ts';
import type { SourceEvent } from '../../../src/trust/source.ts';

const settleMs = 100;
const absent: Sighting = { kind: 'absent', noticed: false, evidence: 'deletion' };
const unknown: Sighting = { kind: 'unknown' };

function unreadable(reason = 'is a directory'): Sighting {
  return { kind: 'unreadable', reason };
}

/** A reading of a version that is `n`th in a row of writes; young unless said otherwise. */
function content(n: number, text: string, more: Partial<ContentSighting> = {}): Sighting {
  const version = { dev: 1n, ino: 1n, size: BigInt(text.length), mtimeNs: BigInt(n), ctimeNs: BigInt(n) };
  return { kind: 'content', version, text, hash: text, ageMs: 0, placed: false, ...more };
}

/** Events as one line each, beside the time at which they were told. */
function play(...looks: readonly (readonly [number, Sighting])[]): {
  told: string[];
  lookAt: number | undefined;
} {
  let state: FileState = unseen;
  let lookAt: number | undefined;
  const told: string[] = [];
  for (const [now, sighting] of looks) {
    const step = stepFile('a.yaml', state, sighting, now, settleMs);
    ({ state, lookAt } = step);
    if (step.event !== undefined) told.push(`${now} ${line(step.event)}`);
  }
  return { told, lookAt };
}

function line(event: SourceEvent): string {
  switch (event.kind) {
    case 'content':
      return `${event.text} ${event.settled ? 'settled' : 'unsettled'}`;
    case 'unreadable':
      return `unreadable: ${event.reason}`;
    case 'gone':
      return event.evidence === 'deletion' ? 'gone' : 'gone by absence';
    case 'failed':
    case 'recovered':
    case 'synced':
      return event.kind;
  }
}

const cases: Readonly<
  Record<string, { looks: readonly (readonly [number, Sighting])[]; told: string[]; lookAt?: number }>
> = {
  'a new file is told at once and looked at again': {
    looks: [[0, content(1, 'one')]],
    told: ['0 one unsettled'],
    lookAt: 100,
  },
  'a file that stays the same for 100 ms settles, once': {
    looks: [
      [0, content(1, 'one')],
      [100, content(1, 'one')],
      [200, content(1, 'one')],
    ],
    told: ['0 one unsettled', '100 one settled'],
  },
  'a look before the time changes nothing': {
    looks: [
      [0, content(1, 'one')],
      [99, content(1, 'one')],
    ],
    told: ['0 one unsettled'],
    lookAt: 100,
  },
  'every write starts the time anew': {
    looks: [
      [0, content(1, 'one')],
      [60, content(2, 'two')],
      [120, content(2, 'two')],
      [160, content(2, 'two')],
    ],
    told: ['0 one unsettled', '60 two unsettled', '160 two settled'],
  },
  'a write of the same text starts the time anew without being told': {
    looks: [
      [0, content(1, 'one')],
      [60, content(2, 'one')],
      [100, content(2, 'one')],
      [160, content(2, 'one')],
    ],
    told: ['0 one unsettled', '160 one settled'],
  },
  'two writes in one tick of the clock, of one length, are two versions': {
    looks: [
      [0, content(1, 'one')],
      [60, content(1, 'two')],
      [100, content(1, 'two')],
    ],
    told: ['0 one unsettled', '60 two unsettled'],
    lookAt: 160,
  },
  'a file whose times are old is settled at the first look': {
    looks: [[0, content(1, 'one', { ageMs: 100 })]],
    told: ['0 one settled'],
  },
  'a file that was moved into place is settled at the first look': {
    looks: [
      [0, content(1, 'one', { ageMs: 100 })],
      [5, content(2, 'two', { placed: true })],
    ],
    told: ['0 one settled', '5 two settled'],
  },
  'a touch of a settled file is no news': {
    looks: [
      [0, content(1, 'one', { ageMs: 100 })],
      [5, content(2, 'one')],
    ],
    told: ['0 one settled'],
  },
  'a settled text that comes back has to settle again': {
    looks: [
      [0, content(1, 'one', { ageMs: 100 })],
      [5, content(2, 'o')],
      [9, content(3, 'one')],
      [109, content(3, 'one')],
    ],
    told: ['0 one settled', '5 o unsettled', '9 one unsettled', '109 one settled'],
  },
  'an empty file is told like any other': {
    looks: [[0, content(1, '')]],
    told: ['0  unsettled'],
    lookAt: 100,
  },
  'an unchanged file is no news': {
    looks: [
      [0, content(1, 'one', { ageMs: 100 })],
      [5, { kind: 'same' }],
    ],
    told: ['0 one settled'],
  },
  'a file is gone when it was absent for 100 ms': {
    looks: [
      [0, content(1, 'one', { ageMs: 100 })],
      [5, absent],
      [60, absent],
      [105, absent],
    ],
    told: ['0 one settled', '105 gone'],
  },
  'a file that is absent is looked at again in time': {
    looks: [
      [0, content(1, 'one', { ageMs: 100 })],
      [5, absent],
      [60, absent],
    ],
    told: ['0 one settled'],
    lookAt: 105,
  },
  'deleted and created again is a change': {
    looks: [
      [0, content(1, 'one', { ageMs: 100 })],
      [5, absent],
      [60, content(2, 'two')],
    ],
    told: ['0 one settled', '60 two unsettled'],
    lookAt: 160,
  },
  'deleted and created again with the same text is no news': {
    looks: [
      [0, content(1, 'one', { ageMs: 100 })],
      [5, absent],
      [60, content(2, 'one')],
    ],
    told: ['0 one settled'],
  },
  'each absence counts for itself': {
    looks: [
      [0, content(1, 'one', { ageMs: 100 })],
      [5, absent],
      [60, content(2, 'one')],
      [90, absent],
      [110, absent],
    ],
    told: ['0 one settled'],
    lookAt: 190,
  },
  'a file that was there for a moment while it was absent is not yet gone': {
    looks: [
      [0, content(1, 'one', { ageMs: 100 })],
      [5, absent],
      [60, { kind: 'absent', noticed: true, evidence: 'deletion' }],
      [105, absent],
    ],
    told: ['0 one settled'],
    lookAt: 160,
  },
  'what the last look says of an absence is how it is known': {
    looks: [
      [0, content(1, 'one', { placed: true })],
      [5, absent],
      [105, { kind: 'absent', noticed: false, evidence: 'absence' }],
    ],
    told: ['0 one settled', '105 gone by absence'],
  },
  'a file that was never seen is not gone': { looks: [[0, absent]], told: [] },
  'a file that comes back after it was gone is new': {
    looks: [
      [0, content(1, 'one', { ageMs: 100 })],
      [5, absent],
      [105, absent],
      [200, content(2, 'one')],
    ],
    told: ['0 one settled', '105 gone', '200 one unsettled'],
    lookAt: 300,
  },
  'a directory out of reach says nothing about its files': {
    looks: [
      [0, content(1, 'one', { ageMs: 100 })],
      [5, absent],
      [105, unknown],
      [500, absent],
      [550, absent],
    ],
    told: ['0 one settled'],
    lookAt: 600,
  },
  'a file that was never read is unreadable at once, and tried again': {
    looks: [
      [0, unreadable()],
      [50, unreadable()],
    ],
    told: ['0 unreadable: is a directory'],
    lookAt: 2050,
  },
  'a file that was read is unreadable after 100 ms': {
    looks: [
      [0, content(1, 'one', { ageMs: 100 })],
      [5, unreadable('is not UTF-8')],
      [105, unreadable('is not UTF-8')],
    ],
    told: ['0 one settled', '105 unreadable: is not UTF-8'],
    lookAt: 2105,
  },
  'a file that is unreadable for a moment is no news': {
    looks: [
      [0, content(1, 'one', { ageMs: 100 })],
      [5, unreadable()],
      [50, content(1, 'one')],
    ],
    told: ['0 one settled'],
  },
  'another reason is told': {
    looks: [
      [0, unreadable('a')],
      [5, unreadable('b')],
    ],
    told: ['0 unreadable: a', '5 unreadable: b'],
    lookAt: 2005,
  },
  'a file that can be read again is told even if its text is the old one': {
    looks: [
      [0, content(1, 'one', { ageMs: 100 })],
      [5, unreadable()],
      [105, unreadable()],
      [200, content(1, 'one', { ageMs: 300 })],
    ],
    told: ['0 one settled', '105 unreadable: is a directory', '200 one settled'],
  },
  'an unreadable file can be gone': {
    looks: [
      [0, unreadable()],
      [5, absent],
      [105, absent],
    ],
    told: ['0 unreadable: is a directory', '105 gone'],
  },
  'unreadable for a time and then absent is not yet gone': {
    looks: [
      [0, content(1, 'one', { ageMs: 100 })],
      [5, unreadable()],
      [100, absent],
      [110, absent],
    ],
    told: ['0 one settled'],
    lookAt: 200,
  },
  'absent for a time and then unreadable is not yet told': {
    looks: [
      [0, content(1, 'one', { ageMs: 100 })],
      [5, absent],
      [100, unreadable()],
      [110, unreadable()],
    ],
    told: ['0 one settled'],
    lookAt: 200,
  },
};

for (const [name, { looks, told, lookAt }] of Object.entries(cases)) {
  test(name, () => {
    assert.deepEqual(play(...looks), { told, lookAt });
  });
}

test('whatever is written and whenever it is looked at, what is told as settled was complete', () => {
  // A writer extends the file step by step; looks fall anywhere. A text counts as complete when its version
  // was in place for 100 ms at the time of telling.
  const steps = fc.array(
    fc.record({ pause: fc.integer({ min: 0, max: 150 }), act: fc.constantFrom('write', 'look', 'delete') }),
    { minLength: 1, maxLength: 60 },
  );
  fc.assert(
    fc.property(steps, (plan) => {
      let now = 0;
      let version = 0;
      let changedAt = 0;
      let isThere = false;
      let noticed = false;
      let state: FileState = unseen;
      for (const { pause, act } of plan) {
        now += pause;
        if (act !== 'look') {
          isThere = act === 'write';
          version += 1;
          changedAt = now;
          noticed = true;
          continue;
        }
        const sighting = isThere
          ? content(version, `text ${version}`, { ageMs: now - changedAt })
          : ({ kind: 'absent', noticed, evidence: 'deletion' } as const);
        noticed = false;
        const step = stepFile('a.yaml', state, sighting, now, settleMs);
        ({ state } = step);
        const isFinal = step.event?.kind === 'gone' || (step.event?.kind === 'content' && step.event.settled);
        assert.ok(!isFinal || now - changedAt >= settleMs, `told at ${now}, changed at ${changedAt}`);
        assert.ok(step.lookAt === undefined || step.lookAt > now, 'a look in the past would never end');
      }
    }),
  );
});

test('a file that is left alone is told as settled at the latest by the look that was asked for', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 99 }), { maxLength: 10 }), (pauses) => {
      let now = 0;
      let state: FileState = unseen;
      for (const [index, pause] of pauses.entries()) {
        now += pause;
        ({ state } = stepFile('a.yaml', state, content(index, `${index}`), now, settleMs));
      }
      const last = stepFile('a.yaml', state, content(99, 'last'), now, settleMs);
      assert.ok(last.lookAt !== undefined);
      const { event } = stepFile('a.yaml', last.state, content(99, 'last'), last.lookAt, settleMs);
      assert.deepEqual(event, { kind: 'content', path: 'a.yaml', text: 'last', settled: true });
    }),
  );
});
