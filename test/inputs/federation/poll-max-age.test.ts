import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bundleDocument } from '../../kit/bundle-endpoint.ts';
import { makeCa } from '../../kit/certificates.ts';
import {
  documentResponse,
  failure,
  makePoller,
  makeRelationship,
  readDocument,
} from '../../kit/federation.ts';

const minute = 60_000;
const path = 'federation:default/spire.test';
const ca = makeCa({ commonName: 'A' });
const document = bundleDocument([ca], { sequence: 2, refreshHint: 60 });
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
  respond(documentResponse(document));
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
  respond(documentResponse(document));
  await pass(minute);
  takeEvents();
  await pass(20 * minute);
  assert.deepEqual(takeEvents(), []);
});

test('restored bundle without a stored date, replaced by a bootstrap bundle: has no age', async () => {
  const { update, pass, takeEvents } = makePoller(undated);
  const bootstrap = readDocument(document);
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
  update(makeRelationship({ bootstrap: readDocument(document) }));
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
      return documentResponse(document);
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
