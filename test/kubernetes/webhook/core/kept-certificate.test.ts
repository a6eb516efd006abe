import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import { planCertificate, secretData } from '../../../../src/kubernetes/webhook/core/kept-certificate.ts';
import type { KeptCertificate } from '../../../../src/kubernetes/webhook/core/kept-certificate.ts';
import { makeCa, makeLeaf } from '../../../kit/certificates.ts';

const day = 86_400_000;
const now = Date.UTC(2026, 10, 23);
const years = { notBefore: new Date(now - day), notAfter: new Date(now + 3650 * day) };
const ca = makeCa({ commonName: 'CA', ...years });
const old = makeCa({ commonName: 'Old', ...years, notAfter: new Date(now + 10 * day) });
const past = makeCa({
  commonName: 'Past',
  notBefore: new Date(now - 9 * day),
  notAfter: new Date(now - day),
});
const name = 'meshtrust-webhook.kuma-system.svc';
const leaf = makeLeaf(ca, {
  dnsNames: [name],
  notBefore: new Date(now),
  notAfter: new Date(now + 90 * day),
});
const kept: KeptCertificate = { certificate: leaf.certPem, key: leaf.keyPem, authorities: [ca.certPem] };

const secret = (content: Partial<KeptCertificate>): object => ({
  type: 'Opaque',
  data: secretData({ ...kept, ...content }),
});

suite('certificate in a Secret', () => {
  test('complete certificate: is used', () =>
    assert.deepEqual(planCertificate(secret({}), [name], now), { kind: 'use', kept }));

  test('certificate: is used for two thirds of its lifetime', () => {
    assert.equal(planCertificate(secret({}), [name], now + 59 * day).kind, 'use');
    const plan = planCertificate(secret({}), [name], now + 61 * day);
    assert.deepEqual(plan, {
      kind: 'issue',
      reason: 'the certificate expires soon',
      authorities: [ca.certPem],
    });
  });

  test('CA certificates: expired ones and duplicates are removed, and the newest is first', () => {
    const plan = planCertificate(
      secret({ authorities: [ca.certPem, old.certPem, past.certPem, old.certPem, 'text\n'] }),
      [name],
      now,
    );
    assert.deepEqual(plan, { kind: 'use', kept: { ...kept, authorities: [ca.certPem, old.certPem] } });
  });

  const stranger = makeLeaf(ca, { dnsNames: [name], ...years });
  const other = makeLeaf(makeCa({ commonName: 'CA', ...years }), { dnsNames: [name], ...years });
  const table: readonly (readonly [string, object | undefined, string, string])[] = [
    ['no data', { type: 'Opaque' }, name, 'the Secret has no certificate and key yet'],
    [
      'no data of another type',
      { type: 'kubernetes.io/tls', data: {} },
      name,
      'the Secret has no certificate and key yet',
    ],
    ['certificate without its key', secret({ key: '' }), name, 'the Secret has no certificate and key yet'],
    ['text', secret({ certificate: 'text' }), name, 'the certificate cannot be parsed'],
    [
      'key of another certificate',
      secret({ key: stranger.keyPem }),
      name,
      'the private key does not match, or cannot be parsed',
    ],
    ['no key', secret({ key: 'text' }), name, 'the private key does not match, or cannot be parsed'],
    ['certificate for another name', secret({}), 'other.svc', 'the certificate is not valid for other.svc'],
    ['certificate without the address', secret({}), '10.0.0.1', 'the certificate is not valid for 10.0.0.1'],
    [
      'certificate of another CA',
      secret({ certificate: other.certPem, key: other.keyPem }),
      name,
      'no CA in the Secret has issued the certificate',
    ],
    [
      'no CA certificate',
      secret({ authorities: [] }),
      name,
      'no CA in the Secret has issued the certificate',
    ],
  ];
  for (const [what, object, wanted, reason] of table) {
    test(`${what}: is replaced`, () => {
      const plan = planCertificate(object, [wanted], now);
      assert.deepEqual([plan.kind, plan.kind === 'issue' && plan.reason], ['issue', reason]);
    });
  }

  for (const type of [
    'kubernetes.io/service-account-token',
    'bootstrap.kubernetes.io/token',
    '',
    undefined,
  ]) {
    test(`Secret of type ${String(type)}: is refused, whatever its data`, () => {
      assert.deepEqual(planCertificate({ ...secret({}), type }, [name], now), {
        kind: 'refused',
        reason: 'its type is not Opaque or kubernetes.io/tls',
      });
    });
  }

  /** The Secret, as an API server returns it that stored it at a time. */
  const writtenAt = (time: number): object => ({
    ...secret({}),
    metadata: {
      creationTimestamp: new Date(now - 100 * day).toISOString(),
      managedFields: [{ time: new Date(time).toISOString() }, {}],
    },
  });
  const clocks: readonly (readonly [what: string, object: object, at: number, reason: string | undefined])[] =
    [
      ['stored before it is valid', writtenAt(now - 2 * day), now - day, 'the certificate is not valid yet'],
      ['not valid yet, and no time of a write', secret({}), now - day, 'the certificate is not valid yet'],
      // Otherwise this replica would replace it by one of the past, and the others that one.
      ['stored while it was valid, and a clock that is behind', writtenAt(now + day), now - day, undefined],
      ['stored before it was valid, and valid now', writtenAt(now - 2 * day), now, undefined],
    ];
  for (const [what, object, at, reason] of clocks) {
    test(`certificate ${what}: is ${reason === undefined ? 'used' : 'replaced'}`, () => {
      const plan = planCertificate(object, [name], at);
      assert.equal(plan.kind === 'issue' ? plan.reason : undefined, reason);
    });
  }

  test('expired certificate: is replaced', () =>
    assert.equal(planCertificate(secret({}), [name], now + 91 * day).kind, 'issue'));

  test('many CA certificates: their number is limited', () => {
    const many = Array.from(
      { length: 20 },
      (_, index) => makeCa({ commonName: `${index}`, ...years }).certPem,
    );
    const plan = planCertificate(secret({ authorities: many }), [name], now);
    assert.equal(plan.kind, 'issue');
    assert.deepEqual(plan.kind === 'issue' && plan.authorities, many.slice(0, 7));
  });
});
