import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { suite, test } from 'node:test';

import { planCertificate, secretData } from '../../../src/kubernetes/webhook/core/kept-certificate.ts';
import { issueCertificate } from '../../../src/kubernetes/webhook/issue-certificate.ts';

const day = 86_400_000;
const now = Date.UTC(2026, 10, 23);
const names = ['meshtrust-webhook.kuma-system.svc', '127.0.0.1', '::1'];

suite('issued certificate', async () => {
  const { authority, ...issued } = await issueCertificate({ names, now });
  const [own, ca] = [new X509Certificate(issued.certificate), new X509Certificate(authority)];

  test('each of its names: a client with the CA of the Secret accepts it', () => {
    const kept = { ...issued, authorities: [authority] };
    assert.deepEqual(planCertificate({ type: 'Opaque', data: secretData(kept) }, names, now), {
      kind: 'use',
      kept,
    });
  });

  test('issued now: is valid from an hour ago for 90 days, like its CA', () => {
    for (const { validFromDate, validToDate } of [own, ca]) {
      assert.equal(validToDate.getTime(), now + 90 * day);
      assert.equal(validFromDate.getTime(), now - 3_600_000);
    }
  });

  test('extensions: those of a server certificate, not of a CA', () => {
    assert.equal(own.ca, false);
    assert.deepEqual(own.keyUsage, ['1.3.6.1.5.5.7.3.1']);
    assert.equal(ca.ca, true);
    assert.ok(ca.verify(ca.publicKey));
  });

  test('two certificates: each has its own CA', async () => {
    const second = await issueCertificate({ names, now });
    assert.notEqual(new X509Certificate(second.authority).subject, ca.subject);
    assert.notEqual(second.key, issued.key);
  });
});
