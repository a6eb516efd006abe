import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { LogMessage } from '../../src/access-log/read-message.ts';
import { createIssuerSightings } from '../../src/access-log/sightings.ts';

const [a, b, c] = ['a'.repeat(64), 'b'.repeat(64), 'c'.repeat(64)] as const;
const served = new Map([
  [a, a],
  // Served in another form than it is listed.
  [b, c],
]);
const messageOf = (issuers: readonly (readonly [string, number])[], without = 0): LogMessage => ({
  node: undefined,
  issuers: new Map(issuers),
  without,
});

suite('issuers of clients in access logs', () => {
  test('an issuer that is served: has the fingerprint of the listed certificate, and the times of its entries', () => {
    const sightings = createIssuerSightings();
    sightings.add({ id: 'node', mesh: 'default' }, messageOf([[b, 2]]), served, 100);
    sightings.add({ id: 'node', mesh: 'default' }, messageOf([[b, 3]], 4), served, 50);
    assert.deepEqual(sightings.of('default', 0), {
      issuers: new Map([[c, { entries: 5, firstSeen: 50, lastSeen: 100 }]]),
      unknown: 0,
      unknownAt: undefined,
      without: 4,
      lostAt: undefined,
      nodes: 1,
    });
    assert.equal(sightings.of('other', 0).issuers.size, 0);
  });

  test('a flood of issuers that are not served: only their number is kept', () => {
    const sightings = createIssuerSightings();
    for (let index = 0; index < 5_000; index += 1)
      sightings.add(
        { id: 'node', mesh: 'default' },
        messageOf([[index.toString(16).padStart(64, '0'), 1]]),
        served,
        index,
      );
    sightings.add({ id: 'node', mesh: 'default' }, messageOf([[a, 1]]), served, 9_999);
    const { issuers, unknown, unknownAt } = sightings.of('default', 0);
    assert.deepEqual([...issuers.keys()], [a]);
    assert.deepEqual([unknown, unknownAt], [5_000, 4_999]);
  });

  test('a flood of meshes that do not exist: nothing is kept', () => {
    const sightings = createIssuerSightings();
    for (let index = 0; index < 5_000; index += 1)
      sightings.add({ id: 'node', mesh: `mesh-${index}` }, messageOf([[a, 1]], 1), undefined, index);
    assert.deepEqual(sightings.of('mesh-1', 0), {
      issuers: new Map(),
      unknown: 0,
      unknownAt: undefined,
      without: 0,
      lostAt: undefined,
      nodes: 0,
    });
  });

  test('issuers that are removed one after the other: leave the count', () => {
    const sightings = createIssuerSightings();
    for (let index = 0; index < 100; index += 1) {
      const hash = index.toString(16).padStart(64, '0');
      sightings.add({ id: 'node', mesh: 'default' }, messageOf([[hash, 1]]), new Map([[hash, hash]]), index);
    }
    assert.equal(sightings.of('default', 0).issuers.size, 1);
  });

  test('nodes: count for an hour after their last entry with an issuer', () => {
    const sightings = createIssuerSightings();
    const nodesAt = (now: number): number => sightings.of('default', now).nodes;
    const add = (id: string, at: number, message = messageOf([[a, 1]])): void =>
      sightings.add({ id, mesh: 'default' }, message, served, at);
    add('one', 0);
    add('two', 10);
    add('one', 20);
    add('three', 20, messageOf([], 1));
    add('', 20);
    add('x'.repeat(513), 20);
    assert.deepEqual([nodesAt(20), nodesAt(3_600_009), nodesAt(3_600_010), nodesAt(3_600_020)], [2, 2, 1, 0]);
  });

  test('a flood of nodes: at most 20,000 are known, and others are known after an hour', () => {
    const sightings = createIssuerSightings();
    for (let index = 0; index < 25_000; index += 1)
      sightings.add({ id: `node-${index}`, mesh: 'default' }, messageOf([[a, 1]]), served, 0);
    assert.equal(sightings.of('default', 0).nodes, 20_000);
    sightings.add({ id: 'later', mesh: 'default' }, messageOf([[a, 1]]), served, 3_600_000);
    assert.equal(sightings.of('default', 3_600_000).nodes, 1);
  });

  test('a flood of nodes of another mesh: nodes are known again after an hour', () => {
    const sightings = createIssuerSightings();
    const message = messageOf([[a, 1]]);
    for (let index = 0; index < 20_000; index += 1)
      sightings.add({ id: `node-${index}`, mesh: 'a' }, message, served, 0);
    sightings.add({ id: 'node', mesh: 'b' }, message, served, 3_599_999);
    assert.equal(sightings.of('b', 3_599_999).nodes, 0);
    sightings.add({ id: 'node', mesh: 'b' }, message, served, 3_600_000);
    assert.equal(sightings.of('b', 3_600_000).nodes, 1);
  });

  test('lost entries: of one mesh, or of all if the mesh is unknown', () => {
    const sightings = createIssuerSightings();
    sightings.add({ id: 'node', mesh: 'a' }, messageOf([]), served, 1);
    sightings.add({ id: 'node', mesh: 'b' }, messageOf([]), served, 1);
    sightings.lost('a', 10);
    assert.deepEqual([sightings.of('a', 0).lostAt, sightings.of('b', 0).lostAt], [10, undefined]);
    sightings.lost(undefined, 5);
    assert.deepEqual([sightings.of('a', 0).lostAt, sightings.of('b', 0).lostAt], [10, 5]);
  });

  test('lost entries of a mesh that has none yet: say nothing of other meshes', () => {
    const sightings = createIssuerSightings();
    sightings.add({ id: 'node', mesh: 'a' }, messageOf([]), served, 1);
    sightings.lost('b', 10);
    assert.deepEqual([sightings.of('a', 0).lostAt, sightings.of('b', 0).lostAt], [undefined, 10]);
  });
});
