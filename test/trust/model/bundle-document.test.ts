import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readBundleDocument, readBundleSteps } from '../../../src/trust/model/bundle-document.ts';
import { bundleDocument, bundleKey } from '../../kit/bundle-endpoint.ts';
import { makeCa } from '../../kit/certificates.ts';

const ca = makeCa();
const other = makeCa({ commonName: 'Other' });
const key = bundleKey(ca);
const x5c = [Buffer.from(ca.der).toString('base64')];

interface Expected {
  /** One word for each certificate. */
  readonly certificates?: readonly ('ca' | 'other' | 'damaged')[];
  readonly ignored?: number;
  readonly remarks?: readonly string[];
  readonly sequence?: number;
  readonly hint?: number;
}

const accepted: Readonly<Record<string, readonly [document: unknown, expected: Expected]>> = {
  'two keys, a sequence and a hint': [
    bundleDocument([ca, other], { sequence: 7, refreshHint: 60 }),
    { certificates: ['ca', 'other'], sequence: 7, hint: 60 },
  ],
  'no sequence and no hint': [{ keys: [key] }, { certificates: ['ca'] }],
  'unknown members of the document and of a key': [
    { keys: [{ ...key, kid: 'a', alg: 'ES256', x: key['x'], more: {} }], more: [1] },
    { certificates: ['ca'] },
  ],
  'keys of another use: are ignored': [
    { keys: [{ ...key, use: 'jwt-svid' }, { ...key, use: 'X509-SVID' }, { ...key, use: 1 }, key] },
    { certificates: ['ca'], ignored: 3 },
  ],
  'a key without use: is ignored': [
    { keys: [{ ...key, use: undefined }, key] },
    { certificates: ['ca'], ignored: 1 },
  ],
  'keys of another type: are ignored': [
    { keys: [{ use: 'x509-svid', kty: 'AKP', pub: 'AA', x5c }, { ...key, kty: 'ec' }, key] },
    { certificates: ['ca'], ignored: 2 },
  ],
  'keys that are not objects: are ignored': [
    { keys: [null, 1, 'x', [], key] },
    { certificates: ['ca'], ignored: 4 },
  ],
  'a key without a certificate: is not used': [
    {
      keys: [
        { ...key, x5c: undefined },
        { ...key, x5c: [] },
        { ...key, x5c: [''] },
        { ...key, x5c: 'x' },
        key,
      ],
    },
    { certificates: ['ca'], remarks: [0, 1, 2, 3].map((index) => `${index} has no certificate (x5c)`) },
  ],
  'several certificates: the first is used': [
    { keys: [{ ...key, x5c: [...x5c, ...x5c] }] },
    { certificates: ['ca'], remarks: ['0 has several certificates; the first is used'] },
  ],
  'another key than that of the certificate: is damage': [
    { keys: [{ ...bundleKey(other), x5c }, key] },
    { certificates: ['damaged', 'ca'], remarks: ['0 is not the key of its certificate'] },
  ],
  'a key without its parameters: is damage': [
    { keys: [{ use: 'x509-svid', kty: 'EC', x5c }, key] },
    { certificates: ['damaged', 'ca'], remarks: ['0 is not the key of its certificate'] },
  ],
  'base64url, white space or no base64 at all: is damage': [
    {
      keys: [`${x5c[0]?.slice(0, 64)}\n${x5c[0]?.slice(64)}`, '-_-_', '!', ...x5c].map((text) => ({
        ...key,
        x5c: [text],
      })),
    },
    {
      certificates: ['damaged', 'damaged', 'damaged', 'ca'],
      remarks: [0, 1, 2].map((index) => `${index} has a certificate that is not base64`),
    },
  ],
  'an empty set': [{ keys: [] }, { certificates: [] }],
  'an empty set, but for keys that are ignored': [
    {
      keys: [
        { ...key, use: 'jwt-svid' },
        { use: 'x509-svid', kty: 'AKP', x5c },
      ],
    },
    { certificates: [], ignored: 2 },
  ],
  'a hint that is no positive integer: does not count': [
    { keys: [key], spiffe_refresh_hint: -1 },
    { certificates: ['ca'] },
  ],
};

test('bundle: its keys for X.509-SVIDs count, and keys that must be ignored do no harm', async (t) => {
  for (const [name, [document, expected]] of Object.entries(accepted))
    await t.test(name, () => {
      const reading = readBundleDocument(JSON.stringify(document));
      assert.ok(reading.kind === 'bundle');
      const { certificates, remarks, ignoredKeys, sequence, refreshHintSeconds } = reading.document;
      const words = certificates.map((certificate) => {
        if (certificate.kind === 'damaged') return 'damaged';
        return Buffer.compare(certificate.der, ca.der) === 0 ? 'ca' : 'other';
      });
      assert.deepEqual(words, expected.certificates);
      assert.equal(ignoredKeys, expected.ignored ?? 0);
      assert.deepEqual(
        remarks.map(({ key: index, reason }) => `${index} ${reason}`),
        expected.remarks ?? [],
      );
      assert.equal(sequence, expected.sequence);
      assert.equal(refreshHintSeconds, expected.hint);
    });
});

