import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { formatFinding } from '../../../src/trust/findings/finding.ts';
import { defaultLimits } from '../../../src/trust/model/limits.ts';
import { parseFile } from '../../../src/trust/model/parse-file.ts';
import type { ParsedFile } from '../../../src/trust/model/parse-file.ts';
import { createAnchorReader } from '../../../src/trust/x509/anchor-reader.ts';
import { makeCa } from '../../kit/certificates.ts';
import { parse } from '../../kit/resources.ts';

const ca = makeCa({ commonName: 'Root A' });
const indented = (pem: string, by: number): string => pem.trimEnd().replaceAll(/^/gm, ' '.repeat(by));

const kubernetes = (change: { readonly [key: string]: string } = {}): string =>
  `apiVersion: ${change['apiVersion'] ?? 'kuma.io/v1alpha1'}
kind: MeshTrust
metadata:
  name: ${change['name'] ?? 'zone-2'}
  namespace: kuma-system
  labels:
    kuma.io/mesh: ${change['mesh'] ?? 'payments'}
spec:
  trustDomain: ${change['trustDomain'] ?? 'zone-2.example'}
  caBundles:
    - type: ${change['type'] ?? 'Pem'}
      pem:
        value: |
${indented(change['pem'] ?? ca.certPem, 10)}
${change['more'] ?? ''}`;

const universal = `type: MeshTrust
name: zone-2
mesh: payments
labels:
  kuma.io/origin: zone
spec:
  trustDomain: zone-2.example
  caBundles:
    - type: Pem
      pem: { value: ${JSON.stringify(ca.certPem)} }
`;

function resources(parsed: ParsedFile): readonly string[] {
  assert.equal(parsed.kind, 'documents', JSON.stringify(parsed));
  return parsed.documents.map((document) =>
    document.kind === 'mesh-trust'
      ? `${document.resource.identity} ${document.resource.trustDomain}`
      : 'invalid',
  );
}

function sentences(parsed: ParsedFile): readonly string[] {
  const findings =
    parsed.kind === 'refused'
      ? parsed.findings
      : parsed.documents.flatMap((document) => (document.kind === 'invalid' ? document.findings : []));
  return findings.map(formatFinding);
}

