import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { TrustDomain } from '../../../src/trust/model/mesh-trust.ts';
import { decodeStoredBundle, encodeStoredBundle } from '../../../src/trust/federation/stored-bundle.ts';
import { resourceOf } from '../../../src/trust/federation/relationship.ts';
import type { StoredBundle } from '../../../src/trust/federation/stored-bundle.ts';
import { bundleDocument, bundleKey } from '../../kit/bundle-endpoint.ts';
import { makeCa } from '../../kit/certificates.ts';
import {
  documentResponse,
  failure,
  makePoller,
  makeRelationship,
  peerDomain,
  peerId,
  readDocument,
} from '../../kit/federation.ts';
import type { FakeResponse } from '../../kit/federation.ts';

const [a, b] = [makeCa({ commonName: 'A' }), makeCa({ commonName: 'B' })];
const path = 'federation:default/spire.test';
const bootstrap = readDocument(bundleDocument([a]));
const relationship = makeRelationship({ bootstrap });
const one = (sequence: number) => bundleDocument([a], { sequence, refreshHint: 60 });
const two = bundleDocument([a, b], { sequence: 2, refreshHint: 60 });
const minute = 60_000;
/** A bundle whose only key is damaged. */
const damaged = { keys: [{ ...bundleKey(a), x5c: ['!'] }], spiffe_sequence: 9, spiffe_refresh_hint: 60 };

/** Responds as an endpoint does whose certificate is from this CA: only clients that trust it get a document. */
const signedBy =
  ({ certPem }: typeof a, document: () => unknown): FakeResponse =>
  ({ check }) =>
    check.kind === 'spiffe' && check.cas.includes(certPem)
      ? documentResponse(document())
      : failure('identity');

const stored = (more: Partial<StoredBundle> = {}): ReadonlyMap<string, StoredBundle> =>
  new Map([
    [
      'default/spire.test',
      {
        mesh: 'default',
        trustDomain: peerDomain,
        url: relationship.url,
        etag: '"1"',
        fetchedAt: Date.UTC(2026, 10, 22),
        bootstrapDigest: undefined,
        document: readDocument(two),
        ...more,
      },
    ],
  ]);

test('bootstrap bundle: is served until the first fetch', async () => {
  const { update, respond, settle, takeEvents, poller } = makePoller();
  respond(documentResponse(two));
  update(relationship);
  assert.deepEqual(takeEvents(), [`content ${path}: 1`]);
  assert.equal(poller.statuses()[0]?.origin, 'bootstrap');
  await settle();
  assert.deepEqual(takeEvents(), [`content ${path}: 2`]);
  assert.equal(poller.statuses()[0]?.origin, 'fetched');
});

test('changes at the endpoint: are delivered within the interval', async () => {
  const { update, respond, settle, pass, takeEvents, requests } = makePoller();
  respond(documentResponse(one(1)));
  update(relationship);
  await settle();
  takeEvents();
  respond(documentResponse(two));
  await pass(minute);
  assert.deepEqual(takeEvents(), [`content ${path}: 2`]);
  assert.equal(requests.length, 2);
});

test('defect in a fetch: counts as a failed fetch, and the next fetch follows', async () => {
  let isBroken = true;
  const { update, settle, pass, poller, takeEvents } = makePoller({
    async fetch() {
      if (isBroken) throw new Error('a defect');
      return documentResponse(two);
    },
  });
  update(makeRelationship({ profile: { kind: 'https_web' } }));
  await settle();
  assert.equal(poller.statuses()[0]?.error?.message, 'a defect');
  isBroken = false;
  await pass(minute);
  assert.deepEqual([takeEvents(), poller.statuses()[0]?.error], [[`content ${path}: 2`], undefined]);
});

test('failures: withdraw nothing, and the next fetch is at the next interval', async () => {
  const { update, respond, settle, pass, takeEvents, requests, poller } = makePoller();
  respond(documentResponse(two));
  update(relationship);
  await settle();
  takeEvents();
  for (const reason of ['dns', 'connect', 'tls', 'identity', 'status', 'document'] as const) {
    respond(failure(reason));
    requests.length = 0;
    await pass(minute);
    assert.equal(requests.length, 1, reason);
    assert.equal(poller.statuses()[0]?.error?.reason, reason);
  }
  respond({ kind: 'document', text: '<html>', etag: undefined });
  await pass(minute);
  assert.equal(poller.statuses()[0]?.error?.message, 'the response is not JSON');
  assert.deepEqual(takeEvents(), []);
  respond(documentResponse(one(3)));
  await pass(minute);
  assert.deepEqual(takeEvents(), [`content ${path}: 1`]);
  assert.equal(poller.statuses()[0]?.error, undefined);
});

test('endpoint that was never fetched: is tried again after 5, 10, 20, 40 and 60 seconds', async () => {
  const { update, settle, pass, requests } = makePoller();
  update(relationship);
  await settle();
  const counts: number[] = [];
  for (const seconds of [5, 10, 20, 40, 60, 60]) {
    await pass((seconds - 1) * 1000);
    counts.push(requests.length);
    await pass(1000);
  }
  assert.deepEqual(counts, [1, 2, 3, 4, 5, 6]);
});

