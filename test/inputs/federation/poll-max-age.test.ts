import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeStoredBundle, encodeStoredBundle } from '../../../src/trust/federation/stored-bundle.ts';
import { bundleDocument } from '../../kit/bundle-endpoint.ts';
import { documentResponse, failure, makePoller, makeRelationship } from '../../kit/federation.ts';
import { b, path, bootstrap, relationship, one, two, minute, stored } from './poll-fixtures.ts';

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

/** A bundle of an earlier run that is in force, and not in the store of fetched bundles. */
const undated = { maxAgeMs: 10 * minute, earlier: new Set(['default/spire.test']) };
const web = makeRelationship({ profile: { kind: 'https_web' } });

test('restored bundle without a stored date: is withdrawn once the server runs for the maximum age', async () => {
  const { update, pass, respond, takeEvents, poller } = makePoller(undated);
  update(web);
  poller.allRead(true);
  poller.beginWait();
  await pass(10 * minute - 1000);
  assert.deepEqual(takeEvents(), [`kept ${path}`, 'synced']);
  await pass(1000);
  assert.deepEqual(takeEvents(), [`gone ${path} by absence`]);
  assert.equal(poller.statuses()[0]?.withdrawn, 'too-old');
  await pass(20 * minute);
  assert.deepEqual(takeEvents(), [], 'it is withdrawn once');
  respond(documentResponse(one(2)));
  await pass(minute);
  assert.deepEqual(takeEvents(), [`content ${path}: 1`]);
  assert.equal(poller.statuses()[0]?.withdrawn, undefined);
});

test('restored bundle without a stored date that no relationship fetches: is withdrawn, and does not come back', async () => {
  const { update, pass, takeEvents, poller } = makePoller(undated);
  poller.allRead(false);
  poller.beginWait();
  await pass(10 * minute - 1000);
  assert.deepEqual(takeEvents(), [`kept ${path}`, 'synced']);
  assert.deepEqual(poller.kept(), ['default/spire.test']);
  await pass(1000);
  assert.deepEqual(takeEvents(), [`gone ${path} by absence`]);
  assert.deepEqual(poller.kept(), []);
  update(web);
  await pass(20 * minute);
  assert.deepEqual(takeEvents(), []);
});

test('restored bundle without a stored date, fetched in time: stays', async () => {
  const { update, pass, respond, takeEvents, poller } = makePoller(undated);
  update(web);
  poller.allRead(true);
  poller.beginWait();
  await pass(9 * minute);
  respond(documentResponse(one(2)));
  await pass(minute);
  takeEvents();
  await pass(20 * minute);
  assert.deepEqual(takeEvents(), []);
});

test('restored bundle without a stored date, replaced by a bootstrap bundle: has no age', async () => {
  const { update, pass, takeEvents } = makePoller(undated);
  update(web);
  await pass(5 * minute);
  update(makeRelationship({ bootstrap }));
  assert.deepEqual(takeEvents(), [`content ${path}: 1`]);
  await pass(20 * minute);
  assert.deepEqual(takeEvents(), []);
});

test('restored bundle that was too old: a bootstrap bundle is served at once', async () => {
  const { update, pass, takeEvents, poller } = makePoller(undated);
  update(web);
  await pass(10 * minute);
  assert.deepEqual(takeEvents(), [`gone ${path} by absence`]);
  update(makeRelationship({ bootstrap: bootstrap }));
  assert.deepEqual(takeEvents(), [`content ${path}: 1`]);
  assert.equal(poller.statuses()[0]?.withdrawn, undefined);
});

test('relationship that had no bundle in an earlier run: nothing is too old', async () => {
  const { update, pass, respond, takeEvents, poller } = makePoller({ maxAgeMs: 10 * minute });
  update(web);
  respond(failure('connect'));
  await pass(20 * minute);
  assert.deepEqual([takeEvents(), poller.statuses()[0]?.withdrawn], [[], undefined]);
});

test('fetched bundle, and a defect in every later fetch: is withdrawn at the maximum age, without a hot loop', async () => {
  let [isBroken, fetches] = [false, 0];
  const { update, pass, settle, takeEvents, poller } = makePoller({
    maxAgeMs: 10 * minute,
    async fetch() {
      fetches += 1;
      if (isBroken) throw new Error('a defect');
      return documentResponse(one(2));
    },
  });
  update(web);
  await settle();
  assert.deepEqual(takeEvents(), [`content ${path}: 1`]);
  isBroken = true;
  await pass(12 * minute);
  assert.deepEqual(takeEvents(), [`gone ${path} by absence`]);
  assert.equal(poller.statuses()[0]?.withdrawn, 'too-old');
  assert.ok(fetches < 20, `${fetches} fetches`);
});
