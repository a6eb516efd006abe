import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { readApiObject } from '../../../src/kubernetes/client/api-object.ts';
import { makeCa } from '../../kit/certificates.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { parse } from '../../kit/resources.ts';

const [old, next] = ['a'.repeat(64), 'b'.repeat(64)];
const plain = meshTrustYaml({ name: 'zone', trustDomain: 'a.test', pems: [makeCa().certPem] });

/** Parses a MeshTrust with annotations in the Universal form. */
function read(annotations: Readonly<Record<string, unknown>>) {
  const marked = Object.entries(annotations).map(([key, value]) => [`meshtrust.io/rotation-${key}`, value]);
  const text = plain.replace('spec:', `annotations: ${JSON.stringify(Object.fromEntries(marked))}\nspec:`);
  const parsed = parse(text);
  const [document] = parsed.kind === 'documents' ? parsed.documents : [];
  if (document?.kind !== 'mesh-trust') return assert.fail(JSON.stringify(parsed));
  const { resource, remarks } = document;
  return {
    rotation: resource.rotation,
    forcedSteps: resource.forcedSteps,
    anchors: resource.blocks.filter(({ kind }) => kind === 'anchor').length,
    remarks: remarks.map(({ code, path, line, message }) => ({ code, path, line, message })),
  };
}

suite('annotations of a rotation', () => {
  test('none → no rotation and no finding', () =>
    assert.deepEqual(read({}), {
      rotation: undefined,
      forcedSteps: undefined,
      anchors: 1,
      remarks: [],
    }));

  test('both fingerprints → a rotation', () => {
    const times = { 'switched-at': '2026-11-28T04:00:00+01:00', 'leaf-ttl': '1h30m' };
    assert.deepEqual(read({ old, new: next, ...times }), {
      rotation: { old, new: next, switchedAt: Date.parse('2026-11-28T03:00:00Z'), leafTtlMs: 5_400_000 },
      forcedSteps: undefined,
      anchors: 1,
      remarks: [],
    });
  });

  test('the time of the start, or one that cannot be read → the time of the switch has a bound', () => {
    const at = '2026-11-28T03:00:00Z';
    assert.equal(read({ old, new: next, 'started-at': at }).rotation?.startedAt, Date.parse(at));
    assert.equal(read({ old, new: next, 'started-at': 'x' }).rotation?.startedAt, 'unknown');
    assert.equal(read({ old, new: next }).rotation?.startedAt, undefined);
  });

  test('the record of forced gates → is read, also after the end of the rotation', () => {
    const forced = '2026-11-28T03:00:00Z switched R20,R24; 2026-11-28T04:00:00Z finish R30';
    const steps = [
      { at: Date.parse('2026-11-28T03:00:00Z'), command: 'switched', gates: ['R20', 'R24'] },
      { at: Date.parse('2026-11-28T04:00:00Z'), command: 'finish', gates: ['R30'] },
    ];
    for (const annotations of [{ forced }, { old, new: next, forced }]) {
      const { forcedSteps, remarks } = read(annotations);
      assert.deepEqual([forcedSteps, remarks], [steps, []]);
    }
    for (const broken of [
      '',
      'x',
      `${forced};`,
      '2026-11-28T03:00:00Z other R20',
      forced.replace('R30', 'R'),
    ]) {
      const { forcedSteps, remarks, rotation } = read({ old, new: next, forced: broken });
      assert.equal(forcedSteps, undefined);
      assert.deepEqual(
        remarks.map(({ code }) => code),
        ['MT100'],
      );
      assert.ok(rotation !== undefined);
    }
  });

  test('a time of back, or a time that cannot be read → leaves of the new CA are not forgotten', () => {
    const at = '2026-11-28T03:00:00Z';
    assert.equal(read({ old, new: next, 'back-at': at }).rotation?.backAt, Date.parse(at));
    assert.equal(read({ old, new: next, 'back-at': 'x' }).rotation?.backAt, 'unknown');
    assert.equal(read({ old, new: next, 'switched-at': 'x' }).rotation?.backAt, 'unknown');
  });

  const broken: Readonly<
    Record<string, readonly [annotations: Readonly<Record<string, unknown>>, key: string, reason: RegExp]>
  > = {
    'a short fingerprint': [{ old: 'aa', new: next }, 'old', /must be a SHA-256/],
    'a fingerprint in upper case': [{ old, new: next.toUpperCase() }, 'new', /must be a SHA-256/],
    'a number': [{ old: 12, new: next }, 'old', /must be a SHA-256/],
    'one fingerprint': [{ old }, 'old', /needs both/],
    'equal fingerprints': [{ old, new: old }, 'new', /must differ/],
    'only the time': [{ 'switched-at': '2026-11-28T03:00:00Z' }, 'switched-at', /needs both/],
    'a day without a time': [
      { old, new: next, 'switched-at': '2025-10-01' },
      'switched-at',
      /must be a time/,
    ],
    'a month that does not exist': [
      { old, new: next, 'switched-at': '2026-13-28T03:00:00Z' },
      'switched-at',
      /must be a time/,
    ],
    'a negative lifetime': [{ old, new: next, 'leaf-ttl': '-1h' }, 'leaf-ttl', /must be a duration/],
    'a lifetime without a unit': [{ old, new: next, 'leaf-ttl': '24' }, 'leaf-ttl', /must be a duration/],
  };
  for (const [what, [annotations, key, reason]] of Object.entries(broken))
    test(`${what} → a finding with the path, no effect on trust, and no quoted value`, () => {
      const { rotation, anchors, remarks } = read(annotations);
      assert.equal(anchors, 1);
      assert.equal(remarks.length, 1);
      const [remark] = remarks;
      assert.equal(remark?.code, 'MT100');
      assert.equal(remark.path, `annotations["meshtrust.io/rotation-${key}"]`);
      assert.equal(remark.line, 4);
      assert.match(remark.message, reason);
      for (const value of Object.values(annotations))
        if (typeof value === 'string' && value.length > 2) assert.ok(!remark.message.includes(value));
      // A broken time counts as absent: the rotation itself is known.
      assert.equal(
        rotation !== undefined,
        (key === 'switched-at' && annotations['old'] !== undefined) || key === 'leaf-ttl',
      );
    });

  test('an object of the API server → keeps these annotations and no others', () => {
    const read = readApiObject({
      metadata: {
        name: 'zone',
        namespace: 'x',
        annotations: {
          'meshtrust.io/rotation-old': old,
          'kubectl.kubernetes.io/last-applied-configuration': '{}',
          'meshtrust.io/rotation-else': 'x',
        },
      },
      spec: {},
    });
    const { metadata } = JSON.parse(read?.text ?? '') as { metadata: { annotations: unknown } };
    assert.deepEqual(metadata.annotations, { 'meshtrust.io/rotation-old': old });
    const without = readApiObject({ metadata: { name: 'zone', annotations: { x: 'y' } } });
    assert.ok(!without?.text.includes('annotations'));
  });
});
