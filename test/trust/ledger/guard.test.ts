import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Ledger } from '../../../src/trust/ledger/ledger.ts';
import { makeCa } from '../../kit/certificates.ts';
import { codes, gone, inForce, makeLedger, version } from '../../kit/ledger.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';

const { certPem } = makeCa({ commonName: 'A' });
const other = makeCa({ commonName: 'B' });
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

  it('holds a mesh that is replaced by another: what comes makes up for nothing', () => {
    const ledger = ledgerOf(4);
    const others = [10, 11, 12, 13, 14].map((index) => file(index));
    ledger.apply('files', [...[0, 1, 2, 3].map((index) => gone(path(index))), ...others], 10);
    assert.equal(inForce(ledger).length, 9);
    const again = ledgerOf(4);
    again.apply('files', [gone(path(0)), gone(path(1))], 10);
    again.apply('files', others, 20);
    again.apply('files', [gone(path(2))], 30);
    assert.equal(inForce(again).length, 9);
  });

  it('counts what came before the loss', () => {
    const ledger = ledgerOf(1);
    ledger.apply('files', [file(1)], 10);
    ledger.apply('files', [gone(path(0))], 20);
    assert.deepEqual(ledger.view().held, []);
  });

  it('applies the deletion of the only file of a mesh at once', () => {
    const ledger = ledgerOf(1);
    ledger.apply('files', [gone(path(0))], 10);
    assert.deepEqual(inForce(ledger), []);
  });

  it('holds the only trust domain when its deletion was not seen but inferred', () => {
    const ledger = ledgerOf(1);
    ledger.apply('files', [gone(path(0), 'absence')], 10);
    assert.equal(inForce(ledger).length, 1);
    assert.deepEqual(codes(ledger), ['MT042']);
    ledger.tick(30_010);
    assert.deepEqual(inForce(ledger), []);
  });

  it('holds the only trust domain when it was restored and the first read does not have it', () => {
    const before = ledgerOf(1);
    const ledger = makeLedger();
    const grants = before.grantsOf('files', path(0));
    ledger.apply('files', [{ kind: 'restored', path: path(0), grants }], 0);
    ledger.apply('files', [{ kind: 'synced' }], 10);
    assert.equal(inForce(ledger).length, 1);
    ledger.tick(30_010);
    assert.deepEqual(inForce(ledger), []);
  });

  describe('of meshes with one trust domain each', () => {
    const ledgerOfMeshes = (): Ledger => {
      const ledger = ledgerOf(10);
      ledger.apply('files', [file(0, 'one'), file(0, 'two')], 0);
      return ledger;
    };
    const [one, two] = ['one/d0.test: A', 'two/d0.test: A'];
    const small = (ledger: Ledger) => inForce(ledger).filter((line) => !line.startsWith('default/'));

    it('holds all of them when they go together: that is no decision about one', () => {
      const ledger = ledgerOfMeshes();
      ledger.apply('files', [gone('one-0.yaml'), gone('two-0.yaml')], 10);
      assert.deepEqual(small(ledger), [one, two]);
    });

    it('holds the one that was let go, too, when the other follows within the window', () => {
      const ledger = ledgerOfMeshes();
      ledger.apply('files', [gone('one-0.yaml')], 10);
      assert.deepEqual(small(ledger), [two]);
      ledger.apply('files', [gone('two-0.yaml')], 2009);
      assert.deepEqual(small(ledger), [one, two]);
      ledger.tick(32_009);
      assert.deepEqual(small(ledger), []);
    });

    it('lets go of each when the other follows later', () => {
      const ledger = ledgerOfMeshes();
      ledger.apply('files', [gone('one-0.yaml')], 10);
      ledger.apply('files', [gone('two-0.yaml')], 2010);
      assert.deepEqual(small(ledger), []);
    });

    it('lets go of one whatever small losses other meshes have meanwhile', () => {
      const ledger = ledgerOfMeshes();
      ledger.apply('files', [gone('one-0.yaml'), gone(path(0))], 10);
      ledger.apply('files', [gone(path(1), 'absence')], 20);
      assert.deepEqual(small(ledger), [two]);
    });

    it('takes the loss of one that is back for no part of another', () => {
      const ledger = ledgerOfMeshes();
      ledger.apply('files', [gone('one-0.yaml')], 10);
      ledger.apply('files', [file(0, 'one')], 20);
      ledger.apply('files', [gone('two-0.yaml')], 30);
      assert.deepEqual(small(ledger), [one]);
    });

    it('holds nothing again that was released', () => {
      const ledger = ledgerOfMeshes();
      ledger.apply('files', [gone('one-0.yaml')], 10);
      ledger.release();
      ledger.apply('files', [gone('two-0.yaml')], 20);
      assert.deepEqual(small(ledger), []);
    });
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

  it('holds the only trust domain when two files list the same resource and are deleted one after the other', () => {
    const ledger = makeLedger();
    const text = meshTrustYaml({ name: 't', trustDomain: 'd.test', pems: [certPem], mesh: 'default' });
    ledger.apply('files', [version('one.yaml', text), version('two.yaml', text)], 0);
    ledger.apply('files', [gone('two.yaml')], 10);
    assert.deepEqual(codes(ledger), []);
    ledger.apply('files', [gone('one.yaml')], 1010);
    assert.deepEqual([inForce(ledger).length, codes(ledger)], [1, ['MT042']]);
  });

  it('does not hold a small loss for a deletion that was believed before the window', () => {
    const ledger = makeLedger();
    ledger.apply('files', [file(0), file(0, 'blue'), file(1, 'blue')], 0);
    ledger.apply('files', [gone(path(0))], 10);
    ledger.apply(
      'files',
      [1, 2, 3, 4].map((index) => file(index)),
      11,
    );
    ledger.apply('files', [gone(path(1)), gone('blue-0.yaml'), gone('blue-1.yaml')], 2011);
    assert.deepEqual(
      inForce(ledger).map((line) => line.replace(/:.*/, '')),
      ['blue/d0.test', 'blue/d1.test', 'default/d2.test', 'default/d3.test', 'default/d4.test'],
    );
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

  describe('of trust domains that several files give', () => {
    const half = (index: number, part: 'x' | 'y') =>
      version(
        `${part}-${index}.yaml`,
        meshTrustYaml({
          name: `${part}${index}`,
          trustDomain: `d${index}.test`,
          pems: [part === 'x' ? certPem : other.certPem],
        }),
      );
    const ledgerOfHalves = (): Ledger => {
      const ledger = makeLedger();
      ledger.apply(
        'files',
        [0, 1].flatMap((index) => [half(index, 'x'), half(index, 'y')]),
        0,
      );
      return ledger;
    };
    const both = ['default/d0.test: A B', 'default/d1.test: A B'];

    it('holds all that they gave, although their files went in several steps', () => {
      const ledger = ledgerOfHalves();
      for (const [step, name] of ['x-0', 'x-1', 'y-0', 'y-1'].entries())
        ledger.apply('files', [gone(`${name}.yaml`)], 10 + step);
      assert.deepEqual(inForce(ledger), both);
    });

    it('holds what has not come back while the rest has', () => {
      const ledger = ledgerOfHalves();
      ledger.apply(
        'files',
        ['x-0', 'x-1', 'y-0', 'y-1'].map((name) => gone(`${name}.yaml`)),
        10,
      );
      ledger.apply('files', [half(0, 'x')], 500);
      ledger.apply('files', [half(1, 'y')], 600);
      assert.deepEqual(inForce(ledger), both);
      ledger.apply('files', [half(0, 'y'), half(1, 'x')], 700);
      assert.deepEqual(inForce(ledger), both);
      assert.deepEqual(ledger.view().held, []);
    });

    it('lets what has not come back go when the hold ends', () => {
      const ledger = ledgerOfHalves();
      ledger.apply(
        'files',
        ['x-0', 'x-1', 'y-0', 'y-1'].map((name) => gone(`${name}.yaml`)),
        10,
      );
      ledger.apply('files', [half(0, 'x')], 500);
      ledger.tick(30_010);
      assert.deepEqual(inForce(ledger), ['default/d0.test: A']);
    });

    it('takes a resource that came back with less for what it is now', () => {
      const ledger = ledgerOfHalves();
      ledger.apply(
        'files',
        ['x-0', 'x-1', 'y-0', 'y-1'].map((name) => gone(`${name}.yaml`)),
        10,
      );
      const text = meshTrustYaml({ name: 'x0', trustDomain: 'd0.test', pems: [other.certPem] });
      ledger.apply('files', [version('x-0.yaml', text)], 20);
      assert.deepEqual(inForce(ledger), ['default/d0.test: B B', 'default/d1.test: A B']);
    });

    it('does not take an edit for the deletion that came before it', () => {
      const ledger = makeLedger();
      ledger.apply('files', [half(0, 'x'), half(0, 'y')], 0);
      ledger.apply('files', [gone('x-0.yaml')], 10);
      // Another MeshTrust stands in the file, so that the first one was taken out on purpose.
      const text = meshTrustYaml({ name: 'z', trustDomain: 'z.test', pems: [certPem] });
      ledger.apply('files', [version('y-0.yaml', text)], 20);
      assert.deepEqual(inForce(ledger), ['default/d0.test: A B', 'default/z.test: A']);
    });
  });

  it('does not hold again what a hold shorter than the window let go', () => {
    const ledger = ledgerOf(10, 500);
    ledger.apply(
      'files',
      [0, 1, 2, 3, 4, 5].map((index) => gone(path(index))),
      0,
    );
    ledger.tick(500);
    assert.equal(inForce(ledger).length, 4);
    ledger.apply('files', [gone(path(6))], 600);
    assert.equal(inForce(ledger).length, 3);
  });

  describe('a loss that was undone', () => {
    const only = (): Ledger => ledgerOf(1);

    it('the only trust domain goes, comes back and goes again within the window → not held', () => {
      const ledger = only();
      for (const [at, event] of [gone(path(0)), file(0), gone(path(0))].entries())
        ledger.apply('files', [event], 10 + 100 * at);
      assert.deepEqual([inForce(ledger), codes(ledger)], [[], []]);
    });

    it('the same several times over → not held', () => {
      const ledger = only();
      for (let at = 0; at < 5; at += 1) {
        ledger.apply('files', [gone(path(0))], 10 + 200 * at);
        assert.deepEqual(inForce(ledger), []);
        ledger.apply('files', [file(0)], 110 + 200 * at);
        assert.equal(inForce(ledger).length, 1);
      }
    });

    it('two go together after one went and came back → held', () => {
      const ledger = ledgerOf(2);
      ledger.apply('files', [gone(path(0))], 10);
      ledger.apply('files', [file(0)], 20);
      ledger.apply('files', [gone(path(0)), gone(path(1))], 30);
      assert.deepEqual([inForce(ledger).length, codes(ledger)], [2, ['MT042']]);
    });

    it('one goes and the other follows without the first being back → held', () => {
      const ledger = ledgerOf(2);
      ledger.apply('files', [gone(path(0))], 10);
      ledger.apply('files', [gone(path(1))], 20);
      assert.deepEqual([inForce(ledger).length, codes(ledger)], [2, ['MT042']]);
    });
  });

  describe('a release that is limited', () => {
    const twoMeshes = (): Ledger => {
      const ledger = makeLedger();
      const files = ['blue', 'default'].flatMap((mesh) => [0, 1, 2].map((index) => file(index, mesh)));
      ledger.apply('files', files, 0);
      ledger.apply(
        'files',
        files.map((event) => gone('path' in event ? event.path : '')),
        10,
      );
      assert.equal(ledger.held().length, 6);
      return ledger;
    };
    const heldOf = (ledger: Ledger): readonly string[] =>
      ledger
        .held()
        .map(({ mesh, trustDomain }) => `${mesh}/${trustDomain}`)
        .sort();

    it('to a mesh → the other mesh stays held', () => {
      const ledger = twoMeshes();
      assert.equal(ledger.release({ mesh: 'blue' }).length, 3);
      assert.deepEqual(heldOf(ledger), ['default/d0.test', 'default/d1.test', 'default/d2.test']);
      assert.equal(inForce(ledger).length, 3);
    });

    it('to a trust domain → of every mesh; to both → that one', () => {
      const ledger = twoMeshes();
      assert.deepEqual(
        ledger.release({ mesh: 'blue', trustDomain: 'd1.test' }).map(({ mesh }) => mesh),
        ['blue'],
      );
      assert.equal(ledger.release({ trustDomain: 'd0.test' }).length, 2);
      assert.deepEqual(heldOf(ledger), ['blue/d2.test', 'default/d1.test', 'default/d2.test']);
      assert.deepEqual(inForce(ledger).length, 3);
    });

    it('to what is not held → nothing changes', () => {
      const ledger = twoMeshes();
      assert.deepEqual(ledger.release({ mesh: 'green' }), []);
      assert.equal(ledger.held().length, 6);
    });

    it('what was released stays released when the next loss comes, and the rest when its time is over', () => {
      const ledger = twoMeshes();
      ledger.release({ mesh: 'blue', trustDomain: 'd1.test' });
      ledger.tick(20);
      assert.equal(heldOf(ledger).includes('blue/d1.test'), false);
      ledger.tick(30_010);
      assert.deepEqual(inForce(ledger), []);
    });
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