suite('parseFile', () => {
  test('Kubernetes form → parsed', () => {
    assert.deepEqual(resources(parse(kubernetes())), ['payments/kuma-system/zone-2 zone-2.example']);
  });

  test('Universal form → parsed', () => {
    assert.deepEqual(resources(parse(universal)), ['payments//zone-2 zone-2.example']);
  });

  test('no mesh → the default mesh', () => {
    assert.deepEqual(resources(parse(universal.replace('mesh: payments\n', ''))), [
      'default//zone-2 zone-2.example',
    ]);
    const bare = kubernetes().replace(/ {2}labels:\n.*\n/, '');
    assert.deepEqual(resources(parse(bare)), ['default/kuma-system/zone-2 zone-2.example']);
  });

  test('JSON, also indented with tabs → parsed', () => {
    const value = {
      type: 'MeshTrust',
      name: 'j',
      spec: { trustDomain: 'j.example', caBundles: [{ type: 'Pem', pem: { value: ca.certPem } }] },
    };
    assert.deepEqual(resources(parse(JSON.stringify(value), 'a.json')), ['default//j j.example']);
    assert.deepEqual(resources(parse(JSON.stringify(value, null, '\t'), 'a.json')), ['default//j j.example']);
  });

  test('several documents → MeshTrusts are parsed, and other kinds are counted', () => {
    const parsed = parse(`${kubernetes()}\n---\nkind: ConfigMap\napiVersion: v1\n---\n${universal}---\n`);
    assert.deepEqual(resources(parsed), [
      'payments/kuma-system/zone-2 zone-2.example',
      'payments//zone-2 zone-2.example',
    ]);
    assert.deepEqual(parsed.kind === 'documents' && parsed.others.map(({ label }) => label), ['ConfigMap']);
  });

  test('List, also an empty one → parsed', () => {
    const list = `apiVersion: v1\nkind: List\nitems:\n${kubernetes().trimEnd().replaceAll(/^/gm, '    ').replace('    ', '  - ')}\n`;
    assert.deepEqual(resources(parse(list)), ['payments/kuma-system/zone-2 zone-2.example']);
    assert.deepEqual(resources(parse('apiVersion: v1\nkind: List\nitems: []\n')), []);
  });

  test('MeshTrust of another API group with another spec → another kind', () => {
    const parsed = parse(
      kubernetes({ apiVersion: 'example.com/v1' }).replace(/spec:[^]*/, 'spec: { trustDomain: a.test }\n'),
    );
    assert.deepEqual(
      parsed.kind === 'documents' && [parsed.documents, parsed.others.map(({ label }) => label)],
      [[], ['MeshTrust of another API group']],
    );
  });

  test('origin in the spec or, from newer control planes, in the status → parsed', () => {
    for (const [section, indent] of [
      ['spec', '  '],
      ['status', ''],
    ] as const) {
      const more =
        section === 'spec' ? `${indent}origin: { kri: kri_a }` : 'status: { origin: { kri: kri_a } }';
      const parsed = parse(kubernetes({ more }));
      const [document] = parsed.kind === 'documents' ? parsed.documents : [];
      assert.equal(document?.kind === 'mesh-trust' && document.resource.originKri, 'kri_a', section);
    }
  });

  test('refused block → file, line, path and block number', () => {
    const broken = ca.certPem.replace(/\n(.)/, '\n!');
    const parsed = parse(kubernetes({ pem: ca.certPem + broken }), 'trust/zone-2.yaml');
    const [document] = parsed.kind === 'documents' ? parsed.documents : [];
    const refused = document?.kind === 'mesh-trust' ? document.resource.blocks[1] : undefined;
    const line = 13 + ca.certPem.trimEnd().split('\n').length + 1;
    assert.equal(refused?.kind, 'refused');
    assert.equal(refused.code, 'MT013');
    assert.deepEqual(refused.place, {
      file: 'trust/zone-2.yaml',
      line,
      resource: 'payments/kuma-system/zone-2',
      path: 'spec.caBundles[0].pem.value',
      block: 2,
    });
  });

  test('several violations → all reported at once, each with its line and path', () => {
    const text = `type: MeshTrust
name: Bad_Name
mesh: 7
spec:
  trustDomain: spiffe://a.test
  caBundles:
    - type: Jwks
      pem: {}
    - pem:
        value: 1
    - text
`;
    assert.deepEqual(sentences(parse(text, 'bad.yaml')), [
      'bad.yaml:3 mesh: MT003 mesh must be a string',
      "bad.yaml:2 name: MT003 name must be at most 253 lower case letters, digits, '-', '_' or '.', and begin and end with a letter or digit",
      'bad.yaml:5 spec.trustDomain: MT008 trustDomain must be the bare name, without spiffe://',
      "bad.yaml:7 spec.caBundles[0].type: MT003 type must be 'Pem'",
      'bad.yaml:8 spec.caBundles[0].pem.value: MT003 value is required',
      'bad.yaml:9 spec.caBundles[1].type: MT003 type is required',
      'bad.yaml:10 spec.caBundles[1].pem.value: MT003 value must be a string',
      'bad.yaml:11 spec.caBundles[2]: MT003 caBundles[2] must be a mapping',
    ]);
  });

  test('invalid resource with a refused block → both are reported', () => {
    const broken = ca.certPem.replace(/\n(.)/, '\n!');
    const found = sentences(parse(kubernetes({ trustDomain: 'A.test', pem: ca.certPem + broken })));
    assert.equal(found.length, 2, found.join('\n'));
    assert.match(found[0] ?? '', /spec\.trustDomain: MT008/);
    assert.match(found[1] ?? '', /spec\.caBundles\[0\]\.pem\.value block 2: MT013/);
  });

  test('bundle of another type without a PEM text → only its type is reported', () => {
    const found = sentences(parse(universal.replace(/type: Pem\n.*$/m, 'type: Vault')));
    assert.equal(found.length, 1, found.join('\n'));
    assert.match(found[0] ?? '', /spec\.caBundles\[0\]\.type: MT003 type must be 'Pem'/);
  });

  const trustDomains: Readonly<Record<string, RegExp>> = {
    'A.test': /lower case/,
    'spiffe://a.test': /without spiffe/,
    'a.test/ns': /slash/,
    'a.test:80': /may have only/,
    '"*"': /may have only/,
    '""': /must not be empty/,
    ['a'.repeat(254)]: /at most 253/,
    'deny-all.invalid': /reserved for the deny-all secret/,
    '12': /must be a string/,
  };
  for (const [name, reason] of Object.entries(trustDomains)) {
    test(`trust domain ${name.slice(0, 30)} → refused`, () => {
      const [sentence = ''] = sentences(parse(kubernetes({ trustDomain: name })));
      assert.match(sentence, /spec\.trustDomain: MT00[38]/);
      assert.match(sentence, reason);
    });
  }

  test('trust domain of 253 characters, the limit of SPIFFE → accepted', () => {
    const parsed = parse(kubernetes({ trustDomain: 'a'.repeat(253) }));
    assert.deepEqual(sentences(parsed), []);
    assert.equal(parsed.kind === 'documents' && parsed.documents[0]?.kind, 'mesh-trust');
  });

  test('document of exactly the maximum length → accepted, and of one more character → refused', () => {
    const { length } = universal;
    const limited = (documentLength: number): ParsedFile =>
      parseFile('a.yaml', universal, {
        defaultMesh: 'default',
        reader: createAnchorReader(),
        limits: { ...defaultLimits, documentLength },
      });
    assert.equal(limited(length).kind, 'documents', JSON.stringify(limited(length)));
    assert.match(sentences(limited(length - 1))[0] ?? '', new RegExp(`MT007 .* ${length} characters`));
  });

  test('resource without a usable certificate → refused, with a reason for each block', () => {
    const leaf = '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----';
    const found = sentences(parse(kubernetes({ pem: leaf })));
    assert.match(found[0] ?? '', /MT005 the resource has no usable CA certificate/);
    assert.match(found[1] ?? '', /MT010/);
  });

  test('resource with more than 1,000 blocks → refused', () => {
    const [sentence] = sentences(
      parse(universal.replace(/value: .*$/m, `value: ${JSON.stringify(ca.certPem.repeat(1001))} }`)),
    );
    assert.match(sentence ?? '', /MT007 the resource has 1001 PEM blocks/);
  });

  const wholeFiles: Readonly<Record<string, readonly [text: string, code: string]>> = {
    'an empty file': ['', 'MT006'],
    'a file of blanks': [' \n\n', 'MT006'],
    'a file of comments': ['# nothing\n', 'MT006'],
    'a file of document ends': ['---\n---\n', 'MT006'],
    'a syntax error': ['a: [1\n', 'MT002'],
    'a syntax error in one of several documents': [`${universal}---\n"a: b\n`, 'MT002'],
    'a duplicate key': ['a: 1\na: 2\n', 'MT002'],
    'a text': ['apiVersion\n', 'MT002'],
    'a list': ['- a\n', 'MT002'],
    'an unresolved alias': ['a: *b\n', 'MT002'],
    'an alias bomb': [bomb(), 'MT002'],
    'a document over the limit': [`${universal}# ${'x'.repeat(1024 * 1024)}\n`, 'MT007'],
    'truncated JSON': ['{"type": "MeshTrust", "name": "a"', 'MT002'],
  };
  for (const [name, [text, code]] of Object.entries(wholeFiles)) {
    test(`${name} → the whole file is refused`, () => {
      const parsed = parse(text);
      assert.equal(parsed.kind, 'refused', JSON.stringify(parsed));
      assert.equal(parsed.findings[0]?.code, code);
    });
  }

  test('PEM file instead of a MeshTrust → the finding says where the certificates belong', () => {
    const place = 'put it into spec.caBundles[0].pem.value of one';
    const cases = [
      [ca.certPem, 1],
      [`# CN=A\n${ca.certPem}${ca.certPem}`, 2],
      [ca.certPem.replaceAll('\n', '\r\n'), 1],
    ] as const;
    for (const [text, line] of cases)
      assert.deepEqual(sentences(parse(text, 'ca.pem')), [
        `ca.pem:${line}: MT002 the document is PEM, not a MeshTrust: ${place}`,
      ]);
  });

  test('syntax error → its line', () => {
    assert.match(sentences(parse(`${universal}---\na: [1\n`, 'x.yaml'))[0] ?? '', /^x\.yaml:1[0-9]: MT002 /);
  });

  test('invalid document with a legible identity → the identity', () => {
    const parsed = parse(kubernetes({ type: 'Jwks' }));
    const [document] = parsed.kind === 'documents' ? parsed.documents : [];
    assert.equal(document?.kind === 'invalid' && document.identity, 'payments/kuma-system/zone-2');
  });
});

function bomb(): string {
  const levels = Array.from(
    { length: 9 },
    (_, level) =>
      `a${level + 1}: &a${level + 1} [${Array.from({ length: 9 }, () => `*a${level}`).join(', ')}]`,
  );
  return ['a0: &a0 [x]', ...levels, ''].join('\n');
}
