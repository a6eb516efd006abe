import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { LedgerEvent } from '../../../src/trust/ledger/ledger.ts';
import { ReadinessState } from '../../../src/trust/ledger/readiness.ts';
import { makeCaPems } from '../../kit/certificates.ts';
import { codes, gone, inForce, makeLedger, version } from '../../kit/ledger.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';

const [a, b, c] = makeCaPems('A', 'B', 'C');
const damaged = a.replace(/\n(.)/, '\n!');
const trust = (trustDomain: string, pems: readonly string[], name = trustDomain): string =>
  meshTrustYaml({ name: name.replaceAll('.', '-'), trustDomain, pems });
const both = `${trust('a.test', [a, b])}---\n${trust('c.test', [c])}`;

suite('ledger', () => {
  test('settled version → in force', () => {
    const ledger = makeLedger();
    ledger.apply('files', [version('t.yaml', both)], 0);
    assert.deepEqual(inForce(ledger), ['default/a.test: A B', 'default/c.test: C']);
  });

  test('settled version that removes trust → applied', () => {
    const ledger = makeLedger();
    ledger.apply('files', [version('t.yaml', both)], 0);
    ledger.apply('files', [version('t.yaml', trust('a.test', [b]))], 1);
    assert.deepEqual(inForce(ledger), ['default/a.test: B']);
  });

  test('version that is not settled → adds trust and removes none', () => {
    const ledger = makeLedger();
    ledger.apply('files', [version('t.yaml', both)], 0);
    ledger.apply('files', [version('t.yaml', trust('a.test', [c]), false)], 1);
    assert.deepEqual(inForce(ledger), ['default/a.test: A B C', 'default/c.test: C']);
    ledger.apply('files', [version('t.yaml', trust('a.test', [c]))], 2);
    assert.deepEqual(inForce(ledger), ['default/a.test: C']);
  });

  test('file truncated at any length, not settled → no trust is removed', () => {
    const ledger = makeLedger();
    ledger.apply('files', [version('t.yaml', both)], 0);
    const before = inForce(ledger);
    for (let length = 0; length < both.length; length++) {
      ledger.apply('files', [version('t.yaml', both.slice(0, length), false)], length + 1);
      assert.deepEqual(inForce(ledger), before, `truncated to ${length} characters`);
    }
  });

  test('settled file that is not valid → no trust is removed', () => {
    const ledger = makeLedger();
    ledger.apply('files', [version('t.yaml', both)], 0);
    for (const text of ['', '# comment', 'type', 'type: MeshTrust\nname: [', `${both}---\n"`]) {
      ledger.apply('files', [version('t.yaml', text)], 1);
      assert.deepEqual(inForce(ledger), ['default/a.test: A B', 'default/c.test: C'], JSON.stringify(text));
      assert.ok(codes(ledger).includes('MT040'));
    }
  });

  test('resource became invalid → its last good version stays, and the other resources are applied', () => {
    const ledger = makeLedger();
    ledger.apply('files', [version('t.yaml', both)], 0);
    const invalid = trust('a.test', [a]).replace('type: Pem', 'type: Jwks');
    ledger.apply('files', [version('t.yaml', `${invalid}---\n${trust('c.test', [b])}`)], 1);
    assert.deepEqual(inForce(ledger), ['default/a.test: A B', 'default/c.test: B']);
    assert.deepEqual(codes(ledger), ['MT003', 'MT040']);
  });

  test('invalid resource without a name → every missing resource stays', () => {
    const ledger = makeLedger();
    ledger.apply('files', [version('t.yaml', both)], 0);
    ledger.apply('files', [version('t.yaml', `${trust('c.test', [c])}---\ntype: MeshTrust\nspec: {}\n`)], 1);
    assert.deepEqual(inForce(ledger), ['default/a.test: A B', 'default/c.test: C']);
  });

  test('last certificate of a resource became unusable → the resource stays', () => {
    const ledger = makeLedger();
    ledger.apply('files', [version('t.yaml', trust('a.test', [a]))], 0);
    ledger.apply('files', [version('t.yaml', trust('a.test', [damaged]))], 1);
    assert.deepEqual(inForce(ledger), ['default/a.test: A']);
    assert.deepEqual(codes(ledger), ['MT005', 'MT013', 'MT040']);
  });

  suite('all blocks of a resource commented out', () => {
    const comment = (pem: string): string => pem.replaceAll(/^(?=.)/gm, '# ');
    const others = ['b.test', 'c.test'].map((name) => version(`${name}.yaml`, trust(name, [b])));
    const out = (settled = true): LedgerEvent =>
      version('t.yaml', trust('a.test', [comment(a), comment(c)]), settled);

    test('on a running server and after a restart → its CAs are not trusted, with a warning', () => {
      const running = makeLedger();
      running.apply('files', [version('t.yaml', trust('a.test', [a, c])), ...others, { kind: 'synced' }], 0);
      running.apply('files', [out(false)], 1);
      assert.equal(inForce(running)[0], 'default/a.test: A C');
      running.apply('files', [out()], 2);
      const restarted = makeLedger();
      restarted.apply('files', [out(), ...others, { kind: 'synced' }], 0);
      for (const ledger of [running, restarted]) {
        assert.deepEqual(inForce(ledger), ['default/b.test: B', 'default/c.test: B']);
        assert.deepEqual(codes(ledger), ['MT052']);
        assert.equal(ledger.view().sources[0]?.rejected, 0);
      }
    });

    test('one block is listed again → its CA is trusted again', () => {
      const ledger = makeLedger();
      ledger.apply('files', [version('t.yaml', trust('a.test', [a, c])), ...others], 0);
      ledger.apply('files', [out()], 1);
      ledger.apply('files', [version('t.yaml', trust('a.test', [a, comment(c)]))], 2);
      assert.equal(inForce(ledger)[0], 'default/a.test: A');
    });

    test('only trust domain of a mesh → the guard holds the loss, and then applies it', () => {
      const ledger = makeLedger();
      ledger.apply('files', [version('t.yaml', trust('a.test', [a]))], 0);
      ledger.apply('files', [out()], 1);
      assert.deepEqual(inForce(ledger), ['default/a.test: A']);
      assert.deepEqual(codes(ledger), ['MT042', 'MT052']);
      ledger.tick(40_000);
      assert.deepEqual([inForce(ledger), codes(ledger)], [[], ['MT052']]);
    });

    test('another block is refused for another reason → the resource stays', () => {
      const ledger = makeLedger();
      ledger.apply('files', [version('t.yaml', trust('a.test', [a, c]))], 0);
      ledger.apply('files', [version('t.yaml', trust('a.test', [comment(a), damaged]))], 1);
      assert.deepEqual(inForce(ledger), ['default/a.test: A C']);
    });
  });

  test('damaged block → the anchors of the last undamaged version stay beside the new ones', () => {
    const ledger = makeLedger();
    const at = (pems: readonly string[], now: number): readonly string[] => {
      ledger.apply('files', [version('t.yaml', trust('a.test', pems))], now);
      return inForce(ledger);
    };
    assert.deepEqual(at([a, b], 0), ['default/a.test: A B']);
    assert.deepEqual(at([damaged, b, c], 1), ['default/a.test: A B C']);
    assert.deepEqual(codes(ledger), ['MT013', 'MT041']);
    assert.deepEqual(at([damaged, b], 2), ['default/a.test: A B']);
    assert.deepEqual(at([b], 3), ['default/a.test: B']);
    assert.deepEqual(codes(ledger), []);
  });

  test('first version with a damaged block → its good blocks are in force', () => {
    const ledger = makeLedger();
    ledger.apply('files', [version('t.yaml', trust('a.test', [damaged, b]))], 0);
    assert.deepEqual(inForce(ledger), ['default/a.test: B']);
  });

  test('unsettled version before a damaged one → the last undamaged version still counts', () => {
    const ledger = makeLedger();
    ledger.apply('files', [version('t.yaml', trust('a.test', [a, b]))], 0);
    ledger.apply('files', [version('t.yaml', trust('a.test', [b]), false)], 1);
    ledger.apply('files', [version('t.yaml', trust('a.test', [damaged, b]))], 2);
    assert.deepEqual(inForce(ledger), ['default/a.test: A B']);
  });

  test('block refused by policy → no earlier anchors are retained', () => {
    const ledger = makeLedger();
    const key = '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n';
    ledger.apply('files', [version('t.yaml', trust('a.test', [a, b]))], 0);
    ledger.apply('files', [version('t.yaml', trust('a.test', [b, key]))], 1);
    assert.deepEqual(inForce(ledger), ['default/a.test: B']);
  });

  test('unreadable file → all of its trust stays', () => {
    const ledger = makeLedger();
    ledger.apply('files', [version('t.yaml', both)], 0);
    ledger.apply('files', [{ kind: 'unreadable', path: 't.yaml', reason: 'EACCES' }], 1);
    assert.deepEqual(inForce(ledger), ['default/a.test: A B', 'default/c.test: C']);
    assert.deepEqual(codes(ledger), ['MT001', 'MT040']);
  });

  test('directory that cannot be listed → no change, and a finding until it recovers', () => {
    const ledger = makeLedger();
    ledger.apply('files', [version('t.yaml', both)], 0);
    ledger.apply('files', [{ kind: 'failed', path: 'dir', reason: 'EIO' }], 1);
    assert.deepEqual(inForce(ledger), ['default/a.test: A B', 'default/c.test: C']);
    assert.deepEqual(codes(ledger), ['MT001']);
    ledger.apply('files', [{ kind: 'recovered', path: 'dir' }], 2);
    assert.deepEqual(codes(ledger), []);
  });

  test('two definitions of a resource → the first by path is used in any order, and the other is reported', () => {
    for (const order of [
      ['a.yaml', 'b.yaml'],
      ['b.yaml', 'a.yaml'],
    ]) {
      const ledger = makeLedger();
      const pem: Readonly<Record<string, string>> = { 'a.yaml': a, 'b.yaml': b };
      for (const path of order) ledger.apply('files', [version(path, trust('a.test', [pem[path] ?? '']))], 0);
      assert.deepEqual(inForce(ledger), ['default/a.test: A']);
      const [conflict] = ledger.view().findings;
      assert.equal(conflict?.code, 'MT004');
      assert.equal(conflict.file, 'b.yaml');
      ledger.apply('files', [gone('a.yaml')], 1);
      assert.deepEqual(inForce(ledger), ['default/a.test: B']);
    }
  });

  test('three definitions of a resource → the findings of the others name the used one, in any order', () => {
    for (const order of ['abc', 'acb', 'bac', 'bca', 'cab', 'cba']) {
      const ledger = makeLedger();
      for (const path of order) ledger.apply('files', [version(path, trust('a.test', [a]))], 0);
      assert.deepEqual(
        ledger
          .view()
          .findings.map(({ file, message }) => `${file ?? ''}: ${message.slice(0, 33)}`)
          .sort(),
        ['b: the resource is also defined in a', 'c: the resource is also defined in a'],
      );
    }
  });

  test('definition in a file that is not settled → the other definitions stay in force', () => {
    const ledger = makeLedger();
    ledger.apply('files', [version('b.yaml', trust('a.test', [a, b]))], 0);
    ledger.apply('files', [version('a.yaml', trust('a.test', [c]), false)], 1);
    assert.deepEqual(inForce(ledger), ['default/a.test: A B C']);
    ledger.apply('files', [version('a.yaml', trust('a.test', [c]))], 2);
    assert.deepEqual(inForce(ledger), ['default/a.test: C']);
    ledger.apply('files', [version('a.yaml', trust('a.test', [a]), false)], 3);
    assert.deepEqual(inForce(ledger), ['default/a.test: A C'], 'it was settled before');
  });

  test('version with the same content → the shares keep their objects', () => {
    const ledger = makeLedger();
    const share = () => ledger.grantsOf('files', 't.yaml')[0]?.shares[0] ?? assert.fail();
    ledger.apply('files', [version('t.yaml', trust('a.test', [a]), false)], 0);
    const before = share();
    ledger.apply('files', [version('t.yaml', trust('a.test', [a]))], 1);
    assert.equal(share(), before);
    assert.deepEqual(ledger.apply('files', [version('t.yaml', trust('a.test', [a]))], 2), []);
    ledger.apply('files', [version('t.yaml', `\n${trust('a.test', [a])}`)], 3);
    assert.notEqual(share(), before, 'its findings name other lines');
  });

  test('several resources of one trust domain → joined', () => {
    const ledger = makeLedger();
    ledger.apply(
      'files',
      [version('1.yaml', trust('a.test', [a], 'one')), version('2.yaml', trust('a.test', [b], 'two'))],
      0,
    );
    assert.deepEqual(inForce(ledger), ['default/a.test: A B']);
  });

  test('restored resource that the source confirms without reading → stays, and nothing counts as changed', () => {
    const earlier = makeLedger();
    earlier.apply('files', [version('t.yaml', both)], 0);
    const ledger = makeLedger();
    const grants = earlier.grantsOf('files', 't.yaml');
    ledger.apply('files', [{ kind: 'restored', path: 't.yaml', grants }], 0);
    const events: readonly LedgerEvent[] = [{ kind: 'kept', path: 't.yaml' }, { kind: 'synced' }];
    assert.deepEqual(ledger.apply('files', events, 1), []);
    assert.deepEqual(inForce(ledger), ['default/a.test: A B', 'default/c.test: C']);
    assert.deepEqual(ledger.held(), []);
  });

  test('a part of the state of an earlier run → stays in force, and the source counts as restored only with all of it', () => {
    const earlier = makeLedger();
    earlier.apply('files', [version('t.yaml', both)], 0);
    const grants = earlier.grantsOf('files', 't.yaml');
    for (const isPartial of [false, true]) {
      const ledger = makeLedger();
      ledger.apply('files', [{ kind: 'restored', path: 't.yaml', grants, isPartial }], 0);
      assert.deepEqual(inForce(ledger), ['default/a.test: A B', 'default/c.test: C']);
      const readiness = new ReadinessState({ holdMs: 0 });
      const kindAt = (now: number): string => {
        readiness.update(ledger.view().sources, now);
        return readiness.current.kind;
      };
      assert.equal(kindAt(1), isPartial ? 'waiting' : 'ready');
      ledger.apply('files', [version('t.yaml', 'a: ['), { kind: 'synced' }], 2);
      assert.deepEqual(inForce(ledger), ['default/a.test: A B', 'default/c.test: C']);
      assert.equal(kindAt(3), 'ready');
    }
  });

  test('restored resource missing from the first complete read → removed then, not earlier', () => {
    const ledger = makeLedger(0);
    const earlier = makeLedger();
    earlier.apply(
      'files',
      [version('1.yaml', trust('a.test', [a])), version('2.yaml', trust('b.test', [b]))],
      0,
    );
    for (const path of ['1.yaml', '2.yaml']) {
      ledger.apply('files', [{ kind: 'restored', path, grants: earlier.grantsOf('files', path) }], 0);
    }
    ledger.apply('files', [version('1.yaml', trust('a.test', [c]))], 1);
    assert.deepEqual(inForce(ledger), ['default/a.test: C', 'default/b.test: B']);
    ledger.apply('files', [{ kind: 'synced' }], 2);
    assert.deepEqual(inForce(ledger), ['default/a.test: C']);
  });

  suite('a file of an earlier run that is not confirmed, and another definition of its resource', () => {
    /** Restores definitions of one resource by path, and reads others beside a directory that cannot be listed. */
    const restart = (
      restored: Readonly<Record<string, string>>,
      read: readonly LedgerEvent[],
    ): ReturnType<typeof makeLedger> => {
      const ledger = makeLedger(0);
      for (const [path, pem] of Object.entries(restored)) {
        const earlier = makeLedger();
        earlier.apply('files', [version(path, trust('a.test', [pem]))], 0);
        const grants = earlier.grantsOf('files', path);
        ledger.apply('files', [{ kind: 'restored', path, grants }], 0);
      }
      ledger.apply('files', [{ kind: 'failed', path: 'other', reason: 'EACCES' }, ...read], 1);
      return ledger;
    };
    const cases: Readonly<
      Record<
        string,
        { readonly ledger: ReturnType<typeof restart>; readonly before: string; readonly after: string }
      >
    > = {
      'was read: both are in force until the first complete read, then the one that was read': {
        ledger: restart({ 'a.yaml': a }, [version('b.yaml', trust('a.test', [b]))]),
        before: 'A B',
        after: 'B',
      },
      'was read and is not settled: both are in force': {
        ledger: restart({ 'a.yaml': a }, [version('b.yaml', trust('a.test', [b]), false)]),
        before: 'A B',
        after: 'B',
      },
      'was read and is first by path: it alone is in force': {
        ledger: restart({ 'b.yaml': b }, [version('a.yaml', trust('a.test', [a]))]),
        before: 'A',
        after: 'A',
      },
      'is of the earlier run, too: only the first by path is in force, as then': {
        ledger: restart({ 'a.yaml': a, 'b.yaml': b }, [version('c.yaml', trust('a.test', [c]))]),
        before: 'A C',
        after: 'C',
      },
    };
    for (const [name, { ledger, before, after }] of Object.entries(cases))
      test(name, () => {
        assert.deepEqual(inForce(ledger), [`default/a.test: ${before}`]);
        assert.deepEqual(codes(ledger), ['MT001']);
        ledger.apply('files', [{ kind: 'synced' }], 2);
        assert.deepEqual(inForce(ledger), [`default/a.test: ${after}`]);
      });

    test('was read, and then the file is read: the first by path is in force, and the other is reported', () => {
      const ledger = restart({ 'a.yaml': a }, [version('b.yaml', trust('a.test', [b]))]);
      ledger.apply('files', [version('a.yaml', trust('a.test', [a]))], 2);
      assert.deepEqual(inForce(ledger), ['default/a.test: A']);
      assert.deepEqual(codes(ledger), ['MT001', 'MT004']);
    });
  });

  test('apply → returns the paths whose grants changed', () => {
    const ledger = makeLedger();
    assert.deepEqual(ledger.apply('files', [version('1.yaml', trust('a.test', [a]))], 0), ['1.yaml']);
    assert.deepEqual(ledger.apply('files', [version('1.yaml', 'a: [')], 1), []);
    assert.deepEqual(ledger.apply('files', [gone('1.yaml')], 2), ['1.yaml']);
    assert.deepEqual(ledger.apply('files', [gone('1.yaml')], 3), []);
  });
});
