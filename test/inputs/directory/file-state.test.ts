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

/** Returns the content of the `n`th version of a file. By default it has just been written. */
function content(n: number, text: string, more: Partial<ContentSighting> = {}): Sighting {
  const version = { dev: 1n, ino: 1n, size: BigInt(text.length), mtimeNs: BigInt(n), ctimeNs: BigInt(n) };
  return { kind: 'content', version, text, hash: text, ageMs: 0, placed: false, ...more };
}

/** Applies sightings at their times. Returns the events as lines with their times, and the time of the next check. */
function play(...checks: readonly (readonly [number, Sighting])[]): {
  reported: string[];
  checkAt: number | undefined;
} {
  let state: FileState = unseen;
  let checkAt: number | undefined;
  const reported: string[] = [];
  for (const [now, sighting] of checks) {
    const step = stepFile('a.yaml', state, sighting, now, settleMs);
    ({ state, checkAt } = step);
    if (step.event !== undefined) reported.push(`${now} ${line(step.event)}`);
  }
  return { reported, checkAt };
}

function line(event: SourceEvent): string {
  switch (event.kind) {
    case 'content':
      return `${event.text} ${event.settled ? 'settled' : 'unsettled'}`;
    case 'unreadable':
      return `unreadable: ${event.reason}`;
    case 'gone':
      return event.evidence === 'deletion' ? 'gone' : 'gone by absence';
    case 'kept':
    case 'failed':
    case 'recovered':
    case 'synced':
      return event.kind;
  }
}

const cases: Readonly<
  Record<string, { checks: readonly (readonly [number, Sighting])[]; reported: string[]; checkAt?: number }>
