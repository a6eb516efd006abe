import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AnchorDetail, TrustDomainDetail } from '../../src/api/api-types.ts';
import { viewTrustDomains } from '../../src/page/view-trust-domains.ts';
import { plainOf, textOf } from './template-text.ts';

const now = Date.parse('2026-11-30T12:00:00Z');

const anchor = (from: string, until: string): AnchorDetail => ({
  fingerprint: 'f'.repeat(64),
  keyHash: 'e'.repeat(64),
  subject: 'CN=Root',
  issuer: 'CN=Root',
  notBefore: `${from}-01-01T00:00:00Z`,
  notAfter: `${until}-01-01T00:00:00Z`,
  keyAlgorithm: 'ECDSA P-256',
  rooting: 'as-listed',
  resources: ['default//a'],
});

const domain = (name: string, ...anchors: readonly AnchorDetail[]): TrustDomainDetail => ({
  name,
  inJointSecret: anchors.length > 0,
  anchors,
});

test('trust domains without a valid CA: come first, and say that their clients are refused', () => {
  const domains = [
    domain('good.test', anchor('2025', '2030')),
    domain('renewed.test', anchor('2020', '2021'), anchor('2020', '2030')),
    domain('distrusted.test'),
    domain('expired.test', anchor('2020', '2021')),
    domain('future.test', anchor('2029', '2030')),
  ];
  const text = plainOf(textOf(viewTrustDomains(domains, now)));
  assert.deepEqual(text.match(/\w+\.test(?: [\w ]+: clients are refused)?/g), [
    'distrusted.test no CA in force: clients are refused',
    'expired.test no valid CA: clients are refused',
    'future.test no valid CA: clients are refused',
    'renewed.test',
    'good.test',
  ]);
  assert.doesNotMatch(text, /not in the secret/);
});

test('trust domain that the guard holds: says so', () => {
  const domains = [domain('a.test', anchor('2025', '2030')), domain('b.test', anchor('2025', '2030'))];
  const text = plainOf(textOf(viewTrustDomains(domains, now, new Set(['b.test']))));
  assert.match(text, /b\.test held by the guard/);
  assert.doesNotMatch(text, /a\.test held/);
});
