import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createLedger } from '../../../src/trust/ledger/ledger.ts';
import type { Ledger } from '../../../src/trust/ledger/ledger.ts';
import { makeCaPems } from '../../kit/certificates.ts';
import { codes, gone, inForce, version } from '../../kit/ledger.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';

const [own, foreign] = makeCaPems('own', 'foreign');
const names = ['a.test', 'b.test'] as const;
const trust = (trustDomain: string, pem: string): string =>
  meshTrustYaml({ name: trustDomain.replace('.', '-'), trustDomain, pems: [pem] });
const ofPeers = names.map((name) => version(`federation:${name}`, trust(name, foreign)));
const listed = names.map((name) => version(`own-${name}`, trust(name, own)));
const unlisted = names.map((name) => gone(`own-${name}`));
const bothOwn = ['default/a.test: own', 'default/b.test: own'];
const bothForeign = ['default/a.test: foreign', 'default/b.test: foreign'];

/** `federation` gives up what another source has. */
const makeLedger = (): Ledger =>
  createLedger(['files', 'federation'], {
    holdMs: 30_000,
    yielding: { source: 'federation', yields: (_mesh, _trustDomain, isListed) => isListed() },
  });

suite('a source that yields', () => {
  test('another source has the trust domain: gives nothing', () => {
    const ledger = makeLedger();
    ledger.apply('files', listed, 0);
    ledger.apply('federation', ofPeers, 0);
    assert.deepEqual(inForce(ledger), bothOwn);
  });

  test('another source gets the trust domain later: gives it up in the same step and without a hold', () => {
    const ledger = makeLedger();
    ledger.apply('federation', ofPeers, 0);
    assert.deepEqual(inForce(ledger), bothForeign);
    ledger.apply('files', listed, 1);
    assert.deepEqual([inForce(ledger), ledger.held()], [bothOwn, []]);
    ledger.apply(
      'federation',
      names.map((name) => gone(`federation:${name}`)),
      2,
    );
    ledger.tick(3);
    assert.deepEqual([inForce(ledger), ledger.held(), codes(ledger)], [bothOwn, [], []]);
  });

  test('another source gets a trust domain that the guard holds: gives it up', () => {
    const ledger = makeLedger();
    ledger.apply('federation', ofPeers, 0);
    ledger.apply(
      'federation',
      names.map((name) => gone(`federation:${name}`, 'absence')),
      1,
    );
    assert.deepEqual(inForce(ledger), bothForeign);
    ledger.apply('files', listed, 2);
    assert.deepEqual([inForce(ledger), ledger.held()], [bothOwn, []]);
  });

  test('another source gets a restored trust domain: gives it up', () => {
    const before = makeLedger();
    before.apply('federation', ofPeers, 0);
    const ledger = makeLedger();
    ledger.apply(
      'federation',
      names.map((name) => ({
        kind: 'restored',
        path: `federation:${name}`,
        grants: before.grantsOf('federation', `federation:${name}`),
      })),
      0,
    );
    ledger.apply('files', listed, 0);
    assert.deepEqual(inForce(ledger), bothOwn);
    ledger.apply('federation', [{ kind: 'synced' }], 1);
    assert.deepEqual([inForce(ledger), ledger.held()], [bothOwn, []]);
  });

  test('the other source loses the trust domain: gives it again, once that loss is not held', () => {
    const ledger = makeLedger();
    ledger.apply('files', listed, 0);
    ledger.apply('federation', ofPeers, 0);
    ledger.apply('files', unlisted, 1);
    assert.deepEqual(inForce(ledger), bothOwn);
    ledger.tick(30_001);
    assert.deepEqual(inForce(ledger), bothForeign);
  });

  test('its other trust domains: stay under the guard', () => {
    const ledger = makeLedger();
    const others = ['c.test', 'd.test'];
    ledger.apply(
      'federation',
      [...ofPeers, ...others.map((name) => version(`federation:${name}`, trust(name, foreign)))],
      0,
    );
    ledger.apply('files', listed, 1);
    ledger.apply(
      'federation',
      [...names, ...others].map((name) => gone(`federation:${name}`)),
      2,
    );
    assert.deepEqual(
      ledger.held().map(({ trustDomain }) => trustDomain),
      others,
    );
  });
});
