import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { Share } from '../../../../src/trust/ledger/share.ts';
import type { CheckContext } from '../../../../src/kubernetes/webhook/core/check-change.ts';
import { answerReview } from '../../../../src/kubernetes/webhook/core/answer-review.ts';
import { bundleDocument, federatedText } from '../../../kit/bundle-endpoint.ts';
import { makeCa } from '../../../kit/certificates.ts';
import { makeServed, federated } from '../../../bundle-endpoint/core/served-trust.ts';
import { shareOf } from '../../../kit/bundles.ts';
import { review, starting } from '../reviews.ts';

const peer = { trustDomain: 'spire.test', url: 'https://spire.test/' };
const resource = {
  group: 'spire.spiffe.io',
  version: 'v1alpha1',
  resource: 'clusterfederatedtrustdomains',
};

interface Response {
  readonly allowed: boolean;
  readonly warnings?: readonly string[];
  readonly status?: {
    readonly message: string;
    readonly details: { readonly kind: string; readonly name: string };
  };
}

const objectOf = (text: string): object => JSON.parse(text) as object;

function ask(
  operation: string,
  object: string | null,
  before: string | null = null,
  context: CheckContext = starting,
): Response {
  const [now, old] = [object, before].map((text) => (text === null ? null : objectOf(text)));
  const request = { operation, resource, object: now ?? null, oldObject: old ?? null };
  const answer = answerReview(review(request), context);
  assert.equal(answer.kind, 'review');
  return (answer.body as { readonly response: Response }).response;
}

const good = federatedText(peer);
const bad = federatedText({ ...peer, url: 'http://spire.test/' });

test('valid ClusterFederatedTrustDomain: is allowed', () => {
  const response = ask('CREATE', good);
  assert.equal(response.allowed, true);
  assert.equal(response.warnings, undefined);
});

test('invalid ClusterFederatedTrustDomain: is refused, as one of its kind', () => {
  const { allowed, status } = ask('CREATE', bad);
  assert.equal(allowed, false);
  assert.match(status?.message ?? '', /bundleEndpointURL must begin with https:\/\//);
  assert.equal(status?.details.kind, 'ClusterFederatedTrustDomain');
  assert.equal(status.details.name, 'peer');
});

test('bundle with a key that is not usable: a warning', () => {
  const bundle = bundleDocument([makeCa()]);
  const keys = [...(bundle['keys'] as readonly unknown[]), { use: 'x509-svid', kty: 'EC' }];
  const response = ask('CREATE', federatedText({ ...peer, bundle: { keys } }));
  assert.equal(response.allowed, true);
  assert.match(response.warnings?.[0] ?? '', /key 2 has no certificate/);
});

test('update that changes nothing, or a deletion: is allowed even if the object is invalid', () => {
  assert.equal(ask('UPDATE', bad, bad).allowed, true);
  assert.equal(ask('DELETE', null, bad).allowed, true);
  assert.equal(ask('UPDATE', bad, good).allowed, false);
});

const fetched = makeCa({ commonName: 'Fetched' });

/** Returns the context of a server that fetched the bundle of the peer for the mesh `default`. */
function serving(...others: readonly Share[]): CheckContext {
  return {
    ...starting,
    inForce: makeServed().of(federated(shareOf('spire.test', [fetched])), ...others),
    federation: {
      readsClass: (className) => className === undefined,
      pathOf: (key) =>
        key === 'default/spire.test' ? 'kubernetes:clusterfederatedtrustdomain:/peer' : undefined,
    },
  };
}

const isLeft =
  'trust domain spire.test of mesh default is left without any CA: proxies will reject all of its clients';

const ended: Readonly<Record<string, readonly [string | null, string, CheckContext, readonly string[]]>> = {
  'a deletion: the trust domain that is in use': [null, good, serving(), [isLeft]],
  'an update of its mesh: the trust domain of the mesh before': [
    good.replace('"name":"peer"', '"name":"peer","labels":{"kuma.io/mesh":"other"}'),
    good,
    serving(),
    [isLeft],
  ],
  'an update of its class to one that is not read: the trust domain': [
    good.replace('"spec":{', '"spec":{"className":"other",'),
    good,
    serving(),
    [isLeft],
  ],
  'an update of its endpoint: no warning': [
    good.replace('https://spire.test/', 'https://b.test/'),
    good,
    serving(),
    [],
  ],
  'a deletion of an object that is not the first of its trust domain: no warning': [
    null,
    good.replace('"name":"peer"', '"name":"second"'),
    serving(),
    [],
  ],
  'a deletion, and a MeshTrust lists the same CA: no warning': [
    null,
    good,
    serving(shareOf('spire.test', [fetched])),
    [],
  ],
  'a deletion, and a MeshTrust lists another CA: the CA that is lost': [
    null,
    good,
    serving(shareOf('spire.test', [makeCa({ commonName: 'Listed' })])),
    [
      `trust domain spire.test of mesh default loses CA ${createHash('sha256').update(fetched.der).digest('hex').slice(0, 16)} (CN=Fetched): proxies will reject the clients that only this CA certifies`,
    ],
  ],
  'a deletion before everything was read: no warning': [null, good, starting, []],
};

for (const [name, [object, before, context, warnings]] of Object.entries(ended))
  test(`warning about ${name}`, () => {
    const response = ask(object === null ? 'DELETE' : 'UPDATE', object, before, context);
    assert.equal(response.allowed, true);
    assert.deepEqual(response.warnings ?? [], warnings);
  });
