import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { MeshTrust } from '../../../src/trust/model/mesh-trust.ts';
import { rotationKeyNames, rotationKeys } from '../../../src/trust/rotation-keys.ts';
import { decide } from '../../../src/trust/rotation/decide.ts';
import type { RotationCommand } from '../../../src/trust/rotation/decide.ts';
import { editText } from '../../../src/trust/rotation/edit-text.ts';
import type { Edit } from '../../../src/trust/rotation/edit-text.ts';
import { gateCatalogue, neverForced, parseGate } from '../../../src/trust/rotation/gate-catalogue.ts';
import type { GateId } from '../../../src/trust/rotation/gate-catalogue.ts';
import type { GateInput } from '../../../src/trust/rotation/facts.ts';
import { makeCaPems } from '../../kit/certificates.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { fingerprintOf, parse, reader } from '../../kit/resources.ts';
import { before, ca, drained, hour, newHash, now, oldHash, server, servedCa, usableCa } from './facts.ts';

const at = '2026-11-28T03:00:00Z';
const start: RotationCommand = { kind: 'start', at, pem: 'PEM', leafTtl: '24h' };
const switched: RotationCommand = { kind: 'switched', at, leafTtl: undefined };
const back: RotationCommand = { kind: 'back', at, leafTtl: undefined };
const introduced = drained({}, { switchedAt: undefined });
const settled = drained({
  resource: { ...drained().resource, listed: [ca('b')] },
  servers: [server({ cas: [servedCa('b')] })],
});

/** The resource lists the old CA, and these. */
const listing = (...others: readonly ReturnType<typeof ca>[]): Pick<GateInput, 'resource'> => ({
  resource: { ...drained().resource, listed: [ca('a'), ...others] },
});

/** Returns the ids of the gates that keep a command from running, or its edits. */
function run(command: RotationCommand, input: GateInput, ...force: readonly GateId[]): unknown {
  const decision = decide(command, input, new Set(force));
  return decision.kind === 'refused' ? decision.shut.map(({ id }) => id) : decision.edits;
}
const set = (key: string, value: string | undefined): unknown => ({ kind: 'annotate', key, value });
const clean = rotationKeyNames.filter((key) => key !== rotationKeys.forced).map((key) => set(key, undefined));

