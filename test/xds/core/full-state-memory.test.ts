import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { defaultStreamLimits } from '../../../src/xds/core/check-request.ts';
import { createFrames } from '../../../src/xds/core/frames.ts';
import { createRefusalMemory } from '../../../src/xds/core/refusal-memory.ts';
import { createResource, createResourceSet } from '../../../src/xds/core/resource.ts';
import { createSotwSession } from '../../../src/xds/core/session.ts';
import { createSnapshotStore } from '../../../src/xds/core/snapshot-store.ts';
import { typeUrls } from '../../../src/xds/core/type-urls.ts';

const typeUrl = typeUrls.cluster;
const namesOfRequest = 200;
const listed = Array.from({ length: namesOfRequest }, (_, index) => `listed-${index}`);
const unlisted = (round: number): readonly string[] => listed.map((name) => `un${name}-${round}`);

/** A client of a set that also has a cluster for every other name. */
function clientOfClusters() {
  const store = createSnapshotStore();
  const resources = listed.map((name) => createResource(name, new Uint8Array()));
  const fallback = (name: string) => createResource(name, new Uint8Array());
  store.set('g', typeUrl, createResourceSet(resources, { fallback }));
  const session = createSotwSession(
    {
      view: store,
      frames: createFrames('test', ''),
      memory: createRefusalMemory({ entries: 1, ttlMs: 1 }),
      limits: defaultStreamLimits,
      groupOf: () => 'g',
      optionsOf: () => ({}),
    },
    { observe: () => undefined },
  );
  return {
    /** Sends a request, and returns the nonce of its response. */
    request(names: readonly string[], nonce = ''): string {
      const error = session.request(
        { kind: 'sotw', node: undefined, typeUrl, names, version: '', nonce, error: undefined },
        0,
      );
      assert.equal(error, undefined);
      return session.take(0)?.nonce ?? '';
    },
    heldBytes: () => session.heldBytes,
  };
}

suite('memory of full states without an answer', () => {
  test('names that the set does not list: count until the ACK, in 16 responses at most', () => {
    const client = clientOfClusters();
    client.request(unlisted(0));
    const one = client.heldBytes();
    let nonce = '';
    for (let round = 1; round < 30; round += 1) nonce = client.request(unlisted(round));
    const many = client.heldBytes();
    assert.ok(many > 14 * one && many < 18 * one, `${many} bytes, and ${one} of one request`);
    client.request(unlisted(29), nonce);
    assert.ok(client.heldBytes() < 1.1 * one, `${client.heldBytes()} bytes`);
  });

  test('names that the set lists: do not count with the responses, which share them', () => {
    const client = clientOfClusters();
    client.request(listed);
    const one = client.heldBytes();
    for (let round = 1; round < 30; round += 1) client.request(round % 2 === 0 ? listed : listed.slice(1));
    assert.ok(client.heldBytes() <= one);
  });
});
