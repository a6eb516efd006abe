import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { TrustDomain } from '../../../src/trust/model/mesh-trust.ts';
import { bundleDocument, bundleKey } from '../../kit/bundle-endpoint.ts';
import { makeCa } from '../../kit/certificates.ts';
import { documentResponse, failure, makePoller, makeRelationship } from '../../kit/federation.ts';
import { a, b, path, relationship, one, two, minute, damaged, signedBy } from './poll-fixtures.ts';

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
