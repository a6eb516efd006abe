import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { presentRotation } from '../../../src/api/present-rotation.ts';
import type {
  GateInput,
  Observation,
  ServerFacts,
  ServerObservation,
} from '../../../src/trust/rotation/facts.ts';
import type { Gate, RotationStep } from '../../../src/trust/rotation/gate-catalogue.ts';
import { gatesOf } from '../../../src/trust/rotation/gates.ts';
import * as fc from '../../kit/fast-check.ts';
import { drained, hour, newHash, now, oldHash, server, servedCa } from './facts.ts';
import { withoutObservation } from './world-parts.ts';

/** A server that has observed everything for a day, and has just seen a client of the new CA. */
const observed = (more: Partial<ServerObservation> = {}): ServerFacts =>
  server({
    observed: {
      since: now - 24 * hour,
      entries: 100,
      unknownAt: undefined,
      without: 0,
      nodes: 3,
      lostAt: undefined,
      lastSeen: new Map([[newHash, now]]),
      ...more,
    },
  });
const seenAt = (hash: string, at: number): ServerFacts => observed({ lastSeen: new Map([[hash, at]]) });
const introduced = (servers: readonly ServerFacts[]): GateInput =>
  drained({ servers }, { switchedAt: undefined });

const gateOf = (step: RotationStep, input: GateInput): Gate =>
  gatesOf(step, input).find(({ id }) => id === 'R42') ?? assert.fail('no R42');

