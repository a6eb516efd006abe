import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { makeCa } from '../../kit/certificates.ts';
import { codes, gone, inForce, makeLedger, version } from '../../kit/ledger.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';

const ca = makeCa({ commonName: 'A' });
const trust = (name: string): string =>
  meshTrustYaml({ name, trustDomain: `${name}.test`, pems: [ca.certPem] });
const object = (name: string): string =>
  trust(name)
    .replace('type: MeshTrust', 'apiVersion: kuma.io/v1alpha1\nkind: MeshTrust')
    .replace(`name: ${name}`, `metadata: { name: ${name} }`);
const spec = 'spec:\n  trustDomain: a.test\n  caBundles: []\n';
const configMap = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: c }\n';

/** The trust in force and the codes of the findings, after one text has replaced another in the same file. */
function after(before: string, now: string): readonly [inForce: string, codes: string] {
  const ledger = makeLedger();
  ledger.apply('files', [version('t.yaml', before)], 0);
  ledger.apply('files', [version('t.yaml', now)], 1);
  return [inForce(ledger).join(), codes(ledger).join()];
}

const kept = 'default/a.test: A';
const unrecognised: Readonly<Record<string, string>> = {
  'type: Meshtrust': trust('a').replace('MeshTrust', 'Meshtrust'),
  'type: MeshTrsut': trust('a').replace('MeshTrust', 'MeshTrsut'),
  'type: MeshTrusts': trust('a').replace('MeshTrust', 'MeshTrusts'),
  'a zero-width space in the type': trust('a').replace('MeshTrust', 'Mesh\u200bTrust'),
  'a zero-width space before the key': `\u200b${trust('a')}`,
  'Kind for kind': object('a').replace('kind:', 'Kind:'),
  'kind and type': object('a').replace('kind: MeshTrust', 'kind: Other\ntype: MeshTrust'),
  'kind: null beside the type': trust('a').replace('type:', 'kind: null\ntype:'),
  'apiVersion: kuma.i0/v1alpha1': object('a').replace('kuma.io', 'kuma.i0'),
  'apiVersion: Kuma.io/v1alpha1': object('a').replace('kuma.io', 'Kuma.io'),
  'apiVersion: kuma.io': object('a').replace('kuma.io/v1alpha1', 'kuma.io'),
  'apiVersion: v1alpha1': object('a').replace('kuma.io/v1alpha1', 'v1alpha1'),
  'apiVersion: kuma/v1alpha1': object('a').replace('kuma.io', 'kuma'),
  'apiVersion: /v1alpha1': object('a').replace('kuma.io', ''),
  'an empty apiVersion': object('a').replace('kuma.io/v1alpha1', "''"),
  'an apiVersion without a group and no spec': 'apiVersion: v1\nkind: MeshTrust\nmetadata: { name: a }\n',
  'another kind without a group, with the same spec': object('a')
    .replace('kuma.io/v1alpha1', 'v1')
    .replace('MeshTrust', 'Trust'),
  'another kind of the same group with the same spec': `apiVersion: kuma.io/v1alpha1\nkind: Trust\nmetadata: { name: a }\n${spec}`,
  'the spec alone': spec,
  'a file that SOPS encrypted':
    'type: ENC[AES256_GCM,data:AAAA]\nname: ENC[AES256_GCM,data:AAAA]\nsops:\n  version: 3.9.0\n',
  'an error of the Kubernetes API': 'apiVersion: v1\nkind: Status\nstatus: Failure\ncode: 403\n',
  'an error of the API of Kuma': 'type: /std-errors\nstatus: 404\ntitle: Not Found\n',
  'a document without a kind': 'replicas: 1\n',
  'an object of another kind': configMap,
  'a MeshTrust of another API group': object('a').replace('kuma.io', 'example.com'),
  'an empty list': 'apiVersion: v1\nkind: List\nitems: []\n',
  'one page of a list': '{"total": 9, "next": "http://x", "items": []}\n',
  "a list of Kuma's API with null in it": '{"total": 1, "items": [null]}\n',
  "a list of Kuma's API with names": '{"total": 1, "items": ["a"]}\n',
  'a list with a list in it': 'apiVersion: v1\nkind: List\nitems: [[]]\n',
  'a kind that is a mapping': 'kind: { a: b }\nmetadata: { name: a }\n',
  'a kind of white space': "kind: ' '\nmetadata: { name: a }\n",
};

