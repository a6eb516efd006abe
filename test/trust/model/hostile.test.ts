import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from '../../kit/fast-check.ts';
import { parseFileSteps } from '../../../src/trust/model/parse-file.ts';
import type { ParsedFile } from '../../../src/trust/model/parse-file.ts';
import { readYaml } from '../../../src/trust/model/read-yaml.ts';
import { createAnchorReader } from '../../../src/trust/x509/anchor-reader.ts';
import { makeCa, makeIntermediate, makeKey } from '../../kit/certificates.ts';
import { splitDocuments } from '../../../src/trust/model/split-documents.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';

const options = { defaultMesh: 'default', reader: createAnchorReader() };
const mebibyte = 1024 * 1024;
const ca = makeCa();

/** Parses a text and counts the steps. */
function parse(text: string): { readonly steps: number; readonly parsed: ParsedFile } {
  const reading = parseFileSteps('t.yaml', text, options);
  for (let steps = 1; ; steps += 1) {
    const { done, value } = reading.next();
    if (done === true) return { steps, parsed: value };
  }
}

/** Returns the code, line and sentence of the finding that refuses a text. */
function refusal(text: string): string {
  const { parsed } = parse(text);
  assert.equal(parsed.kind, 'refused');
  const [found] = parsed.kind === 'refused' ? parsed.findings : [];
  return `${found?.code} ${found?.line} ${found?.message}`;
}

suite('hostile file › refused before the YAML parser', () => {
  const table: Readonly<Record<string, readonly [text: string, refusal: RegExp]>> = {
    '14 MiB of numbers': [
      `a: [${'1,'.repeat(7 * mebibyte)}]`,
      /^MT007 1 the document has more than 1048576 char/,
    ],
    'a mebibyte of numbers': [
      `a: [${'1,'.repeat(mebibyte / 2 - 10)}]`,
      /^MT007 1 the document has too many val/,
    ],
    'a mebibyte of items': ['- 1\n'.repeat(mebibyte / 4), /^MT007 1 the document has too many values/],
    'a mebibyte of escapes': [
      `a: "${'\\n'.repeat(mebibyte / 2)}"`,
      /^MT007 1 the document has too many values/,
    ],
    'a mebibyte of short lines': [
      `a: |\n${'  x\n'.repeat(mebibyte / 4)}`,
      /^MT007 1 the document has too many/,
    ],
    'many documents': [
      '---\na: 1\n'.repeat(10_001),
      /^MT007 undefined the file has more than 10000 documents/,
    ],
    'numbers in the second document': [
      `kind: ConfigMap\n---\na: [${'1,'.repeat(mebibyte / 2 - 10)}]`,
      /^MT007 2 the document has too many values/,
    ],
    'a mebibyte of lines that end in a carriage return': [
      `a: |\r${' x\r'.repeat(mebibyte / 3)}`,
      /^MT007 1 the document has too many values/,
    ],
    'a mebibyte of escapes in single quotes': [
      `a: '${"''".repeat(mebibyte / 2)}'`,
      /^MT007 1 the document has too many values/,
    ],
    'a list of tags': [`a: [${'!!str 1,'.repeat(10_000)}]`, /^MT007 1 the document has too many values/],
    'a list of anchors': [`a: [${'&a 1,'.repeat(12_000)}]`, /^MT007 1 the document has too many values/],
    'a list of 20,000 numbers': [`a: [${'1,'.repeat(20_000)}]`, /^MT007 1 the document has too many values/],
    '240 documents that are as full as one may be': [
      `---\na: [${'1,'.repeat(16_000)}]\n`.repeat(240),
      /^MT007 65 the file has too many values, lines or escapes for a MeshTrust$/,
    ],
    'collections nested a hundred deep': [
      `a: ${'['.repeat(100)}${']'.repeat(100)}`,
      /^MT002 1 the YAML cannot be read: collections are nest/,
    ],
  };
  for (const [what, [text, expected]] of Object.entries(table))
    test(`${what} → refused, with the reason`, () => assert.match(refusal(text), expected));
});

