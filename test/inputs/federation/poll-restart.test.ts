import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bundleDocument } from '../../kit/bundle-endpoint.ts';
import { documentResponse, makePoller, makeRelationship, readDocument } from '../../kit/federation.ts';
import { path, relationship, one, two, minute, stored } from './poll-fixtures.ts';

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
