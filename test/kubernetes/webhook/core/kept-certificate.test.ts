import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

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

describe('what a Secret holds', () => {
  it('is used where it is all there', () =>
    assert.deepEqual(planCertificate(secret({}), [name], now), { kind: 'use', kept }));

  it('is used until two thirds of its life are over', () => {
    assert.equal(planCertificate(secret({}), [name], now + 59 * day).kind, 'use');
    const plan = planCertificate(secret({}), [name], now + 61 * day);
    assert.deepEqual(plan, { kind: 'issue', reason: 'it expires soon', authorities: [ca.certPem] });
  });

  it('has the authorities that have not expired, each once, the newest first', () => {
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
    ['no data', { type: 'Opaque' }, name, 'there is none yet'],
    ['no data of another type', { type: 'kubernetes.io/tls', data: {} }, name, 'there is none yet'],
    ['a certificate without its key', secret({ key: '' }), name, 'there is none yet'],
    ['text', secret({ certificate: 'text' }), name, 'it cannot be read'],
    [
      'the key of another',
      secret({ key: stranger.keyPem }),
      name,
      'its private key is another, or cannot be read',
    ],
    ['no key', secret({ key: 'text' }), name, 'its private key is another, or cannot be read'],
    ['one for another name', secret({}), 'other.svc', 'it is not for other.svc'],
    ['one for no address', secret({}), '10.0.0.1', 'it is not for 10.0.0.1'],
    [
      'one of another authority',
      secret({ certificate: other.certPem, key: other.keyPem }),
      name,
      'none of its authorities has issued it',
    ],
    ['one of no authority', secret({ authorities: [] }), name, 'none of its authorities has issued it'],
  ];
  for (const [what, object, wanted, reason] of table) {
    it(`is replaced where it is ${what}`, () => {
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
    it(`of type ${String(type)} → refused, whatever it holds`, () => {
      assert.deepEqual(planCertificate({ ...secret({}), type }, [name], now), {
        kind: 'refused',
        reason: 'its type is not Opaque or kubernetes.io/tls',
      });
    });
  }

  it('is replaced where it has expired', () =>
    assert.equal(planCertificate(secret({}), [name], now + 91 * day).kind, 'issue'));

  it('keeps a bounded number of authorities', () => {
    const many = Array.from(
      { length: 20 },
      (_, index) => makeCa({ commonName: `${index}`, ...years }).certPem,
    );
    const plan = planCertificate(secret({ authorities: many }), [name], now);
    assert.equal(plan.kind, 'issue');
    assert.deepEqual(plan.kind === 'issue' && plan.authorities, many.slice(0, 7));
  });
});