suite('gate old-issuer-seen, with access logs that servers take', () => {
  const intermediate = 'c'.repeat(64);
  const withIntermediate = (facts: ServerFacts): ServerFacts => ({
    ...(facts as ReturnType<typeof server>),
    cas: [servedCa('a'), servedCa('b'), servedCa('c', { issuer: 'CN=a', asListed: false })],
  });
  const shutAndOpen: readonly (readonly [string, RotationStep, GateInput, GateInput])[] = [
    [
      'the old issuer was seen within the window',
      'finish',
      drained({ servers: [seenAt(oldHash, now - hour + 1)] }),
      drained({ servers: [seenAt(oldHash, now - hour)] }),
    ],
    [
      'one of two replicas has seen it',
      'finish',
      drained({ servers: [observed(), seenAt(oldHash, now)] }),
      drained({ servers: [observed(), seenAt(newHash, now)] }),
    ],
    [
      'a served intermediate below it was seen',
      'finish',
      drained({ servers: [withIntermediate(seenAt(intermediate, now))] }),
      drained({ servers: [seenAt(intermediate, now)] }),
    ],
    [
      'an access log that the command reads has it, and the server has not',
      'finish',
      drained({ servers: [observed()], observation: { lastSeen: new Map([[oldHash, now - 1]]) } }),
      drained({ servers: [observed()], observation: { lastSeen: new Map([[newHash, now - 1]]) } }),
    ],
    [
      'the new issuer was seen before the switch',
      'abort',
      introduced([seenAt(newHash, now - 1)]),
      introduced([seenAt(oldHash, now - 1)]),
    ],
  ];
  for (const [what, step, isShut, isOpen] of shutAndOpen)
    test(`${step}: ${what} → is shut, and otherwise open`, () => {
      assert.equal(gateOf(step, isShut).open, false);
      assert.equal(gateOf(step, isOpen).open, true);
    });

  test('the old issuer was seen after the end of all leaves → the detail names both possible causes', () => {
    assert.match(
      gateOf('finish', drained({ servers: [seenAt(oldHash, now - 1)] })).detail,
      /the issuer still signs with the old CA, or a connection has been open since$/,
    );
  });

  const unknown: readonly (readonly [string, readonly ServerFacts[], string])[] = [
    [
      'it has observed for less than the window',
      [observed({ since: now - hour + 60_000 })],
      'one has observed for 59m only',
    ],
    ['it has not begun', [observed({ since: undefined })], 'one has not begun to observe'],
    [
      'entries were lost',
      [observed({ lostAt: now - hour + 1 })],
      'entries for one were lost at 2026-11-28T11:00:00.001Z',
    ],
    [
      'an issuer was seen that is not listed',
      [observed({ unknownAt: now - hour + 1 })],
      'one has seen an issuer that is not listed, perhaps an intermediate of the CA',
    ],
    [
      'such an issuer was seen by a server of an earlier version',
      [observed({ unknownAt: Number.POSITIVE_INFINITY })],
      'one has seen an issuer that is not listed, perhaps an intermediate of the CA',
    ],
    ['no entry has come', [observed({ entries: 0 })], 'no proxy has sent its access log'],
    [
      'no entry has an issuer',
      [observed({ entries: 0, without: 3 })],
      'no entry of 3 entries has the fingerprint of an issuer',
    ],
    [
      'a replica takes no logs',
      [observed({ nodes: 6 }), server({ server: 'two' })],
      'two takes no access logs',
    ],
    [
      'a connected proxy has not sent its log',
      [observed({ nodes: 3 }), observed({ nodes: 2 })],
      '5 of 6 connected proxies sent an issuer within the last hour',
    ],
    [
      'four replicas are new',
      Array.from({ length: 4 }, () => observed({ since: undefined })),
      'one has not begun to observe; one has not begun to observe; and 2 more',
    ],
  ];
  for (const [what, servers, reason] of unknown)
    test(`${what} → the gate is open, and says that it is unknown`, () => {
      const { open, detail } = gateOf('finish', drained({ servers }));
      assert.ok(open);
      assert.equal(detail, `unknown for the last 1h: ${reason}. Time alone decides`);
    });

  test('it has observed the whole window → the gate says that no client was seen', () => {
    for (const since of [now - hour, now - 2 * hour])
      assert.equal(
        gateOf(
          'finish',
          drained({ servers: [observed({ since, lostAt: now - hour, unknownAt: now - hour })] }),
        ).detail,
        'no client with a leaf of the old CA was seen',
      );
  });

  const other = new Map([[newHash, now - 2 * hour]]);
  const files: Readonly<Record<string, readonly [seen: Observation, detail: string]>> = {
    'has other issuers only': [
      { lastSeen: other, unknownAt: now - hour },
      'the access log has no client with a leaf of the old CA',
    ],
    'has an issuer that is not listed': [
      { lastSeen: other, unknownAt: now - hour + 1 },
      'unknown for the last 1h: the access log has an issuer that is not listed, perhaps an intermediate of the CA. Time alone decides',
    ],
    'has no fingerprints, for example because of its format': [
      { lastSeen: new Map() },
      'unknown for the last 1h: no line of the access log has the fingerprint of an issuer. Time alone decides',
    ],
  };
  for (const [what, [observation, detail]] of Object.entries(files))
    test(`an access log that the command reads ${what} → the gate is open, and claims no more`, () => {
      const found = gateOf('finish', drained({ servers: [server()], observation }));
      assert.deepEqual([found.open, found.detail], [true, detail]);
    });

  test('an access log that the command reads → clients are not observed all the time', () => {
    const place = { mesh: 'default', trustDomain: 'a.test', place: undefined };
    const completeOf = (servers: readonly ServerFacts[]): boolean | undefined =>
      presentRotation(place, drained({ servers, observation: { lastSeen: other } })).seen?.complete;
    assert.deepEqual([completeOf([server()]), completeOf([observed()])], [false, true]);
  });

  test('any observation → opens no gate of any step', () => {
    const time = fc.integer({ min: -30, max: 1 }).map((hours) => now + hours * hour);
    const seen = fc.dictionary(fc.constantFrom(oldHash, newHash, intermediate), time);
    const observation = fc.record({
      since: fc.option(time, { nil: undefined }),
      entries: fc.nat({ max: 2 }),
      unknownAt: fc.option(time, { nil: undefined }),
      without: fc.nat({ max: 2 }),
      nodes: fc.nat({ max: 4 }),
      lostAt: fc.option(time, { nil: undefined }),
      lastSeen: seen.map((found) => new Map(Object.entries(found))),
    });
    const steps = ['start', 'switch', 'finish', 'abort', 'settle'] as const;
    fc.assert(
      fc.property(
        fc.constantFrom(...steps),
        observation,
        fc.option(seen, { nil: undefined }),
        fc.option(time, { nil: undefined }),
        (step, one, file, switchedAt) => {
          const servers = [withIntermediate(observed(one)), server({ server: 'two' })];
          const input = drained(
            { servers, observation: file && { lastSeen: new Map(Object.entries(file)) } },
            { switchedAt },
          );
          const without = new Map(gatesOf(step, withoutObservation(input)).map(({ id, open }) => [id, open]));
          for (const { id, open } of gatesOf(step, input)) if (open) assert.ok(without.get(id), id);
        },
      ),
    );
  });
});