suite('hostile document › gets a bounded number of findings', () => {
  const sound = meshTrustYaml({ name: 'a', trustDomain: 'a.test', pems: [ca.certPem] });
  const lines = (line: (index: number) => string): string =>
    Array.from({ length: 12_000 }, (_, index) => `${line(index)}\n`).join('');
  const table: Readonly<Record<string, readonly [text: string, count: number]>> = {
    'fields that do not exist': [sound + lines((index) => `k${index}: 1`), 101],
    'fields of the spec that do not exist': [
      sound.replace('spec:\n', `spec:\n${lines((index) => `  k${index}: 1`)}`),
      101,
    ],
    'bundles that are no mappings': [
      `type: MeshTrust\nname: a\nspec:\n  trustDomain: a.test\n  caBundles:\n${lines(() => '    - 1')}`,
      101,
    ],
    'more blocks than the limit': [
      meshTrustYaml({ name: 'a', trustDomain: 'a.test', pems: ['-----END CERTIFICATE-----\n'.repeat(5000)] }),
      1,
    ],
  };
  for (const [what, [text, count]] of Object.entries(table))
    test(what, () => {
      const { parsed } = parse(text);
      assert.ok(parsed.kind === 'documents', JSON.stringify(parsed));
      const [document] = parsed.documents;
      const found = document?.kind === 'mesh-trust' ? document.remarks : document?.findings;
      assert.equal(found?.length, count);
      if (count > 1)
        assert.equal(
          found?.at(-1)?.message,
          'the resource has more findings of this kind, which are not listed',
        );
    });
});