test('ETag: is sent back, but not while a document is held, nor to another URL', async () => {
  const { update, respond, settle, pass, requests } = makePoller();
  respond(documentResponse(two, '"two"'));
  update(relationship);
  await settle();
  respond(documentResponse(bundleDocument([b], { sequence: 1, refreshHint: 60 }), '"low"'));
  await pass(minute);
  respond({ kind: 'unchanged' });
  await pass(minute);
  update(makeRelationship({ bootstrap, url: 'https://elsewhere.test/' }));
  await settle();
  assert.deepEqual(
    requests.map(({ etag }) => etag),
    [undefined, '"two"', undefined, undefined],
  );
});

test('empty bundle: is fetched again after 30 seconds, then withdrawn as a deletion', async () => {
  const { update, respond, settle, pass, takeEvents, poller, saved } = makePoller();
  respond(documentResponse(bundleDocument([a, b], { sequence: 1, refreshHint: 600 })));
  update(relationship);
  await settle();
  takeEvents();
  respond(documentResponse(bundleDocument([], { sequence: 2 })));
  await pass(10 * minute);
  assert.deepEqual(takeEvents(), [`gone ${path} by deletion`]);
  assert.equal(poller.statuses()[0]?.withdrawn, 'empty');
  assert.deepEqual(saved.at(-1)?.document.certificates, []);
  respond(documentResponse(bundleDocument([b], { sequence: 3 })));
  await pass(5 * minute);
  assert.equal(poller.statuses()[0]?.error?.reason, 'identity', 'no CA is left to authenticate it');
  update(makeRelationship({ bootstrap: readDocument(bundleDocument([b])) }));
  assert.deepEqual(takeEvents(), [], 'a bootstrap bundle is older than the withdrawal');
  await settle();
  assert.deepEqual(takeEvents(), [`content ${path}: 1`]);
});

test('empty bundle, once: withdraws nothing', async () => {
  const { update, respond, settle, pass, takeEvents, poller } = makePoller();
  respond(documentResponse(two));
  update(relationship);
  await settle();
  takeEvents();
  respond(documentResponse(bundleDocument([], { sequence: 3 })));
  await pass(minute);
  assert.equal(poller.statuses()[0]?.held?.kind, 'empty');
  respond(failure('connect'));
  await pass(minute);
  respond(documentResponse(two));
  await pass(minute);
  assert.deepEqual(takeEvents(), []);
  assert.equal(poller.statuses()[0]?.held, undefined);
});

test('authentication: by the last bundle, and by a bootstrap bundle that is newer', async () => {
  const { update, respond, settle, pass, requests } = makePoller();
  const casOf = () =>
    requests.splice(0).map(({ check }) => (check.kind === 'spiffe' ? check.cas.length : undefined));
  respond(documentResponse(two));
  update(relationship);
  await settle();
  assert.deepEqual(casOf(), [1], 'the bootstrap bundle');
  respond(failure('identity'));
  await pass(minute);
  assert.deepEqual(casOf(), [2], 'the fetched bundle alone');
  const edited = makeRelationship({ bootstrap: readDocument(bundleDocument([a, b, makeCa()])) });
  update(edited);
  await settle();
  assert.deepEqual(casOf(), [2, 3], 'the fetched bundle, then the edited one');
  respond(documentResponse(bundleDocument([b], { sequence: 9, refreshHint: 60 })));
  await pass(minute);
  casOf();
  respond(failure('identity'));
  await pass(minute);
  assert.deepEqual(casOf(), [1], 'the edited bundle is not newer than the success');
});

test('lower sequence: counts after five minutes, whatever the interval is', async () => {
  const { update, respond, settle, pass, takeEvents, poller } = makePoller();
  respond(documentResponse(bundleDocument([a, b], { sequence: 9, refreshHint: 600 })));
  update(relationship);
  await settle();
  takeEvents();
  respond(documentResponse(bundleDocument([b], { sequence: 1, refreshHint: 600 })));
  poller.refresh(() => true);
  await settle();
  await pass(5 * minute - 1000);
  assert.deepEqual(takeEvents(), []);
  await pass(1000);
  assert.deepEqual(takeEvents(), [`content ${path}: 1`]);
});

test('lower sequence of a peer that was bootstrapped again: applies at once', async () => {
  const { update, respond, settle, pass, takeEvents } = makePoller();
  respond(documentResponse(bundleDocument([a, b], { sequence: 9, refreshHint: 60 })));
  update(relationship);
  await settle();
  takeEvents();
  const fresh = makeCa({ commonName: 'Fresh' });
  respond(({ check }) =>
    check.kind === 'spiffe' && check.cas.includes(fresh.certPem)
      ? documentResponse(bundleDocument([fresh], { sequence: 1 }))
      : failure('identity'),
  );
  await pass(minute);
  assert.deepEqual(takeEvents(), []);
  update(makeRelationship({ bootstrap: readDocument(bundleDocument([fresh])) }));
  await settle();
  assert.deepEqual(takeEvents(), [`content ${path}: 1`]);
});

