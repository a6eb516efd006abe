import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TrustDomain } from '../../../src/trust/model/mesh-trust.ts';
import { bundleDocument } from '../../kit/bundle-endpoint.ts';
import { makeCa } from '../../kit/certificates.ts';
import {
  documentResponse,
  failure,
  makePoller,
  makeRelationship,
  peerId,
  readDocument,
} from '../../kit/federation.ts';
import { a, b, path, bootstrap, relationship, two, minute, signedBy } from './poll-fixtures.ts';

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
