import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from '../../kit/fast-check.ts';
import { combinedVersion, contentVersion } from '../../../src/xds/core/content-version.ts';
import { createResource, createResourceSet, lookup } from '../../../src/xds/core/resource.ts';
import type { Resource } from '../../../src/xds/core/resource.ts';
import { createSnapshotStore } from '../../../src/xds/core/snapshot-store.ts';
import type { Change } from '../../../src/xds/core/snapshot-store.ts';
import { wildcardTarget } from '../../../src/xds/core/wildcard.ts';
import { resource } from '../vocabulary.ts';

const type = 'type.googleapis.com/test.T';

/** Returns a function that returns the changes published since its last call. */
function listen(store: ReturnType<typeof createSnapshotStore>): () => readonly Change[] {
  let changes: Change[] = [];
  store.subscribe((change) => void changes.push(change));
  return () => {
    const published = changes;
    changes = [];
    return published;
  };
}

function plain(...resources: readonly Resource[]): ReturnType<typeof createResourceSet> {
  return createResourceSet(resources);
}

suite('snapshot store', () => {
  test('changed set: publishes the names that differ, sorted', () => {
    const store = createSnapshotStore();
    store.set('g', type, plain(resource('b', '1'), resource('a', '1'), resource('c', '1')));
    const changes = listen(store);
    store.set('g', type, plain(resource('c', '2'), resource('a', '1'), resource('d', '1')));
    const [change, ...more] = changes();
    assert.deepEqual(more, []);
    assert.deepEqual([change?.group, change?.typeUrl], ['g', type]);
    assert.deepEqual(change?.names === 'all' ? [] : [...(change?.names ?? [])], ['b', 'c', 'd']);
  });

  test('equal set: publishes nothing', () => {
    const store = createSnapshotStore();
    store.set('g', type, plain(resource('a', '1')));
    const changes = listen(store);
    store.set('g', type, plain(resource('a', '1')));
    assert.deepEqual(changes(), []);
  });

  test('new set, new fallback, new default, deleted set: publishes all names', () => {
    const store = createSnapshotStore();
    const changes = listen(store);
    store.set('g', type, plain());
    store.set('g', type, createResourceSet([], { fallback: (name) => resource(name, 'f') }));
    store.setDefault(type, () => plain());
    store.delete('g', type);
    store.delete('g', type);
    assert.deepEqual(
      changes().map(({ group, names }) => [group, names]),
      [
        ['g', 'all'],
        ['g', 'all'],
        [undefined, 'all'],
        ['g', 'all'],
      ],
    );
  });

  test('unchanged resource that the wildcard covers now: is published', () => {
    const store = createSnapshotStore();
    const a = resource('a', '1');
    store.set('g', type, createResourceSet([a], { wildcard: [] }));
    const changes = listen(store);
    store.set('g', type, createResourceSet([a], { wildcard: ['a'] }));
    assert.equal(changes().length, 1);
  });

  test('listed name whose fallback has the same version: is not published', () => {
    const store = createSnapshotStore();
    const fallback = (name: string): Resource => resource(name, 'f');
    store.set('g', type, createResourceSet([resource('a', 'f')], { fallback, wildcard: [] }));
    const changes = listen(store);
    store.set('g', type, createResourceSet([], { fallback, wildcard: [] }));
    assert.deepEqual(changes(), []);
  });

  test('get: returns the set of the group, or else the default, or else nothing', () => {
    const store = createSnapshotStore();
    assert.equal(store.get('g', type), undefined);
    const byDefault = plain(resource('a', 'default'));
    const own = plain(resource('a', 'own'));
    store.setDefault(type, () => byDefault);
    store.set('g', type, own);
    assert.equal(store.get('g', type), own);
    assert.equal(store.get('h', type), byDefault);
    assert.equal(store.get('g', 'other'), undefined);
    store.delete('g', type);
    assert.equal(store.get('g', type), byDefault);
  });

  test('disposed listener: is not called again', () => {
    const store = createSnapshotStore();
    let changes = 0;
    const subscription = store.subscribe(() => void (changes += 1));
    store.set('g', type, plain(resource('a', '1')));
    subscription[Symbol.dispose]();
    store.set('g', type, plain(resource('a', '2')));
    assert.equal(changes, 1);
  });
});

suite('versions', () => {
  const versioned = fc.uniqueArray(fc.record({ name: fc.string(), version: fc.string() }), {
    selector: ({ name }) => name,
    maxLength: 8,
  });

  test('resource: its version is the hash of its body', () => {
    const one = createResource('a', Buffer.from('x'));
    assert.equal(one.version, contentVersion(Buffer.from('x')));
    assert.match(one.version, /^[0-9a-f]{32}$/);
    assert.notEqual(one.version, createResource('a', Buffer.from('y')).version);
  });

  test('combined version: does not depend on the order', () => {
    fc.assert(
      fc.property(versioned, (resources) => {
        assert.equal(combinedVersion(resources), combinedVersion(resources.toReversed()));
        assert.match(combinedVersion(resources), /^[0-9a-f]{32}$/);
      }),
    );
  });

  test('combined version: changes with each resource', () => {
    fc.assert(
      fc.property(versioned, fc.nat(), (resources, pick) => {
        fc.pre(resources.length > 0);
        const index = pick % resources.length;
        const before = combinedVersion(resources);
        const changed = resources.map((each, at) =>
          at === index ? { ...each, version: `${each.version}'` } : each,
        );
        assert.notEqual(combinedVersion(changed), before);
        assert.notEqual(combinedVersion(resources.toSpliced(index, 1)), before);
      }),
    );
  });

  test('combined version: tells name and version apart', () => {
    assert.notEqual(
      combinedVersion([{ name: 'a', version: 'bc' }]),
      combinedVersion([{ name: 'ab', version: 'c' }]),
    );
  });

  test('set: its version is by default that of its resources', () => {
    const a = resource('a', '1');
    assert.equal(plain(a).version, combinedVersion([a]));
    assert.equal(createResourceSet([a], { version: 'mine' }).version, 'mine');
  });

  test('lookup: prefers a listed resource to the fallback', () => {
    const set = createResourceSet([resource('a', '1')], { fallback: (name) => resource(name, 'f') });
    assert.equal(lookup(set, 'a')?.version, '1');
    assert.equal(lookup(set, 'b')?.version, 'f');
    assert.equal(lookup(plain(), 'b'), undefined);
  });
});

suite('resource under another name', () => {
  const other = resource('other', '1');
  const table = {
    'in the set': { version: '1', resources: new Map([['a', other]]) },
    'of the fallback': { version: '1', resources: new Map<string, Resource>(), fallback: () => other },
  };
  for (const [where, set] of Object.entries(table))
    test(`${where}: is refused`, () => {
      const message = 'the resource set has a resource with the name "other" for "a"';
      assert.throws(() => lookup(set, 'a'), { message });
      assert.throws(() => wildcardTarget(set, 'a'), { message });
    });
});