for (const [name, response] of Object.entries({
  'connection that breaks': failure('connect'),
  'error of the server': failure('status'),
  'response that is no bundle': documentResponse({ keys: 'none' }),
}))
  test(`edited bootstrap bundle, ${name}: an old copy of the last peer still does not apply at once`, async () => {
    const { update, respond, settle, pass, takeEvents, poller } = makePoller();
    respond(documentResponse(bundleDocument([a, b], { sequence: 9, refreshHint: 60 })));
    update(relationship);
    await settle();
    const fresh = makeCa({ commonName: 'Fresh' });
    respond(({ check }) =>
      check.kind === 'spiffe' && check.cas.includes(fresh.certPem) ? response : failure('identity'),
    );
    update(makeRelationship({ bootstrap: readDocument(bundleDocument([fresh])) }));
    await settle();
    respond(documentResponse(bundleDocument([a], { sequence: 3, refreshHint: 60 })));
    takeEvents();
    await pass(minute);
    assert.deepEqual(takeEvents(), []);
    assert.equal(poller.statuses()[0]?.held?.kind, 'lower-sequence');
  });

test('lower sequence of a peer that withdrew all of its CAs and was bootstrapped again: applies at once', async () => {
  const { update, respond, settle, pass, takeEvents } = makePoller();
  respond(signedBy(a, () => bundleDocument([], { sequence: 9 })));
  update(relationship);
  await settle();
  await pass(30_000);
  takeEvents();
  const fresh = makeCa({ commonName: 'Fresh' });
  respond(signedBy(fresh, () => bundleDocument([fresh], { sequence: 1 })));
  update(makeRelationship({ bootstrap: readDocument(bundleDocument([fresh])) }));
  await settle();
  assert.deepEqual(takeEvents(), [`content ${path}: 1`]);
});

test('authentication without any CA certificate: fails without a connection', async () => {
  const { update, settle, requests, poller } = makePoller();
  update(makeRelationship());
  await settle();
  assert.equal(requests.length, 0);
  assert.deepEqual(poller.statuses()[0]?.error, {
    reason: 'identity',
    message: 'no CA certificate of trust domain spire.test is known: set spec.trustDomainBundle',
  });
});

test('endpoint in another trust domain: is authenticated by what the mesh trusts for that one', async () => {
  const asked: string[] = [];
  const { update, settle, requests } = makePoller({
    trusted: (mesh, trustDomain) => {
      asked.push(`${mesh} ${trustDomain}`);
      return [b.der];
    },
  });
  const host = 'host.test' as TrustDomain;
  update(
    makeRelationship({
      bootstrap,
      profile: { kind: 'https_spiffe', id: 'spiffe://host.test/server', trustDomain: host },
    }),
  );
  await settle();
  assert.deepEqual(asked, ['default host.test']);
  assert.deepEqual(requests[0]?.check, { kind: 'spiffe', id: 'spiffe://host.test/server', cas: [b.certPem] });
});

test('distrusted CA certificates: authenticate nothing', async () => {
  const { update, settle, requests } = makePoller({
    isDistrusted: (der) => Buffer.compare(der, a.der) === 0,
  });
  update(makeRelationship({ bootstrap: readDocument(two) }));
  await settle();
  assert.deepEqual(requests[0]?.check, { kind: 'spiffe', id: peerId, cas: [b.certPem] });
});

test('relationship that is gone: is withdrawn, forgotten, and not fetched again', async () => {
  const { update, respond, settle, pass, takeEvents, requests, forgotten } = makePoller();
  respond(documentResponse(two));
  update(relationship);
  await settle();
  takeEvents();
  update();
  assert.deepEqual(takeEvents(), [`gone ${path} by deletion`]);
  assert.deepEqual(forgotten, ['default/spire.test']);
  await pass(10 * minute);
  assert.equal(requests.length, 1);
});

test('response that comes after the relationship is gone: is not applied', async () => {
  const { update, respond, settle, takeEvents } = makePoller();
  respond(documentResponse(two));
  update(relationship);
  update();
  await settle();
  assert.deepEqual(takeEvents(), [`content ${path}: 1`, `gone ${path} by deletion`]);
});

test('relationship that is deleted and comes back: begins without the earlier bundle', async () => {
  const { update, settle, takeEvents } = makePoller({ stored: stored() });
  const bare = makeRelationship();
  update(bare);
  await settle();
  assert.deepEqual(takeEvents(), [`content ${path}: 2`]);
  update();
  update(bare);
  assert.deepEqual(takeEvents(), [`gone ${path} by deletion`]);
});