test('a certificate that is not DER: is left to the parser of certificates', () => {
  const reading = readBundleDocument(JSON.stringify({ keys: [{ ...key, x5c: ['AAAA'] }, key] }));
  assert.ok(reading.kind === 'bundle');
  assert.deepEqual(
    reading.document.certificates.map(({ kind }) => kind),
    ['malformed', 'ca'],
  );
});

const leaf = makeCa({ basicConstraints: { kind: 'end-entity' } });
const unusable: Readonly<Record<string, readonly [keys: readonly unknown[], reason: string]>> = {
  'a certificate that is not base64': [
    [{ ...key, x5c: ['!'] }],
    'key 1 has a certificate that is not base64',
  ],
  'a certificate of another key, after an ignored key': [
    [
      { ...key, use: 'jwt-svid' },
      { ...bundleKey(other), x5c },
    ],
    'key 2 is not the key of its certificate',
  ],
  'a certificate that is not DER': [
    [{ ...key, x5c: ['AAAA'] }],
    'key 1 has a certificate that is not legible',
  ],
  'a certificate that is no CA': [[bundleKey(leaf)], 'key 1 has a certificate that is no usable CA'],
  'no certificate': [[{ ...key, x5c: [] }], 'key 1 has no certificate (x5c)'],
  'several reasons: the first is named': [
    [{ ...key, x5c: ['!'] }, bundleKey(leaf)],
    'key 1 has a certificate that is not base64',
  ],
};

test('bundle whose keys for X.509-SVIDs are all unusable: is refused, and is no empty set', async (t) => {
  for (const [name, [keys, reason]] of Object.entries(unusable))
    await t.test(name, () =>
      assert.deepEqual(readBundleDocument(JSON.stringify({ keys })), {
        kind: 'refused',
        reason: `has no usable key for X.509-SVIDs: ${reason}`,
      }),
    );
});

const refused: Readonly<Record<string, readonly [text: string, reason: string]>> = {
  'no text': ['', 'is not JSON'],
  'an error page': ['<html>', 'is not JSON'],
  YAML: ['keys: []', 'is not JSON'],
  'half a document': ['{"keys":[', 'is not JSON'],
  'an array': ['[]', 'is not a JSON object'],
  null: ['null', 'is not a JSON object'],
  'no keys': ['{}', "has no array 'keys'"],
  'keys that are null': ['{"keys":null}', "has no array 'keys'"],
  'keys that are an object': ['{"keys":{}}', "has no array 'keys'"],
  'two keys members': ['{"keys":[],"keys":[]}', 'has an object with two members of one name'],
  'two members of one name, one of them escaped': [
    '{"keys":[{"use":"x509-svid","\\u0075se":"jwt-svid"}]}',
    'has an object with two members of one name',
  ],
  'a sequence that is a text': [
    '{"keys":[],"spiffe_sequence":"1"}',
    'has a spiffe_sequence that is not an integer',
  ],
  'a sequence with a fraction': [
    '{"keys":[],"spiffe_sequence":1.5}',
    'has a spiffe_sequence that is not an integer',
  ],
};

/** Returns a bundle with an unknown parameter of nested arrays and objects, so that the text has this many levels. */
const nested = (levels: number): string => {
  const inner = levels - 1;
  const [open, close] = [
    (level: number) => (level % 2 === 0 ? '[' : '{"a":'),
    (level: number) => (level % 2 === 0 ? ']' : '}'),
  ];
  const all = Array.from({ length: inner }, (_, level) => level);
  return `{"more":${all.map(open).join('')}1${all.toReversed().map(close).join('')},"keys":[]}`;
};

test('nesting: 64 levels are read, and deeper ones refused before the text is parsed', () => {
  assert.equal(readBundleDocument(nested(64)).kind, 'bundle');
  const reason = 'is nested more than 64 levels deep';
  assert.deepEqual(readBundleDocument(nested(65)), { kind: 'refused', reason });
  // Not JSON, which the parser would report.
  assert.deepEqual(readBundleDocument('['.repeat(65)), { kind: 'refused', reason });
  const brackets = `"${'['.repeat(100)}\\"${'{'.repeat(100)}"`;
  assert.equal(readBundleDocument(`{"keys":[],"more":${brackets}}`).kind, 'bundle', 'brackets in a text');
  const beside = Array.from({ length: 100 }, () => '{}').join();
  assert.equal(readBundleDocument(`{"keys":[],"more":[${beside}]}`).kind, 'bundle', 'objects side by side');
});

test('long text: is read in steps, between which other work can be done', () => {
  const names = Array.from({ length: 20_000 }, (_, index) => `"n${index}":1`);
  const text = `{"keys":[],${names.join()}}`;
  const steps = readBundleSteps(text);
  let count = 0;
  while (steps.next().done !== true) count += 1;
  assert.ok(count >= Math.floor(text.length / 65_536), `${count} steps`);
  assert.ok(count > 2);
});

test('no bundle: is refused as a whole, with a reason that quotes nothing', async (t) => {
  for (const [name, [text, reason]] of Object.entries(refused))
    await t.test(name, () => assert.deepEqual(readBundleDocument(text), { kind: 'refused', reason }));
});

test('equal names in different objects, and names in texts: are no duplicates', () => {
  const text = '{"keys":[{"a":"b","c":{"a":1}},{"a":"\\"a\\":"}],"a":["a","a"]}';
  assert.equal(readBundleDocument(text).kind, 'bundle');
});
