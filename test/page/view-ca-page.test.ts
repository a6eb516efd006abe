import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CertificateDetail } from '../../src/api/certificate-api-types.ts';
import type { RolloutDetail } from '../../src/api/fleet-api-types.ts';
import { initialState } from '../../src/page/page-state.ts';
import type { Actions } from '../../src/page/page-state.ts';
import { parseRoute } from '../../src/page/route.ts';
import { viewCaPage } from '../../src/page/view-ca-page.ts';
import { viewRollout } from '../../src/page/view-rollout.ts';
import { plainOf, textOf } from './template-text.ts';

const at = '2026-11-28T12:00:00.000Z';
const now = Date.parse(at);
const fingerprint = '0'.repeat(64);
const ca: CertificateDetail = {
  fingerprint,
  subject: 'CN=A',
  issuer: 'CN=A',
  keyAlgorithm: 'ECDSA P-256',
  keyHash: fingerprint,
  compressedKeyHash: undefined,
  notBefore: at,
  notAfter: at,
  places: [{ mesh: 'default', trustDomain: 'a.test', rooting: 'as-listed', resources: [] }],
  pem: '',
};
const rollout = {
  mesh: 'default',
  version: 'v1',
  changedAt: at,
  complete: true,
  lagging: [],
  proxies: {
    connected: 5,
    synced: 5,
    pending: 0,
    stale: 0,
    refused: 0,
    reconnecting: 1,
    lost: 2,
    forgotten: 4,
  },
} as unknown as RolloutDetail;

test('proxies that may still run without the CA: the view of the CA counts them, and so does the bar', () => {
  const state = {
    ...initialState(parseRoute(`#/ca/${fingerprint}`), now),
    ca,
    rollouts: new Map([['default', rollout]]),
  };
  assert.match(plainOf(textOf(viewCaPage(state, {} as Actions))), /5 of 12 /);
  assert.match(textOf(viewRollout(rollout, now)), /aria-valuemax=12\s+aria-valuenow=5/);
});