suite('another ClusterFederatedTrustDomain takes the place of one', () => {
  const earlier = makeRelationship({ name: 'earlier', url: 'https://earlier.test/' });
  const next = makeRelationship({ bootstrap, place: { file: 'next.yaml' } });
  const fetchEarlier = async (options: Parameters<typeof makePoller>[0] = {}) => {
    const made = makePoller(options);
    made.respond(documentResponse(bundleDocument([b])));
    made.update({ ...earlier, bootstrap: readDocument(bundleDocument([b])) });
    await made.settle();
    made.respond(failure('connect'));
    made.takeEvents();
    return made;
  };

  test('the earlier one is gone: its bundle is withdrawn and forgotten, whatever the new endpoint does', async () => {
    const { update, settle, takeEvents, poller, forgotten } = await fetchEarlier();
    poller.allRead(true);
    update(next);
    await settle();
    assert.deepEqual(takeEvents(), [`content ${path}: 1`]);
    assert.equal(poller.statuses()[0]?.origin, 'bootstrap');
    assert.deepEqual(forgotten, [earlier.key]);
    update(makeRelationship());
    assert.deepEqual(takeEvents(), [`gone ${path} by deletion`]);
  });

  test('the earlier one is gone, and had the same name in another file: its bundle is withdrawn', async () => {
    const { update, settle, takeEvents, poller } = await fetchEarlier();
    poller.allRead(true);
    update({ ...next, name: 'earlier' });
    await settle();
    assert.deepEqual(takeEvents(), [`content ${path}: 1`]);
    assert.equal(poller.statuses()[0]?.origin, 'bootstrap');
  });

  test('the earlier one is only behind it by path: its bundle stays until it is gone', async () => {
    const { update, settle, takeEvents, poller, forgotten } = await fetchEarlier();
    poller.allRead(true);
    update({ ...next, others: [resourceOf(earlier)] });
    await settle();
    assert.equal(poller.statuses()[0]?.origin, 'fetched');
    assert.deepEqual(forgotten, []);
    takeEvents();
    update(next);
    assert.deepEqual(takeEvents(), [`content ${path}: 1`]);
    assert.equal(poller.statuses()[0]?.origin, 'bootstrap');
  });

  test('the new one was fetched meanwhile: its bundle stays', async () => {
    const { update, settle, respond, takeEvents, poller, forgotten } = await fetchEarlier();
    poller.allRead(true);
    respond(documentResponse(two));
    update({ ...next, others: [resourceOf(earlier)] });
    await settle();
    takeEvents();
    update(next);
    assert.deepEqual(takeEvents(), []);
    assert.deepEqual(forgotten, []);
  });

  test('renamed or moved with the same URL, or edited: the bundle stays', async () => {
    const { update, settle, poller, forgotten } = await fetchEarlier();
    poller.allRead(true);
    update({ ...earlier, name: 'renamed' });
    update({ ...earlier, name: 'renamed', place: { file: 'moved.yaml' } });
    update({ ...earlier, name: 'renamed' });
    update({ ...earlier, name: 'renamed', url: 'https://moved.test/' });
    await settle();
    update({ ...earlier, name: 'again', url: 'https://moved.test/' });
    assert.equal(poller.statuses()[0]?.origin, 'fetched');
    assert.deepEqual(forgotten, []);
  });

  test('during a restart: its bundle ends once each file and object was read', async () => {
    const { saved } = await fetchEarlier();
    const [kept] = saved;
    assert.ok(kept !== undefined);
    const bundle = decodeStoredBundle(encodeStoredBundle(kept));
    const { update, settle, takeEvents, poller, forgotten } = makePoller({
      stored: new Map([[earlier.key, bundle]]),
    });
    update(makeRelationship());
    poller.allRead(false);
    await settle();
    assert.deepEqual(takeEvents(), [`content ${path}: 1`]);
    poller.allRead(true);
    assert.deepEqual(takeEvents(), [`gone ${path} by absence`]);
    assert.deepEqual(forgotten, [earlier.key]);
  });
});

test('restart with a dead endpoint: the stored bundle is served', async () => {
  const { update, settle, takeEvents, poller } = makePoller({ stored: stored() });
  update(relationship);
  await settle();
  poller.beginWait();
  poller.allRead(true);
  assert.deepEqual(takeEvents(), [`content ${path}: 2`, 'synced']);
  const [status] = poller.statuses();
  assert.equal(status?.origin, 'restored');
  assert.equal(status?.error?.reason, 'connect');
});

test('first read: ends with the last first fetch', async () => {
  const { update, respond, settle, takeEvents, poller } = makePoller();
  respond(documentResponse(two));
  update(makeRelationship({ profile: { kind: 'https_web' } }));
  poller.allRead(true);
  poller.beginWait();
  assert.deepEqual(takeEvents(), []);
  await settle();
  assert.deepEqual(takeEvents(), [`content ${path}: 2`, 'synced']);
});

test('first read with a dead endpoint: ends after ten seconds and keeps what was restored', async () => {
  const { update, pass, takeEvents, poller } = makePoller();
  update(makeRelationship({ profile: { kind: 'https_web' } }));
  poller.allRead(true);
  poller.beginWait();
  await pass(9000);
  assert.deepEqual(takeEvents(), []);
  await pass(1000);
  assert.deepEqual(takeEvents(), [`kept ${path}`, 'synced']);
});

test('relationships that are not known after ten seconds: the source has failed until they are', async () => {
  const { update, pass, takeEvents, poller, forgotten } = makePoller({ stored: stored() });
  poller.beginWait();
  await pass(10_000);
  assert.deepEqual(takeEvents(), ['failed federation']);
  update();
  poller.allRead(true);
  assert.deepEqual(takeEvents(), ['recovered federation', 'synced']);
  assert.deepEqual(forgotten, ['default/spire.test']);
});