/** Replacements that clearly remove a MeshTrust from a file with another one. */
const removesOnPurpose: ReadonlySet<string> = new Set(['an object of another kind', 'an empty list']);

suite('file of two MeshTrusts › one of them replaced by', () => {
  for (const [what, text] of Object.entries(unrecognised))
    if (!removesOnPurpose.has(what))
      for (const [order, now] of [
        ['first', `${text}---\n${trust('b')}`],
        ['last', `${trust('b')}---\n${text}`],
      ] as const)
        test(`${what}, ${order} in the file → its trust stays, with an error`, () => {
          const [trusted, found] = after(`${trust('a')}---\n${trust('b')}`, now);
          assert.equal(trusted, `${kept},default/b.test: A`);
          assert.match(found, /MT009/);
        });

  test('a second document without a kind → its trust stays, with an error', () => {
    const values = '---\nreplicas: 1\n';
    const [trusted, found] = after(
      `${trust('a')}---\n${trust('b')}${values}`,
      `${values}${values}---\n${trust('b')}`,
    );
    assert.deepEqual([trusted, found], [`${kept},default/b.test: A`, 'MT009,MT040']);
  });
});

suite('file with trust › replaced by', () => {
  for (const [what, text] of Object.entries(unrecognised)) {
    test(`${what} → its trust stays, with an error`, () => {
      const [trusted, found] = after(trust('a'), text);
      assert.equal(trusted, kept);
      assert.match(found, /MT009/);
      assert.match(found, /MT040/);
    });
    test(`${what} after a restart → its trust stays`, () => {
      const ledger = makeLedger();
      ledger.apply('files', [version('t.yaml', trust('a'))], 0);
      const grants = ledger.grantsOf('files', 't.yaml');
      const next = makeLedger();
      next.apply('files', [{ kind: 'restored', path: 't.yaml', grants }], 0);
      next.apply('files', [version('t.yaml', text), { kind: 'synced' }], 1);
      assert.equal(inForce(next).join(), kept);
    });
  }

  test('a BOM at the beginning of a document → read as if it were not there', () => {
    assert.deepEqual(after(trust('a'), `\ufeff${trust('a')}---\n\ufeff${trust('b')}`), [
      `${kept},default/b.test: A`,
      '',
    ]);
    assert.deepEqual(after(trust('a'), `${trust('a')}---\n# comment\n\n\ufeff${trust('b')}`)[1], '');
  });

  test('a BOM inside a document → its trust stays, with an error', () => {
    const [trusted, found] = after(trust('a'), trust('a').replace('name:', '\ufeffname:'));
    assert.deepEqual([trusted, found], [kept, 'MT002,MT040']);
  });
});

