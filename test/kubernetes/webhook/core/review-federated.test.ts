import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerReview } from '../../../../src/kubernetes/webhook/core/answer-review.ts';
import { bundleDocument, federatedText } from '../../../kit/bundle-endpoint.ts';
import { makeCa } from '../../../kit/certificates.ts';
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

function ask(operation: string, object: string | null, before: string | null = null): Response {
  const [now, old] = [object, before].map((text) => (text === null ? null : objectOf(text)));
  const request = { operation, resource, object: now ?? null, oldObject: old ?? null };
  const answer = answerReview(review(request), starting);
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