test('restart beside a file that cannot be read: what an earlier run had in force stays until the file is read', async () => {
  const other = 'default/other.test';
  const { update, settle, takeEvents, poller, forgotten } = makePoller({
    stored: stored(),
    // The CA certificates of one without a stored bundle are those of its `trustDomainBundle`.
    earlier: new Set([relationship.key, other]),
  });
  update();
  poller.allRead(false);
  poller.beginWait();
  assert.deepEqual(takeEvents(), [`kept ${path}`, `kept federation:${other}`, 'synced']);
  assert.deepEqual([poller.kept(), forgotten], [[relationship.key, other], []]);

  update(relationship);
  await settle();
  assert.deepEqual(takeEvents(), [`content ${path}: 2`], 'the stored bundle');
  assert.deepEqual(poller.kept(), [other]);
  poller.allRead(true);
  assert.deepEqual(takeEvents(), [`gone federation:${other} by absence`]);
  assert.deepEqual([poller.kept(), forgotten], [[], [other]]);
  poller.allRead(true);
  assert.deepEqual([takeEvents(), forgotten], [[], [other]]);
});

test('restart beside a file that cannot be read: a bundle that was withdrawn before is not named as kept', () => {
  for (const more of [{ isTooOld: true }, { document: readDocument(bundleDocument([])) }]) {
    const { poller, forgotten } = makePoller({ stored: stored(more) });
    poller.allRead(false);
    assert.deepEqual(poller.kept(), []);
    poller.allRead(true);
    assert.deepEqual(forgotten, [relationship.key]);
  }
});

test('--federation-max-age beside a file that cannot be read: ends what stays without a relationship', async () => {
  const options = {
    maxAgeMs: 10 * minute,
    stored: stored(),
    earlier: new Set([relationship.key, 'default/b']),
  };
  const { update, settle, pass, takeEvents, poller, saved, clock } = makePoller(options);
  const fetchedAt = stored().get(relationship.key)?.fetchedAt ?? 0;
  clock.setWall(fetchedAt + 8 * minute);
  poller.allRead(false);
  poller.beginWait();
  await pass(minute);
  assert.deepEqual(takeEvents(), [`kept ${path}`, 'kept federation:default/b', 'synced']);
  await pass(minute);
  assert.deepEqual(takeEvents(), [`gone ${path} by absence`]);
  assert.deepEqual(
    poller.kept(),
    ['default/b'],
    'its last success is not known, so its age counts from the start',
  );
  assert.equal(saved.at(-1)?.isTooOld, true);
  update(relationship);
  await settle();
  assert.deepEqual(takeEvents(), [], 'the bundle does not come back');
});

test('--federation-max-age while the relationships of the cluster are not known: ends what an earlier run kept', async () => {
  const { update, pass, settle, takeEvents, poller, saved, clock } = makePoller({
    maxAgeMs: 10 * minute,
    stored: stored(),
  });
  clock.setWall((stored().get(relationship.key)?.fetchedAt ?? 0) + 8 * minute);
  poller.beginWait();
  await pass(minute);
  assert.deepEqual(takeEvents(), ['failed federation']);
  await pass(minute);
  assert.deepEqual(takeEvents(), [`gone ${path} by absence`]);
  assert.equal(saved.at(-1)?.isTooOld, true);
  update(relationship);
  poller.allRead(true);
  await settle();
  assert.deepEqual(
    takeEvents().filter((event) => event.startsWith('content')),
    [],
    'the bundle does not come back',
  );
});

test('--federation-max-age at a restart after a long time: relationships that are known soon are fetched first', async () => {
  const { update, pass, respond, takeEvents, poller, clock } = makePoller({
    maxAgeMs: 10 * minute,
    stored: stored(),
  });
  clock.setWall((stored().get(relationship.key)?.fetchedAt ?? 0) + 60 * minute);
  respond(documentResponse(two));
  poller.beginWait();
  await pass(9000);
  update(relationship);
  poller.allRead(true);
  await pass(9000);
  assert.deepEqual(takeEvents(), [`content ${path}: 2`, 'synced']);
});

test('relationship without a bundle that is gone after a restart: what was restored of it is withdrawn', async () => {
  const { update, pass, takeEvents, poller } = makePoller({ earlier: new Set([relationship.key]) });
  update(makeRelationship({ profile: { kind: 'https_web' } }));
  poller.allRead(true);
  poller.beginWait();
  await pass(10_000);
  assert.deepEqual(takeEvents(), [`kept ${path}`, 'synced']);
  update();
  assert.deepEqual(takeEvents(), [`gone ${path} by deletion`]);
});

test('--federation-max-age: a restart does not bring a withdrawn bundle back, but the next success does', async () => {
  const before = makePoller({ maxAgeMs: 10 * minute });
  before.respond(documentResponse(two));
  before.update(relationship);
  await before.settle();
  before.respond(failure('connect'));
  await before.pass(10 * minute);
  assert.equal(before.takeEvents().at(-1), `gone ${path} by absence`);
  const kept = before.saved.at(-1) ?? assert.fail('nothing is stored');
  const after = makePoller({
    maxAgeMs: 10 * minute,
    stored: new Map([['default/spire.test', decodeStoredBundle(encodeStoredBundle(kept))]]),
  });
  after.update(relationship);
  await after.settle();
  assert.deepEqual(after.takeEvents(), []);
  after.respond(documentResponse(two));
  await after.pass(minute);
  assert.deepEqual(after.takeEvents(), [`content ${path}: 2`]);
  assert.equal(after.saved.at(-1)?.isTooOld, undefined);
});

