import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  array,
  assert as fcAssert,
  nat,
  option,
  property,
  tuple,
  uniqueArray,
} from '../../kit/fast-check.ts';
import { shareStates, applyStates } from '../../../src/frontend/workers/share-states.ts';
import { encodeSecret, secretContent } from '../../../src/trust/secret/encode-secret.ts';
import type { Part } from '../../../src/trust/secret/encode-secret.ts';
import type { ServedMesh, ServedMeshes } from '../../../src/trust/snapshot/publisher.ts';

const parts: readonly Part[] = Array.from({ length: 6 }, (_, index) => ({
  bytes: new Uint8Array(3).fill(index),
  hash: new Uint8Array(32).fill(index),
}));

/** Returns a mesh with a secret for each trust domain, and a merged secret of all their parts. */
function meshOf(domains: readonly number[]): ServedMesh {
  const own = domains.map((index) => parts[index]).filter((part) => part !== undefined);
  const named: readonly (readonly [string, readonly Part[]])[] = [
    ['ALL', own],
    ...own.map((part) => [`spiffe://${part.bytes[0]}.test`, [part]] as const),
    ['system_trust_bundle', own],
  ];
  const secrets = new Map(named.map(([name, of]) => [name, encodeSecret(name, secretContent(of))]));
  return { secrets: { version: `version of ${domains.join()}`, secrets } };
}

/** Returns everything observable of a state: names in order, versions, bytes. */
function contentOf(states: ServedMeshes): unknown {
  return [...states].map(([mesh, { secrets }]) => [
    mesh,
    secrets.version,
    [...secrets.secrets.values()].map(({ name, version, body }) => [
      name,
      version,
      Buffer.from(body).toString('hex'),
    ]),
  ]);
}

const mesh = uniqueArray(nat({ max: parts.length - 1 })).map((domains) =>
  meshOf(domains.toSorted((a, b) => a - b)),
);
const states = tuple(mesh, option(mesh, { nil: undefined })).map(
  ([a, b]): ServedMeshes =>
    new Map(
      b === undefined
        ? [['a', a]]
        : [
            ['a', a],
            ['b', b],
          ],
    ),
);

suite('deltas for a worker', () => {
  test('any sequence of changes: the worker, and a new worker, serve the state of the parent', () => {
    fcAssert(
      property(array(states, { minLength: 1, maxLength: 6 }), (steps) => {
        let shared: ServedMeshes = new Map();
        let worker: ServedMeshes = new Map();
        // A mesh that was once listed stays, as in the builder.
        for (const step of steps) {
          const next = new Map([...shared, ...step]);
          worker = applyStates(worker, shareStates(shared, next));
          shared = next;
          assert.deepEqual(contentOf(worker), contentOf(shared));
        }
        const replacement = applyStates(new Map(), shareStates(new Map(), shared));
        assert.deepEqual(contentOf(replacement), contentOf(shared));
      }),
    );
  });

  test('no change: no delta', () => {
    const state: ServedMeshes = new Map([['a', meshOf([1, 2])]]);
    assert.deepEqual(shareStates(state, new Map(state)), []);
  });

  test('one trust domain changed: its part is sent once', () => {
    const [delta] = shareStates(new Map([['a', meshOf([0, 1, 2])]]), new Map([['a', meshOf([0, 1, 2, 3])]]));
    assert.deepEqual(
      delta?.parts.map(({ bytes }) => bytes[0]),
      [3],
    );
    assert.deepEqual(
      delta.secrets.map(({ name }) => name),
      ['ALL', 'spiffe://3.test', 'system_trust_bundle'],
    );
  });

  test('unchanged secrets: keep their objects, so that streams share their frames', () => {
    const before: ServedMeshes = new Map([['a', meshOf([0, 1])]]);
    const worker = applyStates(new Map(), shareStates(new Map(), before));
    const next = applyStates(worker, shareStates(before, new Map([['a', meshOf([0, 1, 2])]])));
    const secretOf = (meshes: ServedMeshes, name: string) => meshes.get('a')?.secrets.secrets.get(name);
    assert.ok(secretOf(worker, 'spiffe://0.test'));
    assert.equal(secretOf(next, 'spiffe://0.test'), secretOf(worker, 'spiffe://0.test'));
    assert.notEqual(secretOf(next, 'ALL'), secretOf(worker, 'ALL'));
  });

  test('worker lacks a part: throws', () => {
    const deltas = shareStates(new Map([['a', meshOf([0])]]), new Map([['a', meshOf([0, 1])]]));
    assert.throws(() => applyStates(new Map(), deltas), /was never sent/);
  });
});
