import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TrustDomain } from '../../../src/trust/model/mesh-trust.ts';
import { bundleDocument } from '../../kit/bundle-endpoint.ts';
import {
  documentResponse,
  failure,
  makePoller,
  makeRelationship,
  readDocument,
} from '../../kit/federation.ts';
import { a, b, path, bootstrap, relationship, one, two, minute } from './poll-fixtures.ts';

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
