import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import { combinedVersion, contentVersion } from '../../../src/xds/core/content-version.ts';
import { createResource, createResourceSet, lookup } from '../../../src/xds/core/resource.ts';
import type { Resource } from '../../../src/xds/core/resource.ts';
import { createSnapshotStore } from '../../../src/xds/core/snapshot-store.ts';
import type { Change } from '../../../src/xds/core/snapshot-store.ts';
import { resource } from '../vocabulary.ts';

const type = 'type.googleapis.com/test.T';

/** What a store publishes, from now on. */
function listen(store: ReturnType<typeof createSnapshotStore>): () => readonly Change[] {
  let changes: Change[] = [];
  store.subscribe((change) => void changes.push(change));
  return () => {
    const heard = changes;
    changes = [];
    return heard;
  };
}

function plain(...resources: readonly Resource[]): ReturnType<typeof createResourceSet> {
  return createResourceSet(resources);
}

suite('a snapshot store', () => {
  test('publishes the names that differ, in order, and only those', () => {
    const store = createSnapshotStore();
    store.set('g', type, plain(resource('b', '1'), resource('a', '1'), resource('c', '1')));
    const heard = listen(store);
    store.set('g', type, plain(resource('c', '2'), resource('a', '1'), resource('d', '1')));
    const [change, ...more] = heard();
    assert.deepEqual(more, []);
    assert.deepEqual([change?.group, change?.typeUrl], ['g', type]);
    assert.deepEqual(change?.names === 'all' ? [] : [...(change?.names ?? [])], ['b', 'c', 'd']);
  });

  test('publishes nothing when no name differs', () => {
    const store = createSnapshotStore();
    store.set('g', type, plain(resource('a', '1')));
    const heard = listen(store);
    store.set('g', type, plain(resource('a', '1')));
    assert.deepEqual(heard(), []);
  });

  test('publishes all names where something comes or goes that cannot be listed', () => {
    const store = createSnapshotStore();
    const heard = listen(store);
    store.set('g', type, plain());
    store.set('g', type, createResourceSet([], { fallback: (name) => resource(name, 'f') }));
    store.setDefault(type, () => plain());
    store.delete('g', type);
    store.delete('g', type);
    assert.deepEqual(
      heard().map(({ group, names }) => [group, names]),
      [
        ['g', 'all'],
        ['g', 'all'],
        [undefined, 'all'],
        ['g', 'all'],
      ],
    );
  });

  test('publishes a name that a wildcard now gets, though it is the same', () => {
    const store = createSnapshotStore();
    const a = resource('a', '1');
    store.set('g', type, createResourceSet([a], { wildcard: [] }));
    const heard = listen(store);
    store.set('g', type, createResourceSet([a], { wildcard: ['a'] }));
    assert.equal(heard().length, 1);
  });

  test('a listed name that falls back to the same version is no change', () => {
    const store = createSnapshotStore();
    const fallback = (name: string): Resource => resource(name, 'f');
    store.set('g', type, createResourceSet([resource('a', 'f')], { fallback, wildcard: [] }));
    const heard = listen(store);
    store.set('g', type, createResourceSet([], { fallback, wildcard: [] }));
    assert.deepEqual(heard(), []);
  });

  test('answers a group by its own set, else by the default, else by nothing', () => {
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

  test('a listener that is disposed hears nothing more', () => {
    const store = createSnapshotStore();
    let heard = 0;
    const subscription = store.subscribe(() => void (heard += 1));
    store.set('g', type, plain(resource('a', '1')));
    subscription[Symbol.dispose]();
    store.set('g', type, plain(resource('a', '2')));
    assert.equal(heard, 1);
  });
});

suite('versions', () => {
  const versioned = fc.uniqueArray(fc.record({ name: fc.string(), version: fc.string() }), {
    selector: ({ name }) => name,
    maxLength: 8,
  });

  test('a resource has the version of its bytes', () => {
    const one = createResource('a', Buffer.from('x'));
    assert.equal(one.version, contentVersion(Buffer.from('x')));
    assert.match(one.version, /^[0-9a-f]{32}$/);
    assert.notEqual(one.version, createResource('a', Buffer.from('y')).version);
  });

  test('the version of several does not depend on their order', () => {
    fc.assert(
      fc.property(versioned, (resources) => {
        assert.equal(combinedVersion(resources), combinedVersion(resources.toReversed()));
        assert.match(combinedVersion(resources), /^[0-9a-f]{32}$/);
      }),
    );
  });

  test('the version of several changes with any of them', () => {
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

  test('where name ends and version begins makes a difference', () => {
    assert.notEqual(
      combinedVersion([{ name: 'a', version: 'bc' }]),
      combinedVersion([{ name: 'ab', version: 'c' }]),
    );
  });

  test('a set has the version of what is in it, unless it is given one', () => {
    const a = resource('a', '1');
    assert.equal(plain(a).version, combinedVersion([a]));
    assert.equal(createResourceSet([a], { version: 'mine' }).version, 'mine');
  });

  test('a listed resource goes before the fallback', () => {
    const set = createResourceSet([resource('a', '1')], { fallback: (name) => resource(name, 'f') });
    assert.equal(lookup(set, 'a')?.version, '1');
    assert.equal(lookup(set, 'b')?.version, 'f');
    assert.equal(lookup(plain(), 'b'), undefined);
  });
});
