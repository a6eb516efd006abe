import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { requestLimits } from '../../../../src/kubernetes/webhook/core/request-limits.ts';
import { exceededLimit } from '../../../../src/text/json-extent.ts';
import { defaultLimits } from '../../../../src/trust/model/limits.ts';

suite('limits of a request', () => {
  test('review of an update between two objects of the maximum size: is within the limits', () => {
    const bundle = { type: 'Pem', pem: { value: '-----BEGIN CERTIFICATE-----' } };
    const object = {
      apiVersion: 'kuma.io/v1alpha1',
      kind: 'MeshTrust',
      metadata: { name: 'a', labels: { 'kuma.io/mesh': 'default' } },
      spec: {
        trustDomain: 'a.test',
        caBundles: Array.from({ length: defaultLimits.certificatesPerResource }, () => bundle),
      },
    };
    const review = { kind: 'AdmissionReview', request: { uid: 'x', object, oldObject: object } };
    const { json } = requestLimits(defaultLimits);
    assert.equal(exceededLimit(Buffer.from(JSON.stringify(review)), json), undefined);
  });
});
