import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { joinEvents } from '../../src/trust/join-events.ts';
import type { LedgerEvent } from '../../src/trust/ledger/ledger.ts';
import type { GoneEvidence, SourceEvent } from '../../src/trust/source.ts';
import { makeCa } from '../kit/certificates.ts';
import * as fc from '../kit/fast-check.ts';
import { gone as ledgerGone, inForce, makeLedger, version } from '../kit/ledger.ts';
import { meshTrustYaml } from '../kit/mesh-trust-text.ts';

const content = (path: string, text: string, settled = true): SourceEvent => ({
  kind: 'content',
  path,
  text,
  settled,
});
const unreadable = (path: string): SourceEvent => ({ kind: 'unreadable', path, reason: 'permission denied' });
const kept = (path: string): SourceEvent => ({ kind: 'kept', path });
const gone = (path: string, evidence: GoneEvidence = 'deletion'): SourceEvent => ({
  kind: 'gone',
  path,
  evidence,
});
const failed = (path: string): SourceEvent => ({ kind: 'failed', path, reason: 'permission denied' });
const recovered = (path: string): SourceEvent => ({ kind: 'recovered', path });
const synced: SourceEvent = { kind: 'synced' };

suite('joined events', () => {
  for (const [what, events, expected] of [
    [
      'texts of a path → the newest one',
      [content('a', '1'), content('b', '1'), content('a', '2')],
      [content('a', '2'), content('b', '1')],
    ],
    [
      'text that may be incomplete → does not replace a complete one',
      [content('a', '1'), content('a', '2', false), content('a', '3', false)],
      [content('a', '1'), content('a', '3', false)],
    ],
    [
      'complete text → replaces all earlier ones',
      [content('a', '1'), content('a', '2', false), content('a', '2')],
      [content('a', '2')],
    ],
    [
      'file that cannot be read → keeps its text',
      [content('a', '1'), unreadable('a'), unreadable('a')],
      [content('a', '1'), unreadable('a')],
    ],
    [
      'file that can be read again → only its text',
      [unreadable('a'), content('a', '1')],
      [content('a', '1')],
    ],
    ['removal → replaces the texts', [content('a', '1'), unreadable('a'), gone('a')], [gone('a')]],
    [
      'file that is created again → its removal, then its text',
      [content('a', '1'), gone('a'), content('a', '2')],
      [gone('a'), content('a', '2')],
    ],
    [
      'removals of a path → the first one, which withdraws what is in force',
      [gone('a', 'absence'), content('a', '1'), gone('a', 'deletion')],
      [gone('a', 'absence')],
    ],
    [
      'removals of a path, one of which is an absence → the first one, as an absence',
      [gone('a'), content('a', '1'), gone('a', 'absence'), gone('b')],
      [gone('a', 'absence'), gone('b')],
    ],
    [
      'absence after the end of the first read → the removal before it is an absence, too',
      [gone('a'), synced, content('a', '1'), gone('a', 'absence')],
      [gone('a', 'absence'), synced, gone('a', 'absence')],
    ],
    [
      'path that is kept → only without another event',
      [content('a', '1'), kept('a'), kept('b')],
      [content('a', '1'), kept('b')],
    ],
    ['path that is kept → replaced by its text', [kept('a'), content('a', '1')], [content('a', '1')]],
    [
      'failures of a directory → the newest state',
      [failed('d'), recovered('d'), failed('e'), recovered('e'), failed('e')],
      [recovered('d'), failed('e')],
    ],
    [
      'root that is a single file → its failure does not replace its text',
      [content('a', '1'), failed('a')],
      [content('a', '1'), failed('a')],
    ],
    [
      'end of the first read → no event passes it',
      [content('a', '1'), synced, content('a', '2'), gone('b'), synced],
      [content('a', '1'), synced, content('a', '2'), gone('b')],
    ],
  ] as const)
    test(what, () => assert.deepEqual(joinEvents(events), expected));

  test('many changes of few paths → at most five events of each path on both sides of the end of the first read', () => {
    const paths = ['a', 'b'];
    const events = Array.from({ length: 1_000 }, (_, at): readonly SourceEvent[] =>
      paths.flatMap((path) => [
        gone(path),
        content(path, `${at}`),
        content(path, `${at}`, false),
        unreadable(path),
        failed(path),
      ]),
    ).flat();
    let joined: readonly SourceEvent[] = [];
    for (const event of [...events, synced, ...events]) joined = joinEvents([...joined, event]);
    assert.equal(joined.length, 2 * 5 * paths.length + 1);
  });
});

