import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { rotationKeyNames, rotationKeys } from '../../../src/trust/rotation-keys.ts';
import { decide } from '../../../src/trust/rotation/decide.ts';
import type { RotationCommand } from '../../../src/trust/rotation/decide.ts';
import { gateCatalogue, neverForced, parseGate } from '../../../src/trust/rotation/gate-catalogue.ts';
import type { GateId } from '../../../src/trust/rotation/gate-catalogue.ts';
import type { GateInput } from '../../../src/trust/rotation/facts.ts';
import { before, ca, drained, newHash, now, oldHash, server, servedCa } from './facts.ts';

const at = '2026-11-28T03:00:00Z';
const start: RotationCommand = { kind: 'start', pem: 'PEM', leafTtl: '24h' };
const switched: RotationCommand = { kind: 'switched', at, leafTtl: undefined };
const back: RotationCommand = { kind: 'back', at, leafTtl: undefined };
const introduced = drained({}, { switchedAt: undefined });
const settled = drained({
  resource: { ...drained().resource, listed: [ca('b')] },
  servers: [server({ cas: [servedCa('b')] })],
});

/** Returns the ids of the gates that keep a command from running, or its edits. */
function run(command: RotationCommand, input: GateInput, ...force: readonly GateId[]): unknown {
  const decision = decide(command, input, new Set(force));
  return decision.kind === 'refused' ? decision.shut.map(({ id }) => id) : decision.edits;
}
const set = (key: string, value: string | undefined): unknown => ({ kind: 'annotate', key, value });
const clean = rotationKeyNames.map((key) => set(key, undefined));

suite('commands of a rotation', () => {
  const allowed: Readonly<Record<string, readonly [RotationCommand, GateInput, edits: unknown]>> = {
    start: [
      start,
      before(),
      [
        set(rotationKeys.old, oldHash),
        set(rotationKeys.new, newHash),
        set(rotationKeys.leafTtl, '24h'),
        { kind: 'add', fingerprint: newHash, pem: 'PEM' },
      ],
    ],
    switched: [switched, introduced, [set(rotationKeys.switchedAt, at)]],
    'switched, only the lifetime': [
      { kind: 'switched', at: undefined, leafTtl: '1h' },
      drained(),
      [set(rotationKeys.leafTtl, '1h')],
    ],
    back: [back, drained(), [set(rotationKeys.switchedAt, undefined), set(rotationKeys.backAt, at)]],
    'back, with the lifetime': [
      { ...back, leafTtl: '1h' },
      drained(),
      [
        set(rotationKeys.leafTtl, '1h'),
        set(rotationKeys.switchedAt, undefined),
        set(rotationKeys.backAt, at),
      ],
    ],
    'switched after back': [
      switched,
      drained({}, { switchedAt: undefined, backAt: now }),
      [set(rotationKeys.switchedAt, at), set(rotationKeys.backAt, undefined)],
    ],
    finish: [{ kind: 'finish' }, drained(), [{ kind: 'remove', fingerprint: oldHash }]],
    clean: [{ kind: 'clean' }, settled, clean],
    abort: [{ kind: 'abort' }, introduced, [{ kind: 'remove', fingerprint: newHash }, ...clean]],
  };
  for (const [what, [command, input, edits]] of Object.entries(allowed))
    test(`${what}: every gate is open → exactly its edits`, () =>
      assert.deepEqual(run(command, input), edits));

  const refused: Readonly<
    Record<string, readonly [RotationCommand, GateInput, shut: readonly GateId[], force?: readonly GateId[]]>
  > = {
    'start again': [start, before({ before: introduced.marks }), ['R17']],
    'switched again': [switched, drained(), ['R60']],
    'back after the end': [back, settled, ['R10']],
    'finish again': [{ kind: 'finish' }, settled, ['R10', 'R20']],
    'clean before the end': [{ kind: 'clean' }, drained(), ['R20']],
    'abort after the switch': [{ kind: 'abort' }, drained(), ['R60']],
    'abort after back': [{ kind: 'abort' }, drained({}, { switchedAt: undefined, backAt: now }), ['R61']],
    'another gate is forced': [{ kind: 'finish' }, introduced, ['R41'], ['R40']],
    'a gate that cannot be forced': [{ kind: 'abort' }, drained(), ['R60'], ['R60']],
  };
  for (const [what, [command, input, shut, force = []]] of Object.entries(refused))
    test(`${what} → refused`, () => assert.deepEqual(run(command, input, ...force), shut));

  test('all shut gates are forced → allowed, and they are named', () => {
    const decision = decide({ kind: 'finish' }, introduced, new Set(['R40', 'R41', 'R24']));
    assert.ok(decision.kind === 'allowed');
    // R24 is open, so it was not passed by force.
    assert.deepEqual(
      decision.forced.map(({ id }) => id),
      ['R40', 'R41'],
    );
  });

  test('a gate is named by its id or its code, and by nothing else', () => {
    for (const [id, code] of Object.entries(gateCatalogue)) {
      assert.equal(parseGate(id), id);
      assert.equal(parseGate(code), id);
    }
    for (const text of ['', 'all', '*', 'R', 'r24', 'R99', 'constructor'])
      assert.equal(parseGate(text), undefined);
    assert.ok([...neverForced].every((id) => id in gateCatalogue));
  });

  test('a time just after now → the gates judge by the clock that is given', () =>
    assert.deepEqual(run({ kind: 'finish' }, drained({ now: now - 24 * 3_600_000 })), ['R41']));
});
