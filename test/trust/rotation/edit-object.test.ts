import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { readApiObject } from '../../../src/kubernetes/client/api-object.ts';
import { rotationKeyNames, rotationKeys } from '../../../src/trust/rotation-keys.ts';
import { patchObject } from '../../../src/trust/rotation/edit-object.ts';
import type { PatchOperation } from '../../../src/trust/rotation/edit-object.ts';
import type { Edit } from '../../../src/trust/rotation/edit-text.ts';
import { makeCaPems } from '../../kit/certificates.ts';
import { fingerprintOf, parse, reader } from '../../kit/resources.ts';

const [a, b, c] = makeCaPems('A', 'B', 'C');
const options = { defaultMesh: 'default', reader };
const bundle = (pem: string): unknown => ({ type: 'Pem', pem: { value: pem } });
const textOf = (object: unknown): string => readApiObject(object)?.text ?? '';

function objectOf(pems: readonly string[], annotations?: Readonly<Record<string, string>>) {
  return {
    metadata: {
      name: 'zone',
      namespace: 'kuma-system',
      resourceVersion: '7',
      ...(annotations && { annotations }),
    },
    spec: { trustDomain: 'a.test', caBundles: pems.map(bundle) },
  };
}

function patch(object: object, edits: readonly Edit[]): readonly PatchOperation[] | { refused: string } {
  const parsed = parse(textOf(object));
  const [document] = parsed.kind === 'documents' ? parsed.documents : [];
  if (document?.kind !== 'mesh-trust') return assert.fail(JSON.stringify(parsed));
  const found = patchObject(object, document.resource, edits, options, textOf);
  return found.kind === 'patch' ? found.operations : { refused: found.reason };
}

const version: PatchOperation = { op: 'test', path: '/metadata/resourceVersion', value: '7' };
const marks: readonly Edit[] = [
  { kind: 'annotate', key: rotationKeys.old, value: fingerprintOf(a) },
  { kind: 'annotate', key: rotationKeys.new, value: fingerprintOf(b) },
];
const remove: readonly Edit[] = [{ kind: 'remove', fingerprint: fingerprintOf(a) }];

suite('JSON patch of a rotation', () => {
  test('start, without annotations → tests the version, adds them and the CA', () =>
    assert.deepEqual(
      patch(objectOf([a]), [...marks, { kind: 'add', fingerprint: fingerprintOf(b), pem: b }]),
      [
        version,
        {
          op: 'add',
          path: '/metadata/annotations',
          value: { [rotationKeys.old]: fingerprintOf(a), [rotationKeys.new]: fingerprintOf(b) },
        },
        { op: 'replace', path: '/spec/caBundles', value: [bundle(a), bundle(b)] },
      ],
    ));

  test('other annotations → stay, and only the own ones change', () => {
    const object = objectOf([a, b], {
      team: 'x',
      [rotationKeys.old]: fingerprintOf(a),
      [rotationKeys.new]: fingerprintOf(b),
    });
    const clean: readonly Edit[] = rotationKeyNames.map((key) => ({
      kind: 'annotate',
      key,
      value: undefined,
    }));
    assert.deepEqual(patch(object, clean), [
      version,
      { op: 'remove', path: '/metadata/annotations/meshtrust.io~1rotation-old' },
      { op: 'remove', path: '/metadata/annotations/meshtrust.io~1rotation-new' },
    ]);
    assert.deepEqual(patch(object, [{ kind: 'annotate', key: rotationKeys.leafTtl, value: '1h' }]), [
      version,
      { op: 'add', path: '/metadata/annotations/meshtrust.io~1rotation-leaf-ttl', value: '1h' },
    ]);
  });

  const removals: Readonly<Record<string, readonly [pems: readonly string[], left: readonly string[]]>> = {
    'an item of its own': [[a, b], [b]],
    'one of two blocks in an item': [
      [`${c}${a}`, b],
      [c, b],
    ],
    'several times': [[a, `${a}${b}${a}`], [b]],
  };
  for (const [what, [pems, left]] of Object.entries(removals))
    test(`finish, ${what} → the old CA is removed`, () =>
      assert.deepEqual(patch(objectOf(pems), remove), [
        version,
        { op: 'replace', path: '/spec/caBundles', value: left.map(bundle) },
      ]));

  test('the last CA, or no resource version → refused', () => {
    assert.deepEqual(patch(objectOf([a]), remove), {
      refused: 'the resource would list no certificate any more; delete it instead',
    });
    assert.deepEqual(patch({ ...objectOf([a, b]), metadata: { name: 'zone' } }, remove), {
      refused: 'the object has no resource version or no list of CAs',
    });
  });
});