const pems = new Map(['A', 'B', 'C'].map((commonName) => [commonName, makeCa({ commonName }).certPem]));
const texts = fc.record({ domain: fc.constantFrom('a.test', 'b.test'), ca: fc.constantFrom('A', 'B', 'C') });
const textOf = ({ domain, ca }: { readonly domain: string; readonly ca: string }, path: string): string =>
  meshTrustYaml({ name: `in-${path}`, trustDomain: domain, pems: [pems.get(ca) ?? ''] });
const anyPath = fc.constantFrom('1', '2', '3');

/** A walk of events about three paths, with texts that are valid and complete. */
const walk = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.tuple(anyPath, texts).map(([path, text]) => content(path, textOf(text, path))),
    },
    { weight: 2, arbitrary: anyPath.map((path) => gone(path)) },
    { weight: 1, arbitrary: anyPath.map(unreadable) },
    { weight: 1, arbitrary: anyPath.map(kept) },
    { weight: 1, arbitrary: fc.constant(synced) },
  ),
  { maxLength: 12 },
);

function ledgerEvent(event: SourceEvent): LedgerEvent {
  if (event.kind === 'content') return version(event.path, event.text, event.settled);
  return event.kind === 'gone' ? ledgerGone(event.path, event.evidence) : event;
}

/** The trust in force after steps, at a start with trust of an earlier run. By default, the mass-loss guard is off. */
function after(steps: readonly (readonly SourceEvent[])[], holdMs = 0): readonly string[] {
  const earlier = makeLedger(0);
  earlier.apply('files', [version('1', textOf({ domain: 'a.test', ca: 'A' }, '1'))], 0);
  const ledger = makeLedger(holdMs);
  ledger.apply('files', [{ kind: 'restored', path: '1', grants: earlier.grantsOf('files', '1') }], 0);
  for (const step of steps) ledger.apply('files', step.map(ledgerEvent), 0);
  return inForce(ledger);
}

test('joined events: the same trust is in force as after each event alone', () => {
  fc.assert(
    fc.property(walk, walk, (earlier, later) => {
      const all = [...earlier, ...later];
      const expected = after(all.map((event) => [event]));
      assert.deepEqual(after([joinEvents(all)]), expected);
      assert.deepEqual(after([joinEvents([...joinEvents(earlier), ...later])]), expected);
    }),
  );
});

test('joined events, a part of which was applied before: the same trust is in force', () => {
  fc.assert(
    fc.property(walk, walk, (earlier, later) => {
      const all = [...earlier, ...later];
      assert.deepEqual(after([earlier, joinEvents(all)]), after(all.map((event) => [event])));
    }),
  );
});

/** A walk of events about the only file of a trust domain. */
const walkOfOne = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.constant(content('1', textOf({ domain: 'a.test', ca: 'A' }, '1'))) },
    {
      weight: 3,
      arbitrary: fc.constantFrom<GoneEvidence>('deletion', 'absence').map((evidence) => gone('1', evidence)),
    },
    { weight: 1, arbitrary: fc.constantFrom(unreadable('1'), kept('1'), synced) },
  ),
  { maxLength: 12 },
);

test('joined events of the only trust domain, with the mass-loss guard: nothing is withdrawn that each event alone holds', () => {
  fc.assert(
    fc.property(walkOfOne, walkOfOne, (earlier, later) => {
      const all = [...earlier, ...later];
      const held = after(
        all.map((event) => [event]),
        60_000,
      );
      for (const joined of [joinEvents(all), joinEvents([...joinEvents(earlier), ...later])]) {
        const inForceAfter = after([joined], 60_000);
        assert.deepEqual(
          held.filter((line) => !inForceAfter.includes(line)),
          [],
        );
      }
    }),
  );
});
