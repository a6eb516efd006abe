import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { decodeStoredBundle, encodeStoredBundle } from '../../../src/trust/federation/stored-bundle.ts';
import { resourceOf } from '../../../src/trust/federation/relationship.ts';
import { bundleDocument } from '../../kit/bundle-endpoint.ts';
import {
  documentResponse,
  failure,
  makePoller,
  makeRelationship,
  readDocument,
} from '../../kit/federation.ts';
import { b, path, bootstrap, relationship, two, minute, stored } from './poll-fixtures.ts';

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
