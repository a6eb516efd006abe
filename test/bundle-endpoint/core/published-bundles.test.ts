import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { suite, test } from 'node:test';
import { createPublishedBundles } from '../../../src/bundle-endpoint/core/published-bundles.ts';
import type { PublishedBundles } from '../../../src/bundle-endpoint/core/published-bundles.ts';
import type { ServedTrust } from '../../../src/bundle-endpoint/core/publication-source.ts';
import type { SequenceRecord } from '../../../src/bundle-endpoint/core/sequence-record.ts';
import { parsePublicationRule } from '../../../src/trust/federation/publication-rule.ts';
import type { Share } from '../../../src/trust/ledger/share.ts';
import { shareOf } from '../../kit/bundles.ts';
import { makeCa, makeIntermediate } from '../../kit/certificates.ts';
import type { KeyPair } from '../../kit/certificates.ts';
import { federated, imported, makeServed } from './served-trust.ts';

const [one, two, three] = [
  makeCa({ commonName: 'one' }),
  makeCa({ commonName: 'two' }),
  makeCa({ commonName: 'three' }),
];

interface Options {
  readonly serve?: readonly string[];
  readonly records?: readonly SequenceRecord[];
  readonly refreshSeconds?: number;
}

function publishing({
  serve = ['default/a.test'],
  records = [],
  refreshSeconds = 300,
}: Options = {}): PublishedBundles {
  const rules = serve.map((text) => {
    const rule = parsePublicationRule(text);
    return typeof rule === 'string' ? assert.fail(rule) : rule;
  });
  return createPublishedBundles({ rules, refreshSeconds, records });
}

const namesOf = (published: PublishedBundles): readonly string[] =>
  published.all().map(({ mesh, trustDomain, document }) => `${mesh}/${trustDomain} ${document.keys.length}`);