> = {
  'new file: is reported at once and checked again': {
    checks: [[0, content(1, 'one')]],
    reported: ['0 one unsettled'],
    checkAt: 100,
  },
  'file unchanged for 100 ms: settles once': {
    checks: [
      [0, content(1, 'one')],
      [100, content(1, 'one')],
      [200, content(1, 'one')],
    ],
    reported: ['0 one unsettled', '100 one settled'],
  },
  'check before the settle time: changes nothing': {
    checks: [
      [0, content(1, 'one')],
      [99, content(1, 'one')],
    ],
    reported: ['0 one unsettled'],
    checkAt: 100,
  },
  'each write: starts the settle time again': {
    checks: [
      [0, content(1, 'one')],
      [60, content(2, 'two')],
      [120, content(2, 'two')],
      [160, content(2, 'two')],
    ],
    reported: ['0 one unsettled', '60 two unsettled', '160 two settled'],
  },
  'write of the same text: starts the settle time again without a report': {
    checks: [
      [0, content(1, 'one')],
      [60, content(2, 'one')],
      [100, content(2, 'one')],
      [160, content(2, 'one')],
    ],
    reported: ['0 one unsettled', '160 one settled'],
  },
  'two writes of one length in one clock tick: are two versions': {
    checks: [
      [0, content(1, 'one')],
      [60, content(1, 'two')],
      [100, content(1, 'two')],
    ],
    reported: ['0 one unsettled', '60 two unsettled'],
    checkAt: 160,
  },
  'file with old times: is settled at the first check': {
    checks: [[0, content(1, 'one', { ageMs: 100 })]],
    reported: ['0 one settled'],
  },
  'file that changes with old times, of a server with another clock: settles by waiting': {
    checks: [
      [0, content(1, 'one two', { ageMs: 100 })],
      [5, content(2, 'one', { ageMs: 5_000 })],
      [10, content(3, 'one three', { ageMs: 5_000 })],
      [110, content(3, 'one three', { ageMs: 5_100 })],
    ],
    reported: ['0 one two settled', '5 one unsettled', '10 one three unsettled', '110 one three settled'],
  },
  'file moved into place: is settled at the first check': {
    checks: [
      [0, content(1, 'one', { ageMs: 100 })],
      [5, content(2, 'two', { placed: true })],
    ],
    reported: ['0 one settled', '5 two settled'],
  },
  'touch of a settled file: no report': {
    checks: [
      [0, content(1, 'one', { ageMs: 100 })],
      [5, content(2, 'one')],
    ],
    reported: ['0 one settled'],
  },
  'settled text that is written again later: must settle again': {
    checks: [
      [0, content(1, 'one', { ageMs: 100 })],
      [5, content(2, 'o')],
      [9, content(3, 'one')],
      [109, content(3, 'one')],
    ],
    reported: ['0 one settled', '5 o unsettled', '9 one unsettled', '109 one settled'],
  },
  'empty file: is reported like any other': {
    checks: [[0, content(1, '')]],
    reported: ['0  unsettled'],
    checkAt: 100,
  },
  'unchanged file: no report': {
    checks: [
      [0, content(1, 'one', { ageMs: 100 })],
      [5, { kind: 'same' }],
    ],
    reported: ['0 one settled'],
  },
  'file absent for 100 ms: is gone': {
    checks: [
      [0, content(1, 'one', { ageMs: 100 })],
      [5, absent],
      [60, absent],
      [105, absent],
    ],
    reported: ['0 one settled', '105 gone'],
  },
  'absent file: is checked again after the settle time': {
    checks: [
      [0, content(1, 'one', { ageMs: 100 })],
      [5, absent],
      [60, absent],
    ],
    reported: ['0 one settled'],
    checkAt: 105,
  },
  'deleted and created again: is a change': {
    checks: [
      [0, content(1, 'one', { ageMs: 100 })],
      [5, absent],
      [60, content(2, 'two')],
    ],
    reported: ['0 one settled', '60 two unsettled'],
    checkAt: 160,
  },
  'deleted and created again with the same text: no report': {
    checks: [
      [0, content(1, 'one', { ageMs: 100 })],
      [5, absent],
      [60, content(2, 'one')],
    ],
    reported: ['0 one settled'],
  },
  'two absences: each must last for the settle time': {
    checks: [
      [0, content(1, 'one', { ageMs: 100 })],
      [5, absent],
      [60, content(2, 'one')],
      [90, absent],
      [110, absent],
    ],
    reported: ['0 one settled'],
    checkAt: 190,
  },
  'absent file that existed in between: is not gone yet': {
    checks: [
      [0, content(1, 'one', { ageMs: 100 })],
      [5, absent],
      [60, { kind: 'absent', noticed: true, evidence: 'deletion' }],
      [105, absent],
    ],
    reported: ['0 one settled'],
    checkAt: 160,
  },
  'absent file: the evidence is the one of the last check': {
    checks: [
      [0, content(1, 'one', { placed: true })],
      [5, absent],
      [105, { kind: 'absent', noticed: false, evidence: 'absence' }],
    ],
    reported: ['0 one settled', '105 gone by absence'],
  },
  'unknown file that is absent: is not gone': { checks: [[0, absent]], reported: [] },
  'file created again after it was gone: is new': {
    checks: [
      [0, content(1, 'one', { ageMs: 100 })],
      [5, absent],
      [105, absent],
      [200, content(2, 'one')],
    ],
    reported: ['0 one settled', '105 gone', '200 one unsettled'],
    checkAt: 300,
  },
  'unreachable directory: its files do not change': {
    checks: [
      [0, content(1, 'one', { ageMs: 100 })],
      [5, absent],
      [105, unknown],
      [500, absent],
      [550, absent],
    ],
    reported: ['0 one settled'],
    checkAt: 600,
  },
  'unreadable file that was never read: is reported at once, and tried again': {
    checks: [
      [0, unreadable()],
      [50, unreadable()],
    ],
    reported: ['0 unreadable: is a directory'],
    checkAt: 2050,
  },
  'unreadable file that was read: is reported after 100 ms': {
    checks: [
      [0, content(1, 'one', { ageMs: 100 })],
      [5, unreadable('is not UTF-8')],
      [105, unreadable('is not UTF-8')],
    ],
    reported: ['0 one settled', '105 unreadable: is not UTF-8'],
    checkAt: 2105,
  },
  'file that is unreadable for a moment: no report': {
    checks: [
      [0, content(1, 'one', { ageMs: 100 })],
      [5, unreadable()],
      [50, content(1, 'one')],
    ],
    reported: ['0 one settled'],
  },
  'other reason: is reported': {
    checks: [
      [0, unreadable('a')],
      [5, unreadable('b')],
    ],
    reported: ['0 unreadable: a', '5 unreadable: b'],
    checkAt: 2005,
  },
  'readable again with the old text: is reported': {
    checks: [
      [0, content(1, 'one', { ageMs: 100 })],
      [5, unreadable()],
      [105, unreadable()],
      [200, content(1, 'one', { ageMs: 300 })],
      [300, content(1, 'one', { ageMs: 400 })],
    ],
    reported: ['0 one settled', '105 unreadable: is a directory', '200 one unsettled', '300 one settled'],
  },
  'unreadable file that is deleted: is gone': {
    checks: [
      [0, unreadable()],
      [5, absent],
      [105, absent],
    ],
    reported: ['0 unreadable: is a directory', '105 gone'],
  },
  'unreadable and then absent: is not gone yet': {
    checks: [
      [0, content(1, 'one', { ageMs: 100 })],
      [5, unreadable()],
      [100, absent],
      [110, absent],
    ],
    reported: ['0 one settled'],
    checkAt: 200,
  },
  'absent and then unreadable: is not reported yet': {
    checks: [
      [0, content(1, 'one', { ageMs: 100 })],
      [5, absent],
      [100, unreadable()],
      [110, unreadable()],
    ],
    reported: ['0 one settled'],
    checkAt: 200,
  },
};

for (const [name, { checks, reported, checkAt }] of Object.entries(cases)) {
  test(name, () => {
    assert.deepEqual(play(...checks), { reported, checkAt });
  });
}

test('any writes and checks: a settled text is complete', () => {
  // A writer changes the file repeatedly, with checks at random times. A text is complete if its version was
  // unchanged for 100 ms when it was reported.
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
        assert.ok(!isFinal || now - changedAt >= settleMs, `reported at ${now}, changed at ${changedAt}`);
        assert.ok(step.checkAt === undefined || step.checkAt > now, 'a check in the past would never end');
      }
    }),
  );
});

test('file without more changes: settles at the requested check at the latest', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 99 }), { maxLength: 10 }), (pauses) => {
      let now = 0;
      let state: FileState = unseen;
      for (const [index, pause] of pauses.entries()) {
        now += pause;
        ({ state } = stepFile('a.yaml', state, content(index, `${index}`), now, settleMs));
      }
      const last = stepFile('a.yaml', state, content(99, 'last'), now, settleMs);
      assert.ok(last.checkAt !== undefined);
      const { event } = stepFile('a.yaml', last.state, content(99, 'last'), last.checkAt, settleMs);
      assert.deepEqual(event, { kind: 'content', path: 'a.yaml', text: 'last', settled: true });
    }),
  );
});
