import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { HoldSelection, Ledger } from '../../../src/trust/ledger/ledger.ts';
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

/** A ledger with `count` trust domains, each in a file of its own. */
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

suite('mass-loss guard', () => {
  test('loss of half of the trust domains → applied at once', () => {
    const ledger = ledgerOf(4);
    ledger.apply('files', [gone(path(0)), gone(path(1))], 10);
    assert.equal(inForce(ledger).length, 2);
    assert.deepEqual(codes(ledger), []);
  });

  test('loss of more than half → held with a finding until the hold ends', () => {
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

  test('single losses within the window add up to more than half → all are held, also those already applied', () => {
    const ledger = ledgerOf(4);
    ledger.apply('files', [gone(path(0))], 10);
    ledger.apply('files', [gone(path(1))], 500);
    assert.equal(inForce(ledger).length, 2);
    ledger.apply('files', [gone(path(2))], 2009);
    assert.equal(inForce(ledger).length, 4);
  });

  test('losses further apart than the window → not added up', () => {
    const ledger = ledgerOf(4);
    ledger.apply('files', [gone(path(0))], 0);
    ledger.apply('files', [gone(path(1))], 2000);
    ledger.apply('files', [gone(path(2))], 4000);
    assert.equal(inForce(ledger).length, 1);
  });

  test('all trust domains replaced by others → held: new trust domains do not offset the loss', () => {
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

  test('trust domain added before the loss → counted, so the loss is not a mass loss', () => {
    const ledger = ledgerOf(1);
    ledger.apply('files', [file(1)], 10);
    ledger.apply('files', [gone(path(0))], 20);
    assert.deepEqual(ledger.view().held, []);
  });

  test('deletion of the only file of a mesh → applied at once', () => {
    const ledger = ledgerOf(1);
    ledger.apply('files', [gone(path(0))], 10);
    assert.deepEqual(inForce(ledger), []);
  });

  test('only trust domain, removal inferred from absence → held', () => {
    const ledger = ledgerOf(1);
    ledger.apply('files', [gone(path(0), 'absence')], 10);
    assert.equal(inForce(ledger).length, 1);
    assert.deepEqual(codes(ledger), ['MT042']);
    ledger.tick(30_010);
    assert.deepEqual(inForce(ledger), []);
  });

  test('only trust domain, restored and missing from the first read → held', () => {
    const before = ledgerOf(1);
    const ledger = makeLedger();
    const grants = before.grantsOf('files', path(0));
    ledger.apply('files', [{ kind: 'restored', path: path(0), grants }], 0);
    ledger.apply('files', [{ kind: 'synced' }], 10);
    assert.equal(inForce(ledger).length, 1);
    ledger.tick(30_010);
    assert.deepEqual(inForce(ledger), []);
  });

  suite('meshes with one trust domain each', () => {
    const ledgerOfMeshes = (): Ledger => {
      const ledger = ledgerOf(10);
      ledger.apply('files', [file(0, 'one'), file(0, 'two')], 0);
      return ledger;
    };
    const [one, two] = ['one/d0.test: A', 'two/d0.test: A'];
    const small = (ledger: Ledger) => inForce(ledger).filter((line) => !line.startsWith('default/'));

    test('two meshes are lost in one step → both are held', () => {
      const ledger = ledgerOfMeshes();
      ledger.apply('files', [gone('one-0.yaml'), gone('two-0.yaml')], 10);
      assert.deepEqual(small(ledger), [one, two]);
    });

    test('second mesh is lost within the window → both are held, also the one already applied', () => {
      const ledger = ledgerOfMeshes();
      ledger.apply('files', [gone('one-0.yaml')], 10);
      assert.deepEqual(small(ledger), [two]);
      ledger.apply('files', [gone('two-0.yaml')], 2009);
      assert.deepEqual(small(ledger), [one, two]);
      ledger.tick(32_009);
      assert.deepEqual(small(ledger), []);
    });

    test('second mesh is lost after the window → both losses are applied', () => {
      const ledger = ledgerOfMeshes();
      ledger.apply('files', [gone('one-0.yaml')], 10);
      ledger.apply('files', [gone('two-0.yaml')], 2010);
      assert.deepEqual(small(ledger), []);
    });

    test('small losses in another mesh → the loss of the mesh is applied', () => {
      const ledger = ledgerOfMeshes();
      ledger.apply('files', [gone('one-0.yaml'), gone(path(0))], 10);
      ledger.apply('files', [gone(path(1), 'absence')], 20);
      assert.deepEqual(small(ledger), [two]);
    });

    test('first mesh returned before the second is lost → the second loss is applied', () => {
      const ledger = ledgerOfMeshes();
      ledger.apply('files', [gone('one-0.yaml')], 10);
      ledger.apply('files', [file(0, 'one')], 20);
      ledger.apply('files', [gone('two-0.yaml')], 30);
      assert.deepEqual(small(ledger), [one]);
    });

    test('released mesh, then the second is lost → neither is held', () => {
      const ledger = ledgerOfMeshes();
      ledger.apply('files', [gone('one-0.yaml')], 10);
      ledger.release();
      ledger.apply('files', [gone('two-0.yaml')], 20);
      assert.deepEqual(small(ledger), []);
    });
  });

  test('only trust domain, lost by an edit → held', () => {
    const ledger = ledgerOf(1);
    ledger.apply('files', [version(path(0), 'kind: ConfigMap\n')], 10);
    assert.equal(inForce(ledger).length, 1);
  });

  test('only trust domain, several of its files deleted → held', () => {
    const ledger = makeLedger();
    const text = (name: string) => meshTrustYaml({ name, trustDomain: 'a.test', pems: [certPem] });
    ledger.apply('files', [version('1.yaml', text('one')), version('2.yaml', text('two'))], 0);
    ledger.apply('files', [gone('1.yaml')], 10);
    ledger.apply('files', [gone('2.yaml')], 20);
    assert.equal(inForce(ledger).length, 1);
  });

  test('only trust domain, two files with the same resource deleted one after the other → held', () => {
    const ledger = makeLedger();
    const text = meshTrustYaml({ name: 't', trustDomain: 'd.test', pems: [certPem], mesh: 'default' });
    ledger.apply('files', [version('one.yaml', text), version('two.yaml', text)], 0);
    ledger.apply('files', [gone('two.yaml')], 10);
    assert.deepEqual(codes(ledger), []);
    ledger.apply('files', [gone('one.yaml')], 1010);
    assert.deepEqual([inForce(ledger).length, codes(ledger)], [1, ['MT042']]);
  });

  test('small loss after a deletion that was applied before the window → not held', () => {
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

  test('both of two trust domains are lost → held', () => {
    const ledger = ledgerOf(2);
    ledger.apply('files', [gone(path(0)), gone(path(1))], 10);
    assert.equal(inForce(ledger).length, 2);
  });

  test('mass loss in one mesh → changes of other meshes are applied', () => {
    const ledger = ledgerOf(10);
    ledger.apply('files', [file(0, 'other'), file(1, 'other')], 5);
    ledger.apply('files', [gone('other-0.yaml'), gone('other-1.yaml'), gone(path(3)), file(77)], 10);
    assert.equal(inForce(ledger).filter((line) => line.startsWith('other/')).length, 2);
    assert.ok(!inForce(ledger).some((line) => line.startsWith('default/d3.')));
    assert.ok(inForce(ledger).some((line) => line.startsWith('default/d77.')));
  });

  test('held trust domain returns → its hold ends', () => {
    const ledger = ledgerOf(2);
    ledger.apply('files', [gone(path(0)), gone(path(1))], 10);
    ledger.apply('files', [file(0)], 20);
    assert.deepEqual(
      ledger.view().held.map(({ trustDomain }) => trustDomain),
      ['d1.test'],
    );
  });

  suite('trust domains with several files', () => {
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

    test('files are removed in several steps → all shares are held', () => {
      const ledger = ledgerOfHalves();
      for (const [step, name] of ['x-0', 'x-1', 'y-0', 'y-1'].entries())
        ledger.apply('files', [gone(`${name}.yaml`)], 10 + step);
      assert.deepEqual(inForce(ledger), both);
    });

    test('some files return → the shares of the others stay held', () => {
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

    test('some files return, the hold ends → the other shares are removed', () => {
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

    test('resource returns with other anchors → only its current anchors are in force', () => {
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

    test('edit shortly after a deletion → the loss by the edit is held, not applied as a deletion', () => {
      const ledger = makeLedger();
      ledger.apply('files', [half(0, 'x'), half(0, 'y')], 0);
      ledger.apply('files', [gone('x-0.yaml')], 10);
      // The file has another MeshTrust, so the first one was removed on purpose.
      const text = meshTrustYaml({ name: 'z', trustDomain: 'z.test', pems: [certPem] });
      ledger.apply('files', [version('y-0.yaml', text)], 20);
      assert.deepEqual(inForce(ledger), ['default/d0.test: A B', 'default/z.test: A']);
    });
  });

  test('hold shorter than the window, next loss → expired holds are not renewed', () => {
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

  suite('undone loss', () => {
    const only = (): Ledger => ledgerOf(1);

    test('only trust domain is deleted, returns and is deleted again within the window → not held', () => {
      const ledger = only();
      for (const [at, event] of [gone(path(0)), file(0), gone(path(0))].entries())
        ledger.apply('files', [event], 10 + 100 * at);
      assert.deepEqual([inForce(ledger), codes(ledger)], [[], []]);
    });

    test('only trust domain is deleted and returns several times → not held', () => {
      const ledger = only();
      for (let at = 0; at < 5; at += 1) {
        ledger.apply('files', [gone(path(0))], 10 + 200 * at);
        assert.deepEqual(inForce(ledger), []);
        ledger.apply('files', [file(0)], 110 + 200 * at);
        assert.equal(inForce(ledger).length, 1);
      }
    });

    test('one trust domain is deleted and returns, then both are deleted together → held', () => {
      const ledger = ledgerOf(2);
      ledger.apply('files', [gone(path(0))], 10);
      ledger.apply('files', [file(0)], 20);
      ledger.apply('files', [gone(path(0)), gone(path(1))], 30);
      assert.deepEqual([inForce(ledger).length, codes(ledger)], [2, ['MT042']]);
    });

    test('one trust domain is deleted, then the other, without a return → held', () => {
      const ledger = ledgerOf(2);
      ledger.apply('files', [gone(path(0))], 10);
      ledger.apply('files', [gone(path(1))], 20);
      assert.deepEqual([inForce(ledger).length, codes(ledger)], [2, ['MT042']]);
    });
  });

  suite('selective release', () => {
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

    test('by mesh → the other mesh stays held', () => {
      const ledger = twoMeshes();
      assert.equal(ledger.release({ mesh: 'blue' }).length, 3);
      assert.deepEqual(heldOf(ledger), ['default/d0.test', 'default/d1.test', 'default/d2.test']);
      assert.equal(inForce(ledger).length, 3);
    });

    test('by trust domain → in every mesh; by mesh and trust domain → only that one', () => {
      const ledger = twoMeshes();
      assert.deepEqual(
        ledger.release({ mesh: 'blue', trustDomain: 'd1.test' }).map(({ mesh }) => mesh),
        ['blue'],
      );
      assert.equal(ledger.release({ trustDomain: 'd0.test' }).length, 2);
      assert.deepEqual(heldOf(ledger), ['blue/d2.test', 'default/d1.test', 'default/d2.test']);
      assert.deepEqual(inForce(ledger).length, 3);
    });

    test('by a mesh without holds → nothing changes', () => {
      const ledger = twoMeshes();
      assert.deepEqual(ledger.release({ mesh: 'green' }), []);
      assert.equal(ledger.held().length, 6);
    });

    test('one trust domain released → it stays released at the next step, and the other holds end in time', () => {
      const ledger = twoMeshes();
      ledger.release({ mesh: 'blue', trustDomain: 'd1.test' });
      ledger.tick(20);
      assert.equal(heldOf(ledger).includes('blue/d1.test'), false);
      ledger.tick(30_010);
      assert.deepEqual(inForce(ledger), []);
    });

    const selections: readonly HoldSelection[] = [
      { mesh: 'blue' },
      { mesh: 'blue', trustDomain: 'd0.test' },
      { trustDomain: 'd0.test' },
      {},
    ];
    for (const selection of selections)
      test(`${JSON.stringify(selection)} while another mesh loses its files one by one → all of that mesh are held`, () => {
        const ledger = makeLedger();
        const files = ['blue', 'red'].flatMap((mesh) => [0, 1, 2, 3].map((index) => file(index, mesh)));
        const goneOf = (mesh: string, indices: readonly number[]) =>
          indices.map((index) => {
            const event = file(index, mesh);
            return gone('path' in event ? event.path : '');
          });
        ledger.apply('files', files, 0);
        ledger.apply('files', goneOf('blue', [0, 1, 2, 3]), 10_000);
        ledger.apply('files', goneOf('red', [0, 1]), 11_000);
        assert.ok(ledger.release(selection).every(({ mesh }) => mesh === 'blue'));
        ledger.apply('files', goneOf('red', [2, 3]), 11_500);
        const ofRed = heldOf(ledger).filter((name) => name.startsWith('red/'));
        assert.deepEqual(ofRed, ['red/d0.test', 'red/d1.test', 'red/d2.test', 'red/d3.test']);
      });

    test('loss that is not held in the released mesh → it still counts for a mass loss after it', () => {
      const ledger = makeLedger();
      const files = Array.from({ length: 9 }, (_, index) => file(index, 'blue'));
      const paths = files.map((event) => ('path' in event ? event.path : ''));
      ledger.apply('files', files, 0);
      ledger.apply(
        'files',
        paths.slice(0, 5).map((path) => gone(path)),
        10_000,
      );
      ledger.apply('files', [gone(paths[5] ?? '')], 13_000);
      assert.equal(ledger.release({ mesh: 'blue' }).length, 5);
      ledger.apply(
        'files',
        paths.slice(6, 8).map((path) => gone(path)),
        13_500,
      );
      assert.deepEqual(heldOf(ledger), ['blue/d5.test', 'blue/d6.test', 'blue/d7.test']);
    });
  });

  test('release of all → the losses are applied, and the held trust domains are returned', () => {
    const ledger = ledgerOf(3);
    ledger.apply('files', [gone(path(0)), gone(path(1)), gone(path(2))], 10);
    assert.equal(ledger.release().length, 3);
    assert.deepEqual(inForce(ledger), []);
    ledger.tick(20);
    assert.deepEqual(inForce(ledger), []);
  });

  test('hold of 0 → the guard is off', () => {
    const ledger = ledgerOf(3, 0);
    ledger.apply('files', [gone(path(0)), gone(path(1)), gone(path(2))], 10);
    assert.deepEqual(inForce(ledger), []);
  });
});
