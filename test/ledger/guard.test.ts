import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Ledger } from '../../src/ledger/ledger.ts';
import { makeCa } from '../kit/certificates.ts';
import { codes, gone, inForce, makeLedger, version } from '../kit/ledger.ts';
import { meshTrustYaml } from '../kit/mesh-trust-text.ts';

const { certPem } = makeCa({ commonName: 'A' });
const file = (index: number, mesh = 'default') =>
  version(
    `${mesh}-${index}.yaml`,
    meshTrustYaml({ name: `t${index}`, trustDomain: `d${index}.test`, pems: [certPem], mesh }),
  );

/** A ledger with so many trust domains, a file each. */
function ledgerOf(count: number, holdMs?: number): Ledger {
  const ledger = makeLedger(holdMs);
  ledger.apply(
    'files',
    Array.from({ length: count }, (_, index) => file(index)),
    0,
  );
  return ledger;
}

const path = (index: number): string => `default-${index}.yaml`;

describe('the mass-loss guard', () => {
  it('lets go of half of the trust domains at once', () => {
    const ledger = ledgerOf(4);
    ledger.apply('files', [gone(path(0)), gone(path(1))], 10);
    assert.equal(inForce(ledger).length, 2);
    assert.deepEqual(codes(ledger), []);
  });

  it('holds more than half, loudly, and lets go when the hold ends', () => {
    const ledger = ledgerOf(4);
    ledger.apply('files', [gone(path(0)), gone(path(1)), gone(path(2))], 10);
    assert.equal(inForce(ledger).length, 4);
    assert.deepEqual(codes(ledger), ['MT042']);
    assert.equal(ledger.view().deadline, 30_010);
    ledger.tick(30_009);
    assert.equal(inForce(ledger).length, 4);
    ledger.tick(30_010);
    assert.equal(inForce(ledger).length, 1);
    assert.equal(ledger.view().deadline, undefined);
  });

  it('adds up losses that arrive one by one within the window, and holds those already let go', () => {
    const ledger = ledgerOf(4);
    ledger.apply('files', [gone(path(0))], 10);
    ledger.apply('files', [gone(path(1))], 500);
    assert.equal(inForce(ledger).length, 2);
    ledger.apply('files', [gone(path(2))], 2009);
    assert.equal(inForce(ledger).length, 4);
  });

  it('does not add up losses further apart than the window', () => {
    const ledger = ledgerOf(4);
    ledger.apply('files', [gone(path(0))], 0);
    ledger.apply('files', [gone(path(1))], 2000);
    ledger.apply('files', [gone(path(2))], 4000);
    assert.equal(inForce(ledger).length, 1);
  });

  it('applies the deletion of the only file of a mesh at once', () => {
    const ledger = ledgerOf(1);
    ledger.apply('files', [gone(path(0))], 10);
    assert.deepEqual(inForce(ledger), []);
  });

  it('holds the only trust domain when it is lost by an edit', () => {
    const ledger = ledgerOf(1);
    ledger.apply('files', [version(path(0), 'kind: ConfigMap\n')], 10);
    assert.equal(inForce(ledger).length, 1);
  });

  it('holds the only trust domain when several files of it are deleted', () => {
    const ledger = makeLedger();
    const text = (name: string) => meshTrustYaml({ name, trustDomain: 'a.test', pems: [certPem] });
    ledger.apply('files', [version('1.yaml', text('one')), version('2.yaml', text('two'))], 0);
    ledger.apply('files', [gone('1.yaml')], 10);
    ledger.apply('files', [gone('2.yaml')], 20);
    assert.equal(inForce(ledger).length, 1);
  });

  it('holds all of a mesh of two', () => {
    const ledger = ledgerOf(2);
    ledger.apply('files', [gone(path(0)), gone(path(1))], 10);
    assert.equal(inForce(ledger).length, 2);
  });

  it('counts each mesh for itself, and applies everything else meanwhile', () => {
    const ledger = ledgerOf(10);
    ledger.apply('files', [file(0, 'other'), file(1, 'other')], 5);
    ledger.apply('files', [gone('other-0.yaml'), gone('other-1.yaml'), gone(path(3)), file(77)], 10);
    assert.equal(inForce(ledger).filter((line) => line.startsWith('other/')).length, 2);
    assert.ok(!inForce(ledger).some((line) => line.startsWith('default/d3.')));
    assert.ok(inForce(ledger).some((line) => line.startsWith('default/d77.')));
  });

  it('drops the hold of a trust domain that comes back', () => {
    const ledger = ledgerOf(2);
    ledger.apply('files', [gone(path(0)), gone(path(1))], 10);
    ledger.apply('files', [file(0)], 20);
    assert.deepEqual(
      ledger.view().held.map(({ trustDomain }) => trustDomain),
      ['d1.test'],
    );
  });

  it('lets go when it is released, and tells of what', () => {
    const ledger = ledgerOf(3);
    ledger.apply('files', [gone(path(0)), gone(path(1)), gone(path(2))], 10);
    assert.equal(ledger.release().length, 3);
    assert.deepEqual(inForce(ledger), []);
    ledger.tick(20);
    assert.deepEqual(inForce(ledger), []);
  });

  it('is off with a hold of zero', () => {
    const ledger = ledgerOf(3, 0);
    ledger.apply('files', [gone(path(0)), gone(path(1)), gone(path(2))], 10);
    assert.deepEqual(inForce(ledger), []);
  });
});