test('--federation-max-age: a clock that was ahead at the last success does not keep the bundle, nor does a restart', async () => {
  const before = makePoller({ maxAgeMs: 10 * minute });
  const time = before.clock.wall();
  before.clock.setWall(time + 60_000 * minute);
  before.respond(documentResponse(two));
  before.update(relationship);
  await before.settle();
  before.clock.setWall(time);
  before.respond(failure('connect'));
  await before.pass(minute);
  const kept = before.saved.at(-1) ?? assert.fail('nothing is stored');
  const age = before.clock.wall() - kept.fetchedAt;
  assert.ok(age >= 0 && age <= minute, `${age} ms`);
  await before.pass(10 * minute);
  assert.equal(before.takeEvents().at(-1), `gone ${path} by absence`);

  const after = makePoller({ maxAgeMs: 10 * minute, stored: new Map([['default/spire.test', kept]]) });
  after.update(relationship);
  await after.pass(9 * minute);
  assert.deepEqual(after.takeEvents(), [`content ${path}: 2`]);
  await after.pass(2 * minute);
  assert.deepEqual(after.takeEvents(), [`gone ${path} by absence`]);
});

test('--federation-max-age: an older bundle is withdrawn, and comes back with the next success', async () => {
  const { update, respond, settle, pass, takeEvents, poller } = makePoller({ maxAgeMs: 10 * minute });
  respond(documentResponse(two));
  update(relationship);
  await settle();
  takeEvents();
  respond(failure('connect'));
  await pass(9 * minute);
  assert.deepEqual(takeEvents(), []);
  await pass(minute);
  assert.deepEqual(takeEvents(), [`gone ${path} by absence`]);
  assert.equal(poller.statuses()[0]?.withdrawn, 'too-old');
  respond(documentResponse(bundleDocument([b], { sequence: 1, refreshHint: 60 })));
  await pass(minute);
  const [held] = poller.statuses();
  assert.deepEqual([held?.held?.kind, held?.withdrawn], ['lower-sequence', 'too-old']);
  assert.deepEqual(takeEvents(), []);
  respond({ kind: 'unchanged' });
  await pass(minute);
  assert.deepEqual(takeEvents(), [`content ${path}: 2`]);
});

test('stored bundles: are written for a change, and each hour without one', async () => {
  const { update, respond, settle, pass, saved } = makePoller();
  respond(documentResponse(one(1)));
  update(relationship);
  await settle();
  await pass(30 * minute);
  assert.equal(saved.length, 1);
  respond(documentResponse(two));
  await pass(minute);
  assert.equal(saved.length, 2);
  await pass(65 * minute);
  assert.equal(saved.length, 3);
});

test('--federation-max-age: a failed fetch after a restart does not withdraw a bundle that was fetched before it', async () => {
  const { update, respond, settle, pass, saved, clock } = makePoller({ maxAgeMs: 30 * minute });
  respond(documentResponse(one(1)));
  update(relationship);
  await settle();
  await pass(59 * minute);
  const kept = saved.at(-1);
  assert.ok(kept !== undefined);
  const restarted = makePoller({ maxAgeMs: 30 * minute, stored: new Map([[relationship.key, kept]]) });
  restarted.clock.setWall(clock.wall());
  restarted.update(relationship);
  await restarted.settle();
  assert.deepEqual(restarted.takeEvents(), [`content ${path}: 1`]);
  await restarted.pass(30 * minute);
  assert.deepEqual(restarted.takeEvents(), [`gone ${path} by absence`]);
});

test('inputs that are applied after the end: start no fetch and no timer, and withdraw nothing', async () => {
  const { update, settle, poller, clock, requests, takeEvents, forgotten } = makePoller({
    stored: stored(),
    maxAgeMs: minute,
  });
  update(relationship);
  await settle();
  const { length } = requests;
  takeEvents();
  poller.close();
  update(makeRelationship({ mesh: 'other' }));
  poller.allRead(true);
  poller.beginWait();
  await settle();
  assert.deepEqual([requests.length, clock.pending()], [length, 0]);
  assert.deepEqual([takeEvents(), forgotten], [[], []]);
});

test('refresh: fetches the selected relationships now', async () => {
  const { update, respond, settle, requests, poller } = makePoller();
  respond(documentResponse(two));
  update(relationship, makeRelationship({ mesh: 'other', bootstrap }));
  await settle();
  requests.length = 0;
  assert.equal(
    poller.refresh(({ mesh }) => mesh === 'other'),
    1,
  );
  await settle();
  assert.equal(requests.length, 1);
});