suite('large valid file', () => {
  test('document of 900 certificates → parsed', () => {
    const text = meshTrustYaml({ name: 'a', trustDomain: 'a.test', pems: [ca.certPem.repeat(900)] });
    assert.ok(text.length > mebibyte / 2);
    assert.equal(parse(text).parsed.kind, 'documents');
  });

  test('document of 200 certificates with the text that openssl prints → parsed', () => {
    const dump = `Serial: ${'0a:'.repeat(600)}\n`;
    const text = meshTrustYaml({
      name: 'a',
      trustDomain: 'a.test',
      pems: [(dump + ca.certPem).repeat(200)],
    });
    assert.equal(parse(text).parsed.kind, 'documents');
  });

  test('file of 9,000 documents with a certificate each → parsed', () => {
    const text = meshTrustYaml({ name: 'a', trustDomain: 'a.test', pems: [ca.certPem] });
    assert.equal(parse(`---\n${text}`.repeat(9000)).parsed.kind, 'documents');
  });

  test('several documents → one step per document, and findings have their line in the file', () => {
    const one = meshTrustYaml({ name: 'a', trustDomain: 'A.test', pems: [ca.certPem] });
    const { steps, parsed } = parse(`${one}---\n${one}--- # third\n${one}`);
    assert.equal(steps, 3);
    assert.ok(parsed.kind === 'documents');
    const lines = parsed.documents.map((document) =>
      document.kind === 'invalid' ? document.findings[0]?.line : undefined,
    );
    const length = one.split('\n').length;
    assert.deepEqual(lines, [5, 5 + length, 5 + 2 * length]);
  });

  test('document of 100 different certificates → parsed in steps', () => {
    const key = makeKey();
    const pems = Array.from(
      { length: 100 },
      (_, index) => makeCa({ commonName: `CA ${index}`, key }).certPem,
    );
    const { steps, parsed } = parse(
      meshTrustYaml({ name: 'a', trustDomain: 'a.test', pems: [pems.join('')] }),
    );
    assert.equal(steps, 5);
    assert.ok(parsed.kind === 'documents');
    const [document] = parsed.documents;
    assert.equal(document?.kind === 'mesh-trust' && document.resource.blocks.length, 100);
  });

  test('document of 100 certificates in texts of their own → parsed in steps', () => {
    const key = makeKey();
    const pems = Array.from({ length: 100 }, (_, index) => makeCa({ commonName: `B ${index}`, key }).certPem);
    assert.equal(parse(meshTrustYaml({ name: 'a', trustDomain: 'a.test', pems })).steps, 5);
  });

  test('document of a CA and 100 intermediates below it → their signatures are verified in further steps', () => {
    const [root, key] = [makeCa({ commonName: 'Root' }), makeKey()];
    const below = Array.from({ length: 100 }, (_, index) =>
      makeIntermediate(root, { commonName: `Below ${index}`, key }),
    );
    const pem = [root, ...below].map(({ certPem }) => certPem).join('');
    assert.equal(parse(meshTrustYaml({ name: 'a', trustDomain: 'a.test', pems: [pem] })).steps, 5 + 10);
  });

  test('list of 120 items → parsed in steps', () => {
    const { steps, parsed } = parse(`kind: List\nitems:\n${'- kind: ConfigMap\n'.repeat(120)}`);
    assert.equal(steps, 3);
    assert.equal(parsed.kind === 'documents' && parsed.others.length, 120);
  });

  test('three hyphens inside a value, or more than three → no new document', () => {
    const { parsed } = parse('kind: ConfigMap\na: |\n  ---\n  x\n----\n');
    assert.equal(parsed.kind, 'refused');
    assert.equal(parse('kind: ConfigMap\na: |\n  ---\n  x\n').steps, 1);
  });

  const directives: Readonly<Record<string, string>> = {
    'before the first document': '%YAML 1.2\n---\nkind: ConfigMap\n---\nkind: Secret\n',
    'after a comment': '# Copyright\n%YAML 1.2\n---\nkind: ConfigMap\n---\nkind: Secret\n',
    'after empty lines': '\n \t\n  # c\n%YAML 1.2\n---\nkind: ConfigMap\n---\nkind: Secret\n',
    'after a byte order mark': '\ufeff%YAML 1.2\n---\nkind: ConfigMap\n---\nkind: Secret\n',
    'after a comment and a byte order mark':
      '# c\n\ufeff%YAML 1.2\n---\nkind: ConfigMap\n---\nkind: Secret\n',
    'with a comment before the marker': '%YAML 1.2\n# c\n\n---\nkind: ConfigMap\n---\nkind: Secret\n',
    'of two kinds': '%YAML 1.2\n# c\n%TAG !a! tag:a,2000:\n---\nkind: ConfigMap\n---\nkind: Secret\n',
    'of the second document': 'kind: ConfigMap\n...\n%YAML 1.2\n---\nkind: Secret\n',
    'of the second document, after a comment':
      '---\nkind: ConfigMap\n... # end\n\n# c\n%YAML 1.2\n---\nkind: Secret\n',
    'of the second document, after a byte order mark':
      'kind: ConfigMap\n...\n\ufeff%YAML 1.2\n---\nkind: Secret\n',
    'of both documents': '# c\n%YAML 1.2\n---\nkind: ConfigMap\n...\n...\n%YAML 1.2\n---\nkind: Secret\n',
    'and a value that looks like one':
      '# c\n%YAML 1.2\n---\nkind: ConfigMap\na: |\n  ...\n  %YAML 1.2\n  ---\n---\nkind: Secret\n',
  };
  for (const [where, text] of Object.entries(directives))
    for (const [ends, end] of Object.entries({ LF: '\n', CRLF: '\r\n' }))
      test(`directive ${where}, lines end in ${ends} → parsed as two documents`, () => {
        const { steps, parsed } = parse(text.replaceAll('\n', end));
        assert.deepEqual(parsed.kind === 'documents' && parsed.others.map(({ label }) => label), [
          'ConfigMap',
          'Secret',
        ]);
        assert.equal(steps, 2);
      });

  test('directive of the second document → findings of both have their line in the file', () => {
    const one = meshTrustYaml({ name: 'a', trustDomain: 'A.test', pems: [ca.certPem] });
    const { parsed } = parse(`# c\n%YAML 1.2\n---\n${one}...\n# c\n%YAML 1.2\n---\n${one}`);
    assert.ok(parsed.kind === 'documents');
    const lines = parsed.documents.map((document) =>
      document.kind === 'invalid' ? document.findings[0]?.line : undefined,
    );
    assert.deepEqual(lines, [5 + 3, 5 + 3 + one.split('\n').length - 1 + 4]);
  });

  for (const [what, text] of Object.entries({
    'ends of documents': '...\n',
    'ends of documents with comments': '...\n# c\n# c\n',
    comments: '# c\n',
    'empty lines': '\n',
    directives: '%YAML 1.2\n',
    'directives after ends of documents': '...\n%A\n---\n',
  }))
    test(`a mebibyte of ${what} → split in one pass`, () => {
      const all = `a: 1\n${text.repeat(Math.floor(mebibyte / text.length))}`;
      const begin = performance.now();
      for (const whole of [all, `# c\n${text}${all}`])
        assert.equal([...splitDocuments(whole, mebibyte)].map((part) => part.text).join(''), whole);
      assert.ok(performance.now() - begin < 2000, `${performance.now() - begin} ms`);
    });
});