suite('file of several documents › one of them', () => {
  const both = `${trust('a')}---\n${trust('b')}`;

  test('is misspelt → it stays, and the other is applied', () => {
    const [trusted, found] = after(both, `${trust('a').replace('MeshTrust', 'MeshTrst')}---\n${trust('b')}`);
    assert.equal(trusted, 'default/a.test: A,default/b.test: A');
    assert.equal(found, 'MT009,MT040');
  });

  test('is misspelt, and another is removed → only the misspelt one stays', () => {
    assert.equal(after(both, trust('a').replace('MeshTrust', 'MeshTrst'))[0], kept);
  });

  test('is encrypted, so its name cannot be read → every missing resource stays', () => {
    assert.equal(
      after(both, `${trust('b')}---\nsops: { version: 1 }\n`)[0],
      'default/a.test: A,default/b.test: A',
    );
  });

  test('is removed → its trust is removed', () => {
    assert.deepEqual(after(both, trust('b')), ['default/b.test: A', '']);
  });

  test('is removed beside an object of another kind that was in the file before → its trust is removed', () => {
    const ledger = makeLedger();
    // Two more files, because the guard would hold the loss of the only one.
    ledger.apply('files', [version('u.yaml', trust('b')), version('v.yaml', trust('c'))], 0);
    ledger.apply('files', [version('t.yaml', `${trust('a')}---\n${configMap}`)], 0);
    ledger.apply('files', [version('t.yaml', configMap)], 1);
    assert.deepEqual(inForce(ledger), ['default/b.test: A', 'default/c.test: A']);
    assert.deepEqual(codes(ledger), []);
  });

  test('is replaced by an object of another kind beside a MeshTrust that stays → its trust is removed', () => {
    assert.deepEqual(after(both, `${trust('b')}---\n${configMap}`), ['default/b.test: A', '']);
  });

  test('is replaced by a document without a kind beside a MeshTrust that stays → its trust stays', () => {
    const [trusted, found] = after(both, `${trust('b')}---\nreplicas: 1\n`);
    assert.equal(trusted, 'default/a.test: A,default/b.test: A');
    assert.match(found, /MT009/);
  });

  test('is removed while a document without a kind stays unchanged → its trust is removed', () => {
    const values = '---\nname: values\n';
    assert.deepEqual(after(both + values, trust('b') + values), ['default/b.test: A', '']);
  });
});

suite('file with trust › later', () => {
  test('is unrecognised and then deleted → its trust is removed', () => {
    const ledger = makeLedger();
    ledger.apply(
      'files',
      [version('t.yaml', trust('a')), version('u.yaml', trust('b')), version('v.yaml', trust('c'))],
      0,
    );
    ledger.apply('files', [version('t.yaml', configMap)], 1);
    assert.equal(inForce(ledger).length, 3);
    ledger.apply('files', [gone('t.yaml')], 2);
    assert.deepEqual(inForce(ledger), ['default/b.test: A', 'default/c.test: A']);
    assert.deepEqual(codes(ledger), []);
  });

  test('is unrecognised and read again unchanged → its trust stays', () => {
    const ledger = makeLedger();
    ledger.apply('files', [version('t.yaml', trust('a'))], 0);
    for (const settled of [false, true, true])
      ledger.apply('files', [version('t.yaml', configMap, settled)], 1);
    assert.equal(inForce(ledger).join(), kept);
  });

  test('is correct again → no finding is left', () => {
    const ledger = makeLedger();
    for (const text of [trust('a'), trust('a').replace('MeshTrust', 'Meshtrust'), trust('a')])
      ledger.apply('files', [version('t.yaml', text)], 1);
    assert.deepEqual([inForce(ledger).join(), codes(ledger)], [kept, []]);
  });
});

suite('file that never had trust', () => {
  test('has objects of other kinds → no finding, and the objects are counted by kind', () => {
    const ledger = makeLedger();
    ledger.apply('files', [version('t.yaml', `${configMap}---\nreplicas: 1\n---\n${configMap}`)], 0);
    assert.deepEqual(codes(ledger), []);
    assert.deepEqual(
      [...(ledger.view().sources[0]?.otherKinds ?? [])],
      [
        ['ConfigMap', 2],
        ['without a kind', 1],
      ],
    );
  });

  test('has a Secret that SOPS encrypted → no finding, since its kind is legible', () => {
    const ledger = makeLedger();
    const secret =
      'apiVersion: v1\nkind: Secret\ndata: { a: "ENC[AES256_GCM,data:AAAA]" }\nsops: { version: 3.9.0 }\n';
    ledger.apply('files', [version('t.yaml', `${secret}---\nkind: Film\nstatus: 1\ntitle: x\n`)], 0);
    assert.deepEqual(codes(ledger), []);
  });

  test('has a near miss → an error', () => {
    const ledger = makeLedger();
    ledger.apply('files', [version('t.yaml', trust('a').replace('MeshTrust', 'Meshtrust'))], 0);
    assert.deepEqual([codes(ledger), ledger.view().sources[0]?.rejected], [['MT009'], 1]);
  });
});