test('dead endpoints: do not delay the fetches of the others', async () => {
  const hung = new Set<string>();
  const { update, settle, poller, reports } = makePoller({
    fetch: async ({ url }) => {
      if (!url.includes('dead')) return documentResponse(two);
      if (hung.size < 200 && !hung.has(url)) {
        hung.add(url);
        return failure('connect');
      }
      return await new Promise(() => undefined);
    },
  });
  const peers = Array.from({ length: 200 }, (_, index) =>
    makeRelationship({
      trustDomain: `dead-${index}.test` as TrustDomain,
      url: `https://dead-${index}.test/`,
      profile: { kind: 'https_web' },
    }),
  );
  update(...peers);
  await settle();
  poller.refresh(() => true);
  await settle();
  reports.length = 0;
  update(...peers, makeRelationship({ profile: { kind: 'https_web' } }));
  await settle();
  assert.deepEqual(
    reports.map(({ relationship: { trustDomain }, result }) => `${trustDomain} ${result}`),
    ['spire.test apply'],
  );
});

test('bundle of many keys: is read in turns, between which other work is done', async () => {
  const keys = 260;
  const key = bundleKey(a);
  const { update, respond, settle, takeEvents, reports } = makePoller();
  respond(documentResponse({ keys: Array.from({ length: keys }, () => key) }));
  update(makeRelationship({ profile: { kind: 'https_web' } }));
  let turns = 0;
  while (reports.length === 0) {
    await setImmediate();
    turns += 1;
  }
  // The keys are read 25 at a time, and one turn passes between two of these steps.
  assert.ok(turns >= keys / 25 - 1, `${turns} turns`);
  await settle();
  assert.deepEqual(takeEvents(), [`content ${path}: ${keys}`]);
});

test('bundle beyond --max-certificates: is a failed fetch, and the last bundle stays and authenticates', async () => {
  const { update, respond, pass, settle, takeEvents, poller, requests } = makePoller({ maxCertificates: 2 });
  respond(documentResponse(two));
  update(relationship);
  await settle();
  takeEvents();
  const cas = ['C', 'D', 'E'].map((commonName) => makeCa({ commonName }));
  respond(documentResponse(bundleDocument(cas, { sequence: 3 })));
  await pass(minute);
  assert.deepEqual(takeEvents(), []);
  const [status] = poller.statuses();
  assert.equal(status?.document?.sequence, 2);
  assert.deepEqual(status?.error, {
    reason: 'document',
    message: 'the response has 3 keys for X.509-SVIDs, more than the limit of 2 (--max-certificates)',
  });
  await pass(minute);
  const { check } = requests.at(-1) ?? {};
  assert.deepEqual(check?.kind === 'spiffe' && check.cas, [a.certPem, b.certPem]);
});

test('relationship that is gone while its bundle is read: nothing is applied', async () => {
  const { update, respond, settle, takeEvents, reports } = makePoller();
  respond(documentResponse({ keys: Array.from({ length: 60 }, () => bundleKey(a)) }));
  update(makeRelationship({ profile: { kind: 'https_web' } }));
  await setImmediate();
  update();
  for (let turn = 0; turn < 10; turn += 1) await settle();
  assert.deepEqual([takeEvents(), reports], [[], []]);
});

test('endpoint that flaps between its bundle and failures of every kind: no CA is lost', async () => {
  const { update, respond, settle, pass, takeEvents, poller } = makePoller();
  respond(documentResponse(two));
  update(relationship);
  await settle();
  takeEvents();
  for (const reason of ['dns', 'connect', 'tls', 'identity', 'status', 'document'] as const) {
    for (const response of [
      failure(reason),
      documentResponse('<html>'),
      documentResponse({ keys: {} }),
      documentResponse(damaged),
    ]) {
      respond(response);
      await pass(minute);
      assert.equal(poller.statuses()[0]?.document?.certificates.length, 2);
      assert.notEqual(poller.statuses()[0]?.error, undefined);
      respond(documentResponse(two));
      await pass(minute);
      assert.equal(poller.statuses()[0]?.error, undefined);
    }
  }
  assert.deepEqual(takeEvents(), []);
});

test('endpoint that flaps between its bundle and one of damaged keys: no CA is lost, and changes arrive', async () => {
  const { update, respond, settle, pass, takeEvents, poller, reports, saved } = makePoller();
  let count = 0;
  let good: unknown = one(1);
  respond(signedBy(a, () => ((count += 1) % 2 === 0 ? good : damaged)));
  update(relationship);
  await settle();
  await pass(10 * minute);
  assert.deepEqual(takeEvents(), [`content ${path}: 1`]);
  assert.ok(reports.every(({ result }) => ['document', 'apply', 'unchanged'].includes(result)));
  good = two;
  await pass(5 * minute);
  assert.deepEqual(takeEvents(), [`content ${path}: 2`]);
  assert.equal(poller.statuses()[0]?.withdrawn, undefined);
  assert.ok(saved.every(({ document }) => document.certificates.every(({ kind }) => kind === 'ca')));
});