suite('commands of a rotation', () => {
  test('start without a lifetime of leaves, over the rest of an earlier rotation → none of it counts', () => {
    const rest = `annotations: { ${rotationKeys.leafTtl}: 1m, ${rotationKeys.switchedAt}: '${at}', ${rotationKeys.backAt}: '${at}' }`;
    const [a, b] = makeCaPems('A', 'B');
    const text = meshTrustYaml({ name: 'zone', trustDomain: 'a.test', pems: [a] });
    const read = (one: string): MeshTrust => {
      const parsed = parse(one);
      const [document] = parsed.kind === 'documents' ? parsed.documents : [];
      return document?.kind === 'mesh-trust' ? document.resource : assert.fail(JSON.stringify(parsed));
    };
    const facts = (pem: string, digit: string): ReturnType<typeof ca> =>
      ca(digit, { fingerprint: fingerprintOf(pem) });
    const resource = { ...drained().resource, listed: [facts(a, 'a')] };
    const input = before({
      resource,
      marks: { old: fingerprintOf(a), new: fingerprintOf(b), switchedAt: undefined, leafTtlMs: undefined },
      servers: [server({ cas: [{ ...servedCa('a'), ...facts(a, 'a') }] })],
      newCa: { ...usableCa, ca: facts(b, 'b') } as GateInput['newCa'],
    });
    const edits = run({ kind: 'start', at, pem: b, leafTtl: undefined }, input) as readonly Edit[];
    const given = text.replace('spec:', `${rest}\nspec:`);
    const edited = editText(given, read(given), edits, { defaultMesh: 'default', reader });
    assert.ok(edited.kind === 'edited', JSON.stringify(edited));
    assert.deepEqual(read(edited.text).rotation, {
      old: fingerprintOf(a),
      new: fingerprintOf(b),
      switchedAt: undefined,
      leafTtlMs: undefined,
      startedAt: Date.parse(at),
    });
  });

  const allowed: Readonly<Record<string, readonly [RotationCommand, GateInput, edits: unknown]>> = {
    start: [
      start,
      before(),
      [
        set(rotationKeys.old, oldHash),
        set(rotationKeys.new, newHash),
        set(rotationKeys.leafTtl, '24h'),
        set(rotationKeys.startedAt, at),
        set(rotationKeys.switchedAt, undefined),
        set(rotationKeys.backAt, undefined),
        { kind: 'add', fingerprint: newHash, pem: 'PEM' },
        set(rotationKeys.forced, undefined),
      ],
    ],
    switched: [switched, introduced, [set(rotationKeys.switchedAt, at)]],
    'switched, only the lifetime': [
      { kind: 'switched', at: undefined, leafTtl: '25h' },
      drained(),
      [set(rotationKeys.leafTtl, '25h')],
    ],
    'switched, only the lifetime, as recorded': [
      { kind: 'switched', at: undefined, leafTtl: '1440m' },
      drained(),
      [set(rotationKeys.leafTtl, '1440m')],
    ],
    'switched, with the lifetime that was not recorded': [
      { ...switched, leafTtl: '1h' },
      drained({}, { switchedAt: undefined, leafTtlMs: undefined }),
      [set(rotationKeys.leafTtl, '1h'), set(rotationKeys.switchedAt, at)],
    ],
    back: [back, drained(), [set(rotationKeys.switchedAt, undefined), set(rotationKeys.backAt, at)]],
    'back, with the lifetime': [
      { ...back, leafTtl: '25h' },
      drained(),
      [
        set(rotationKeys.leafTtl, '25h'),
        set(rotationKeys.switchedAt, undefined),
        set(rotationKeys.backAt, at),
      ],
    ],
    'switched after back': [
      switched,
      drained({}, { switchedAt: undefined, backAt: Date.parse(at) }),
      [set(rotationKeys.switchedAt, at), set(rotationKeys.backAt, undefined)],
    ],
    'switched now, after a start at an unknown time': [
      { ...switched, at: new Date(now).toISOString() },
      drained({}, { switchedAt: undefined, startedAt: 'unknown' }),
      [set(rotationKeys.switchedAt, new Date(now).toISOString()), set(rotationKeys.startedAt, undefined)],
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
    'switched, with a shorter lifetime': [{ ...switched, leafTtl: '23h59m59s' }, introduced, ['R45']],
    'switched, only a shorter lifetime': [
      { kind: 'switched', at: undefined, leafTtl: '1h' },
      drained(),
      ['R45'],
    ],
    'back, with a shorter lifetime': [{ ...back, leafTtl: '1h' }, drained(), ['R45']],
    'switched before the new CA was valid': [
      switched,
      drained(listing(ca('b', { notBefore: Date.parse(at) + 1 })), { switchedAt: undefined }),
      ['R44'],
    ],
    'switched before the start': [
      switched,
      drained({}, { switchedAt: undefined, startedAt: Date.parse(at) + 1 }),
      ['R44'],
    ],
    'switched before back': [
      switched,
      drained({}, { switchedAt: undefined, backAt: Date.parse(at) + 1 }),
      ['R44'],
    ],
    'switched in the past, and the time of back cannot be read': [
      switched,
      drained({}, { switchedAt: undefined, backAt: 'unknown' }),
      ['R44'],
    ],
    'switched in the past, and the time of the start cannot be read': [
      switched,
      drained({}, { switchedAt: undefined, startedAt: 'unknown' }),
      ['R44'],
    ],
    'finish, and the file does not list the new CA': [{ kind: 'finish' }, drained(listing()), ['R51']],
    'abort, and the file does not list the old CA': [
      { kind: 'abort' },
      drained({ resource: { ...drained().resource, listed: [ca('b')] } }, { switchedAt: undefined }),
      ['R51'],
    ],
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

  test('forced gates → are recorded after those that were forced before, in the order of time', () => {
    const steps = [{ at: now - hour, command: 'switched', gates: ['R20'] }];
    const resource = { ...drained().resource, forced: steps };
    const input = { ...introduced, resource };
    assert.deepEqual(run({ kind: 'finish' }, input, 'R40', 'R41'), [
      { kind: 'remove', fingerprint: oldHash },
      set(rotationKeys.forced, '2026-11-28T11:00:00Z switched R20; 2026-11-28T12:00:00Z finish R40,R41'),
    ]);
    // Nothing is forced: the record stays.
    assert.deepEqual(run({ kind: 'finish' }, drained({ resource })), [
      { kind: 'remove', fingerprint: oldHash },
    ]);
    assert.deepEqual(run({ kind: 'abort' }, input), [{ kind: 'remove', fingerprint: newHash }, ...clean]);
    // A new rotation has a record of its own.
    const again = before({
      resource: { ...before().resource, forced: steps },
      newCa: { kind: 'usable', ca: ca('b'), selfSigned: true, names: 'too-long' },
    });
    const edits = run(start, again, 'R18') as readonly unknown[];
    assert.deepEqual(edits.at(-1), set(rotationKeys.forced, '2026-11-28T12:00:00Z start R18'));
  });

  test('name of a gate: its id or its code, and nothing else', () => {
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