suite('published bundles', () => {
  test('document: has the certificates as they are served, one for each key', () => {
    const published = publishing();
    const intermediate = makeIntermediate(one, { commonName: 'issuing' });
    const served = makeServed().of(shareOf('a.test', [two, intermediate]));
    assert.equal(published.update(served, 7).length, 1);
    const bundle = published.get('default', 'a.test') ?? assert.fail();
    const anchors = served.meshes.get('default')?.bundle.bundles[0]?.anchors ?? [];
    const expected = anchors.map(({ der }) => [Buffer.from(der).toString('base64')]);
    assert.deepEqual(
      bundle.document.keys.map(({ x5c }) => x5c),
      expected,
    );
    assert.ok(
      anchors.some(({ rooting }) => rooting === 're-rooted'),
      'the intermediate is served re-rooted',
    );
    for (const key of bundle.document.keys)
      assert.deepEqual(Object.keys(key), ['use', 'kty', 'crv', 'x', 'y', 'x5c']);
    assert.deepEqual(JSON.parse(String(bundle.body)), bundle.document);
    assert.deepEqual([bundle.document.spiffe_sequence, bundle.document.spiffe_refresh_hint], [7, 300]);
  });

  test('names: nothing is published that no rule names', () => {
    const served = makeServed().of(shareOf('a.test', [one]), shareOf('b.test', [two]), {
      ...shareOf('a.test', [one]),
      mesh: 'other',
    });
    const cases: readonly (readonly [serve: readonly string[], expected: readonly string[]])[] = [
      [['default/a.test'], ['default/a.test 1']],
      [['default/*'], ['default/a.test 1', 'default/b.test 1']],
      [
        ['other/*', 'default/b.test'],
        ['default/b.test 1', 'other/a.test 1'],
      ],
      [['default/c.test', 'third/*'], []],
    ];
    for (const [serve, expected] of cases) {
      const published = publishing({ serve });
      published.update(served, 1);
      assert.deepEqual(namesOf(published), expected, serve.join());
    }
  });

  test('trust domain that is known by federation alone: is not published, by its name neither', () => {
    for (const serve of ['default/*', 'default/a.test']) {
      const published = publishing({ serve: [serve] });
      const { of } = makeServed();
      published.update(of(federated(shareOf('a.test', [one]))), 1);
      assert.deepEqual(namesOf(published), [], serve);
      // Once a source of this server lists it too, only what that source lists is published.
      published.update(of(federated(shareOf('a.test', [one])), shareOf('a.test', [two])), 2);
      assert.deepEqual(namesOf(published), ['default/a.test 1'], serve);
      const [key] = published.get('default', 'a.test')?.document.keys ?? [];
      assert.equal(key?.x5c[0], two.der.toString('base64'));
    }
  });

  test('steps: each reads a limited number of keys, and all of them publish what one update does', () => {
    const { of } = makeServed();
    const domains = Array.from({ length: 12 }, (_, index) => shareOf(`d${index}.test`, [makeCa()]));
    const large = shareOf(
      'large.test',
      Array.from({ length: 12 }, () => makeCa()),
    );
    const served = of(...domains, large);
    const published = publishing({ serve: ['default/*'] });
    const results: (readonly [published: number, isComplete: boolean])[] = [];
    for (let isComplete = false; !isComplete;) {
      ({ isComplete } = published.step(served, 1, 5));
      results.push([published.all().length, isComplete]);
    }
    // 24 keys in steps of five.
    assert.equal(results.length, 5);
    assert.deepEqual(results.at(-1), [13, true]);
    const whole = publishing({ serve: ['default/*'] });
    whole.update(served, 1);
    assert.deepEqual(
      published.all().map(({ etag }) => etag),
      whole.all().map(({ etag }) => etag),
    );
    assert.deepEqual(published.step(served, 2, 0), {
      changed: [],
      hasNewRecords: false,
      isComplete: true,
    });
  });

  test('steps: a certificate that was read costs nothing, and a newer state counts at the next step', () => {
    const { of } = makeServed();
    const published = publishing({ serve: ['default/*'] });
    const a = shareOf('a.test', [one]);
    assert.equal(published.step(of(a, shareOf('b.test', [two])), 1, 1).isComplete, false);
    assert.deepEqual(namesOf(published), ['default/a.test 1']);
    // The second trust domain has the certificate of the first one now.
    const next = published.step(of(a, shareOf('b.test', [one])), 2, 0);
    assert.deepEqual([next.isComplete, next.changed.length], [true, 1]);
    assert.deepEqual(namesOf(published), ['default/a.test 1', 'default/b.test 1']);
  });

  test('trust domain of another zone: is published only if it is named in full', () => {
    const cases: readonly (readonly [serve: readonly string[], expected: readonly string[]])[] = [
      [['default/*'], ['default/own.test 1', 'default/shared.test 1']],
      [
        ['default/zone-2.test', 'default/shared.test'],
        ['default/shared.test 2', 'default/zone-2.test 1'],
      ],
      [
        ['default/*', 'default/zone-2.test'],
        ['default/own.test 1', 'default/shared.test 1', 'default/zone-2.test 1'],
      ],
    ];
    const served = makeServed().of(
      shareOf('own.test', [one]),
      shareOf('shared.test', [one]),
      imported(shareOf('shared.test', [two])),
      imported(shareOf('zone-2.test', [two])),
    );
    for (const [serve, expected] of cases) {
      const published = publishing({ serve });
      published.update(served, 1);
      assert.deepEqual(namesOf(published), expected, serve.join());
    }
  });

  test('trust domain of another zone that an earlier run published by *: consumers keep it', () => {
    const before = publishing({ serve: ['default/zone-2.test'] });
    const served = makeServed().of(imported(shareOf('zone-2.test', [two])));
    before.update(served, 1);
    const after = publishing({ serve: ['default/*'], records: before.records() });
    after.update(served, 2);
    assert.deepEqual(namesOf(after), []);
  });

  suite('before the Global control plane was read', () => {
    const served = makeServed();
    const own = shareOf('a.test', [one]);
    const ofZone = imported(shareOf('a.test', [two]));
    const unread = (...shares: readonly Share[]): ServedTrust => ({
      ...served.of(...shares),
      isImportKnown: false,
    });
    /** The records of a process that has published these. */
    const recordsOf = (...shares: readonly Share[]): readonly SequenceRecord[] => {
      const before = publishing();
      before.update(served.of(...shares), 50);
      return before.records();
    };

    test('trust domain that is named in full: waits, and is published with the CAs of zones then', () => {
      const published = publishing({ serve: ['default/a.test', 'default/*'] });
      published.update(unread(own, shareOf('b.test', [one])), 1);
      assert.deepEqual(namesOf(published), ['default/b.test 1']);
      assert.deepEqual(
        [undefined, 'a.test', 'b.test'].map((name) => published.awaitsImport('default', name)),
        [true, true, false],
      );
      assert.equal(published.awaitsImport('other'), false);
      published.update(served.of(own, ofZone, shareOf('b.test', [one])), 2);
      assert.deepEqual(namesOf(published), ['default/a.test 2', 'default/b.test 1']);
      assert.equal(published.awaitsImport('default'), false);
    });

    test('the bundles of a build are published in turns: the wait ends with the last one', () => {
      const published = publishing();
      published.step(unread(own), 1, 1);
      assert.equal(published.step(served.of(own, ofZone), 2, 0).isComplete, false);
      assert.equal(published.awaitsImport('default', 'a.test'), true);
      assert.equal(published.step(served.of(own, ofZone), 2, 2).isComplete, true);
      assert.equal(published.awaitsImport('default', 'a.test'), false);
    });

    const withheldBy = (published: PublishedBundles): readonly string[] =>
      published.withheld().map(({ mesh, trustDomain }) => `${mesh}/${trustDomain}`);

    test('trust domain that is not published yet: is withheld until it is', () => {
      const published = publishing();
      published.update(unread(own), 1);
      assert.deepEqual(withheldBy(published), ['default/a.test']);
      published.update(served.of(own), 2);
      assert.deepEqual(withheldBy(published), []);
    });

    test('CA that is listed after an earlier bundle was published again: is withheld', () => {
      const published = publishing({ records: recordsOf(own, ofZone) });
      published.update(unread(own, ofZone), 1);
      assert.deepEqual([namesOf(published), withheldBy(published)], [['default/a.test 2'], []]);
      published.update(unread(shareOf('a.test', [one, three]), ofZone), 2);
      assert.deepEqual(
        [namesOf(published), withheldBy(published)],
        [['default/a.test 2'], ['default/a.test']],
      );
    });

    test('CA whose turn has not come: is withheld until the last turn', () => {
      const published = publishing();
      published.update(served.of(own), 1);
      const both = served.of(shareOf('a.test', [one, three]));
      published.step(both, 2, 0);
      assert.deepEqual(withheldBy(published), ['default/a.test']);
      published.step(both, 2, 1);
      assert.deepEqual([namesOf(published), withheldBy(published)], [['default/a.test 2'], []]);
    });

    test('CA that is removed before its turn comes: the trust domain is not withheld', () => {
      const published = publishing();
      const before = served.of(own);
      published.update(before, 1);
      published.step(served.of(shareOf('a.test', [one, three])), 2, 0);
      published.update(before, 3);
      assert.deepEqual([namesOf(published), withheldBy(published)], [['default/a.test 1'], []]);
    });

    test('trust domain that is removed while it is withheld: is not withheld any more', () => {
      const published = publishing({ serve: ['default/a.test', 'default/b.test'] });
      const other = shareOf('b.test', [three]);
      const both = unread(own, other);
      published.update(both, 1);
      published.update(unread(other), 2);
      assert.deepEqual(withheldBy(published), ['default/b.test']);
      published.update(both, 3);
      assert.deepEqual(withheldBy(published).toSorted(), ['default/a.test', 'default/b.test']);
    });

    test('trust domain of which nothing may be published: is not withheld', () => {
      const published = publishing({ serve: ['default/*'] });
      published.update(unread(ofZone), 1);
      assert.deepEqual([namesOf(published), withheldBy(published)], [[], []]);
    });

    test('trust domain that nothing lists here: may be one of another zone', () => {
      const published = publishing();
      published.update(unread(), 1);
      assert.equal(published.awaitsImport('default', 'a.test'), true);
      published.update(served.of(), 2);
      assert.equal(published.awaitsImport('default', 'a.test'), false);
    });

    test('an earlier process published it with the CA of a zone: waits, and its sequence does not go back', () => {
      const records = recordsOf(own, ofZone);
      const published = publishing({ records });
      published.update(unread(own), 1);
      assert.deepEqual([namesOf(published), published.records()], [[], records]);
      published.update(served.of(own, ofZone), 2);
      assert.equal(published.get('default', 'a.test')?.sequence, 50);
      published.update(served.of(own), 3);
      assert.equal(published.get('default', 'a.test')?.sequence, 51);
    });

    test('an earlier process published it as it is now: is published', () => {
      const published = publishing({ records: recordsOf(own, ofZone) });
      published.update(unread(shareOf('a.test', [one, two])), 1);
      assert.equal(published.get('default', 'a.test')?.sequence, 50);
      // What is known of the CAs of zones stays.
      const after = publishing({ records: published.records() });
      after.update(unread(own), 2);
      assert.deepEqual(namesOf(after), []);
    });

    test('an earlier process published it without CAs of zones: changes are published', () => {
      const published = publishing({ records: recordsOf(own) });
      published.update(unread(shareOf('a.test', [two])), 1);
      assert.equal(published.get('default', 'a.test')?.sequence, 51);
      const after = publishing({ records: published.records() });
      after.update(unread(), 2);
      assert.deepEqual(namesOf(after), []);
    });

    test('records of an earlier version: only the same content is published', () => {
      const records = recordsOf(own).map((record) => ({ ...record, hasImported: undefined }));
      const published = publishing({ records });
      published.update(unread(shareOf('a.test', [two])), 1);
      assert.deepEqual(namesOf(published), []);
      published.update(unread(own), 2);
      assert.equal(published.get('default', 'a.test')?.sequence, 50);
    });

    test('a CA of this server is later one of a zone alone: the record says so, although nothing else changes', () => {
      const published = publishing();
      published.update(served.of(own, shareOf('a.test', [two])), 1);
      assert.deepEqual(
        published.records().map(({ hasImported }) => hasImported),
        [false],
      );
      const step = published.step(served.of(own, ofZone), 2, Infinity);
      assert.deepEqual([step.changed, step.hasNewRecords], [[], true]);
      const after = publishing({ records: published.records() });
      after.update(unread(own), 3);
      assert.deepEqual(namesOf(after), []);
    });

    test('all of its CAs are distrusted: no document without keys while those of zones are unknown', () => {
      const [anchor] = own.anchors;
      const distrusting = makeServed();
      const distrusted = new Set([anchor?.certificate.fingerprint]);
      distrusting.setPolicy({ distrusted, refuseIntermediates: false });
      const now = { ...distrusting.of(own), isImportKnown: false };
      const withZones = publishing({ records: recordsOf(own, ofZone) });
      withZones.update(now, 1);
      assert.deepEqual(namesOf(withZones), []);
      const without = publishing({ records: recordsOf(own) });
      without.update(now, 1);
      assert.deepEqual(namesOf(without), ['default/a.test 0']);
    });
  });

  test('sequence: changes with the content, and only then', () => {
    const published = publishing();
    const { of } = makeServed();
    const sequences: (readonly [boolean, number | undefined])[] = [];
    const step = (now: number, ...cas: Parameters<typeof shareOf>[1]): void => {
      const changed = published.update(of(shareOf('a.test', cas)), now).length > 0;
      sequences.push([changed, published.get('default', 'a.test')?.sequence]);
    };
    step(100, one);
    step(200, one);
    step(300, one, two);
    // The clock went back.
    step(50, one);
    step(50, one, two);
    step(1000, two);
    assert.deepEqual(sequences, [
      [true, 100],
      [false, 100],
      [true, 300],
      [true, 301],
      [true, 302],
      [true, 1000],
    ]);
  });

  test('entity tag: is the same on all replicas, and differs by content and hint', () => {
    const served = makeServed().of(shareOf('a.test', [one]));
    const etagOf = (options: Options, now: number, state = served): string => {
      const published = publishing(options);
      published.update(state, now);
      return published.get('default', 'a.test')?.etag ?? assert.fail();
    };
    const etag = etagOf({}, 1);
    assert.match(etag, /^"[0-9a-f]{32}"$/);
    assert.equal(etagOf({}, 2), etag);
    assert.notEqual(etagOf({ refreshSeconds: 60 }, 1), etag);
    assert.notEqual(etagOf({}, 1, makeServed().of(shareOf('a.test', [two]))), etag);
  });

  test('restart: an unchanged bundle keeps its sequence, a changed one gets a higher one', () => {
    const before = publishing();
    before.update(makeServed().of(shareOf('a.test', [one])), 5000);
    const records = before.records();
    const same = publishing({ records });
    same.update(makeServed().of(shareOf('a.test', [one])), 9000);
    assert.deepEqual(same.get('default', 'a.test')?.body, before.get('default', 'a.test')?.body);
    const changed = publishing({ records });
    changed.update(makeServed().of(shareOf('a.test', [two])), 10);
    assert.equal(changed.get('default', 'a.test')?.sequence, 5001);
  });

  test('trust domain that never had a CA certificate: is not published', () => {
    const published = publishing();
    published.update(makeServed().of(shareOf('b.test', [one])), 1);
    assert.equal(published.get('default', 'a.test'), undefined);
  });

  test('all CA certificates removed: the bundle has no key', () => {
    const published = publishing();
    const { of } = makeServed();
    published.update(of(shareOf('a.test', [one])), 1);
    assert.equal(published.update(of(), 2).length, 1);
    const bundle = published.get('default', 'a.test') ?? assert.fail();
    assert.deepEqual(JSON.parse(String(bundle.body)), {
      keys: [],
      spiffe_sequence: 2,
      spiffe_refresh_hint: 300,
    });
    assert.equal(bundle.isEmpty, true);
    // And again with one.
    published.update(of(shareOf('a.test', [one])), 3);
    assert.deepEqual(namesOf(published), ['default/a.test 1']);
  });

  test('all CA certificates removed, then a restart: the bundle still has no key', () => {
    const before = publishing();
    const { of } = makeServed();
    before.update(of(shareOf('a.test', [one])), 1);
    before.update(of(), 2);
    const after = publishing({ records: before.records() });
    after.update(makeServed().of(), 3);
    assert.deepEqual(after.get('default', 'a.test')?.body, before.get('default', 'a.test')?.body);
  });

  test('CA certificates absent after a restart: nothing is published, because they may be unreadable', () => {
    const before = publishing();
    before.update(makeServed().of(shareOf('a.test', [one])), 1);
    const after = publishing({ records: before.records() });
    after.update(makeServed().of(), 2);
    assert.equal(after.get('default', 'a.test'), undefined);
    assert.deepEqual(after.records(), before.records(), 'the sequence is not lost');
  });

  test('trust domain absent after a restart: its map waits until all is read, and then is without it', () => {
    const serve = ['default/*', 'other/*'];
    const before = publishing({ serve });
    const b = shareOf('b.test', [two]);
    const other = { ...shareOf('c.test', [two]), mesh: 'other' };
    before.update(makeServed().of(shareOf('a.test', [one]), b, other), 1);
    const after = publishing({ serve, records: before.records() });
    const { of } = makeServed();
    after.update({ ...of(b, other), isAllRead: false }, 2);
    assert.deepEqual([after.awaitsRead('default'), after.awaitsRead('other')], [true, false]);
    // Another change of the mesh is no reason to give the map.
    after.update({ ...of(shareOf('b.test', [two, one]), other), isAllRead: false }, 3);
    assert.equal(after.awaitsRead('default'), true);
    after.update(of(b, other), 4);
    assert.equal(after.awaitsRead('default'), false, 'it is certain that it is gone');
    after.update({ ...of(b, other), isAllRead: false }, 5);
    assert.equal(
      after.awaitsRead('default'),
      false,
      'a file that breaks later does not make it uncertain again',
    );
  });

  test('trust domain that is there again while not all is read: its map does not wait', () => {
    const before = publishing();
    before.update(makeServed().of(shareOf('a.test', [one])), 1);
    const after = publishing({ records: before.records() });
    const { of } = makeServed();
    after.update({ ...of(), isAllRead: false }, 2);
    assert.equal(after.awaitsRead('default'), true);
    after.update({ ...of(shareOf('a.test', [one])), isAllRead: false }, 3);
    assert.equal(after.awaitsRead('default'), false);
  });

  test('trust domain absent after a restart, read later: its map waits until its turn has come', () => {
    const before = publishing({ serve: ['default/*'] });
    const [a, b] = [shareOf('a.test', [one]), shareOf('b.test', [two])];
    before.update(makeServed().of(a, b), 1);
    const after = publishing({ serve: ['default/*'], records: before.records() });
    const { of } = makeServed();
    after.update({ ...of(b), isAllRead: false }, 2);
    const all = of(a, b);
    assert.equal(after.step(all, 3, 0).isComplete, false);
    assert.equal(after.awaitsRead('default'), true);
    assert.equal(after.step(all, 3, 1).isComplete, true);
    assert.equal(after.awaitsRead('default'), false);
    assert.equal(after.mapOf('default')?.bundles.length, 2);
  });

  test('trust domain whose last document had no key, absent after a restart: its map does not wait', () => {
    const before = publishing();
    const { of } = makeServed();
    before.update(of(shareOf('a.test', [one])), 1);
    before.update(of(), 2);
    const after = publishing({ records: before.records() });
    after.update({ ...makeServed().of(), isAllRead: false }, 3);
    assert.equal(after.awaitsRead('default'), false);
    assert.equal(after.mapOf('default')?.bundles.length, 1);
  });

  test('all CA certificates distrusted, while it runs or during a restart: the bundle has no key', () => {
    const share = shareOf('a.test', [one]);
    const [anchor] = share.anchors;
    const policy = { distrusted: new Set([anchor?.certificate.fingerprint]), refuseIntermediates: false };
    const before = publishing();
    const running = makeServed();
    before.update(running.of(share), 1);
    const { [0]: record } = before.records();
    running.setPolicy(policy);
    before.update(running.of(share), 2);
    assert.deepEqual(namesOf(before), ['default/a.test 0']);
    const restarted = makeServed();
    restarted.setPolicy(policy);
    const after = publishing({ records: record === undefined ? [] : [record] });
    after.update(restarted.of(share), 3);
    assert.deepEqual(namesOf(after), ['default/a.test 0']);
    const never = publishing();
    never.update(restarted.of(share), 3);
    assert.deepEqual(namesOf(never), [], 'it was never published');
  });

  test('CA certificate without a JWK: is left out, and does not count as a removal', () => {
    const p224 = makeCa({ commonName: 'P-224', key: makeKeyOf('secp224r1') });
    const published = publishing();
    const { of } = makeServed();
    published.update(of(shareOf('a.test', [p224])), 1);
    assert.equal(published.get('default', 'a.test'), undefined);
    published.update(of(shareOf('a.test', [p224, one])), 2);
    assert.deepEqual(namesOf(published), ['default/a.test 1']);
  });

  test('bundle map: is made once for each change, and its entity tag follows each bundle of the mesh', () => {
    const published = publishing({ serve: ['default/*'] });
    const { of } = makeServed();
    published.update(of(shareOf('a.test', [one]), shareOf('b.test', [one])), 1);
    const before = published.mapOf('default');
    published.update(of(shareOf('a.test', [one]), shareOf('b.test', [one])), 2);
    assert.equal(published.mapOf('default'), before);
    published.update(of(shareOf('a.test', [one]), shareOf('b.test', [two])), 3);
    const after = published.mapOf('default');
    assert.notEqual(after?.etag, before?.etag);
    assert.deepEqual(
      after?.bundles.map(({ trustDomain, sequence }) => [trustDomain, sequence]),
      [
        ['a.test', 1],
        ['b.test', 3],
      ],
    );
    assert.equal(published.mapOf('other'), undefined);
  });

  test('resource that is written again without a change: nothing is published again', () => {
    const published = publishing();
    const { of } = makeServed();
    const share = shareOf('a.test', [one]);
    published.update(of(share), 1);
    const before = published.get('default', 'a.test');
    assert.equal(published.update(of(shareOf('a.test', [one], 'again')), 2).length, 0);
    assert.equal(published.get('default', 'a.test'), before);
  });
});

suite('publication rule', () => {
  test('form: a mesh and a trust domain, or all of a mesh', () => {
    assert.deepEqual(parsePublicationRule('default/a.test'), { mesh: 'default', trustDomain: 'a.test' });
    assert.deepEqual(parsePublicationRule('default/*'), { mesh: 'default', trustDomain: '*' });
    for (const text of [
      'a.test',
      '/a.test',
      '',
      '*',
      'default/',
      'default/A.test',
      'default/deny-all.invalid',
      'default/a.test:default/b.test',
      'Default/a.test',
      'default/eu/*',
    ])
      assert.equal(typeof parsePublicationRule(text), 'string', text);
  });
});

function makeKeyOf(namedCurve: string): KeyPair {
  return generateKeyPairSync('ec', { namedCurve });
}