const unusableDocuments: Readonly<Record<string, unknown>> = {
  'an empty set': bundleDocument([], { sequence: 9 }),
  'damaged keys alone': damaged,
  'a certificate that is not DER': { keys: [{ ...bundleKey(a), x5c: ['AAAA'] }] },
  'a leaf alone': bundleDocument([makeCa({ basicConstraints: { kind: 'end-entity' } })]),
  'keys without a certificate': { keys: [{ ...bundleKey(a), x5c: [] }] },
  'no JSON': '<html>',
};
for (const [name, document] of Object.entries(unusableDocuments))
  for (const isFirst of [true, false])
    test(`${name}, ${isFirst ? 'first' : 'after a good bundle'}: the next good bundle arrives`, async () => {
      const { update, respond, settle, pass, takeEvents, poller, reports } = makePoller();
      let current: unknown = one(1);
      respond(signedBy(a, () => current));
      if (isFirst) current = document;
      update(relationship);
      await settle();
      current = document;
      poller.refresh(() => true);
      await settle();
      assert.deepEqual(takeEvents(), [`content ${path}: 1`], 'nothing is withdrawn');
      current = bundleDocument([b, a], { sequence: 10 });
      await pass(minute);
      assert.deepEqual(takeEvents(), [`content ${path}: 2`]);
      assert.equal(reports.at(-1)?.result, 'apply');
    });

test('damaged key beside a good one: the CA that it may have been still authenticates the endpoint', async () => {
  const { update, respond, settle, pass, takeEvents, reports } = makePoller();
  const half = { keys: [...damaged.keys, bundleKey(b)], spiffe_refresh_hint: 60 };
  let current: unknown = half;
  respond(signedBy(a, () => current));
  update(relationship);
  await settle();
  await pass(5 * minute);
  assert.equal(reports.at(-1)?.result, 'unchanged');
  takeEvents();
  current = bundleDocument([b], { refreshHint: 60 });
  await pass(minute);
  assert.deepEqual(takeEvents(), [`content ${path}: 1`]);
  await pass(minute);
  assert.equal(reports.at(-1)?.result, 'identity', 'an undamaged bundle without the CA removes it');
});

test('confirmed withdrawal: the bootstrap bundle authenticates nothing, and the error says what to do', async () => {
  const { update, respond, settle, pass, takeEvents, poller, requests } = makePoller();
  respond(signedBy(a, () => bundleDocument([], { sequence: 1 })));
  update(relationship);
  await settle();
  assert.equal(poller.statuses()[0]?.held?.kind, 'empty');
  assert.deepEqual(takeEvents(), [`content ${path}: 1`]);
  await pass(30_000);
  assert.deepEqual(takeEvents(), [`gone ${path} by deletion`]);
  requests.length = 0;
  await pass(5 * minute);
  assert.equal(requests.length, 0);
  assert.deepEqual(poller.statuses()[0]?.error, {
    reason: 'identity',
    message:
      'the last bundle of trust domain spire.test withdrew all of its CA certificates: set spec.trustDomainBundle to a new bundle',
  });
});

test('endpoint that flaps between its bundle and an empty one: nothing is withdrawn', async () => {
  const { update, respond, settle, pass, takeEvents, poller, clock } = makePoller();
  let count = 0;
  // Every second response is empty, whenever it is fetched.
  respond(() => documentResponse((count += 1) % 2 === 0 ? bundleDocument([], { sequence: 3 }) : two));
  update(relationship);
  await settle();
  takeEvents();
  const end = clock.monotonic() + 60 * minute;
  while (clock.monotonic() < end) await pass(minute);
  assert.ok(count > 40, `${count} fetches`);
  assert.deepEqual(takeEvents(), []);
  assert.equal(poller.statuses()[0]?.withdrawn, undefined);
});

test('two servers behind one address with different bundles: the higher sequence stays in force', async () => {
  const { update, respond, settle, pass, takeEvents, poller } = makePoller();
  respond(documentResponse(one(1)));
  update(relationship);
  await settle();
  takeEvents();
  let count = 0;
  respond(() => documentResponse((count += 1) % 2 === 0 ? one(1) : two));
  await pass(60 * minute);
  assert.ok(count > 40, `${count} fetches`);
  assert.deepEqual(takeEvents(), [`content ${path}: 2`]);
  assert.equal(poller.statuses()[0]?.document?.sequence, 2);
});

test('hundreds of endpoints that flap: each keeps its bundle, and a healthy one is fetched in time', async () => {
  const counts = new Map<string, number>();
  const { update, pass, takeEvents, poller, requests } = makePoller({
    fetch: async ({ url }) => {
      const count = (counts.get(url) ?? 0) + 1;
      counts.set(url, count);
      return url.includes('flaps') && count % 2 === 0 ? failure('connect') : documentResponse(two);
    },
  });
  const peers = Array.from({ length: 300 }, (_, index) =>
    makeRelationship({
      trustDomain: `flaps-${index}.test` as TrustDomain,
      url: `https://flaps-${index}.test/`,
      profile: { kind: 'https_web' },
    }),
  );
  update(...peers, makeRelationship({ profile: { kind: 'https_web' } }));
  for (let turn = 0; turn < 50; turn += 1) await setImmediate();
  assert.equal(takeEvents().filter((event) => event.startsWith('content')).length, 301);
  await pass(10 * minute);
  assert.deepEqual(takeEvents(), []);
  assert.ok(poller.statuses().every(({ document }) => document?.certificates.length === 2));
  assert.ok((counts.get('https://spire.test/') ?? 0) >= 10, 'once a minute');
  assert.equal(requests.length, 0);
});