suite('YAML error › names its cause', () => {
  const table: Readonly<Record<string, readonly [text: string, reason: string]>> = {
    'a backslash in double quotes': ['a: "C:\\dir"\n', 'an escape is unknown'],
    'an unknown tag': ['a: !x b\n', 'a tag is unknown'],
    'an unknown tag of a list': ['a: !x [b]\n', 'a tag is unknown'],
    'an unknown tag of a mapping': ['a: !x { b: c }\n', 'a tag is unknown'],
    'an alias without an anchor': ['a: *b\n', 'an alias has no anchor'],
  };
  for (const [what, [text, reason]] of Object.entries(table))
    test(what, () => assert.equal(refusal(text), `MT002 1 the YAML cannot be read: ${reason}`));
});

suite('YAML error › does not quote the file', () => {
  const secret = 'c2VjcmV0';
  const table: Readonly<Record<string, string>> = {
    'an alias without an anchor': `a: *${secret}\n`,
    'an unknown tag': `a: !${secret} b\n`,
    'an unknown verbatim tag': `a: !<tag:${secret}> b\n`,
    'an unknown tag of a list': `a: !${secret} [b]\n`,
    'an undeclared tag handle': `a: !${secret}!b c\n`,
    'a tag that does not fit': `a: !!int ${secret}\n`,
    'a tag handle that is declared twice': `%TAG !${secret}! a\n%TAG !${secret}! b\n---\na: 1\n`,
    'a key twice': `${secret}: 1\n${secret}: 2\n`,
    'a long alias': `a: *${secret.repeat(40_000)}\n`,
    'a path with an unusual key': meshTrustYaml({
      name: 'a',
      trustDomain: 'a.test',
      pems: [ca.certPem],
    }).replace('spec:', `spec:\n  "${secret} ${secret.repeat(50)}": 1`),
  };
  for (const [what, text] of Object.entries(table)) {
    test(`${what} → a short finding without content of the file`, () => {
      const { parsed } = parse(text);
      const found = JSON.stringify(parsed.kind === 'refused' ? parsed.findings : remarks(parsed));
      assert.match(found, /MT0/);
      assert.ok(!found.includes(secret), found.slice(0, 300));
      assert.ok(found.length < 400, String(found.length));
    });
  }
});

// With a regular expression that backtracks, each of these texts took the parser years, or at least minutes.
suite('byte order mark after many lines › found in one pass', () => {
  const lines = ['# c', '#', '', ' \t', '# c\ufeff', ' # \r#'];
  for (const end of ['\n', '\r\n', '\r'])
    for (const line of lines)
      for (const before of ['', '---']) {
        const head = `${before}${end}${(line + end).repeat(100_000)}`;
        test(`${JSON.stringify(`${before}${end}${line}${end}`)}, repeated → parsed`, () => {
          const body = `kind: ConfigMap${end}a: "\ufeff"${end}`;
          const expected = [{ kind: 'ConfigMap', a: '\ufeff' }];
          assert.deepEqual(valuesOf(`${head}${body}`), expected);
          assert.deepEqual(valuesOf(`${head}\ufeff${body}`), expected);
        });
      }

  test('mark inside a document → an error with its line', () => {
    assert.match(refusal('# c\r\nkind: a\r\n\ufeffb: c\r\n'), /^MT002 3 the YAML .* inside a document$/);
    assert.match(refusal('kind: a\n# c\r\ufeffb: c\n'), /^MT002 2 the YAML .* inside a document$/);
    assert.match(refusal('kind: a\n---\nb: c\n\ufeffd: e\n'), /^MT002 4 the YAML .* inside a document$/);
  });

  test('any mix of comments, line ends and marks → a result', () => {
    const piece = fc.constantFrom('#', ' ', '\t', '\r', '\n', '\r\n', '\ufeff', '---', '...', 'a: b', '"');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), fc.nat(3000), (pieces, times) => {
        const text = pieces.join('');
        parse(text.repeat(Math.floor((times * 10) / (1 + text.length))) + text);
      }),
    );
  });
});

/** Returns the documents of a text, without the limits on files. */
function valuesOf(text: string): unknown {
  const reading = readYaml(text);
  return reading.kind === 'documents' ? reading.documents.map(({ value }) => value) : reading;
}

function remarks(parsed: Extract<ParsedFile, { readonly kind: 'documents' }>): unknown {
  return parsed.documents.map((document) =>
    document.kind === 'mesh-trust' ? document.remarks : document.findings,
  );
}
