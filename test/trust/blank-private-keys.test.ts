import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { suite, test } from 'node:test';
import { blankPrivateKeys } from '../../src/trust/blank-private-keys.ts';
import { decodePem } from '../../src/trust/pem/decode-pem.ts';
import { makeCa } from '../kit/certificates.ts';

const ca = makeCa({ commonName: 'A' });
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const keys = {
  'PRIVATE KEY': privateKey.export({ format: 'pem', type: 'pkcs8' }),
  'RSA PRIVATE KEY': privateKey.export({ format: 'pem', type: 'pkcs1' }),
  'ENCRYPTED PRIVATE KEY': privateKey.export({
    format: 'pem',
    type: 'pkcs8',
    cipher: 'aes-128-cbc',
    passphrase: 'x',
  }),
  'RSA PRIVATE KEY with headers': privateKey.export({
    format: 'pem',
    type: 'pkcs1',
    cipher: 'aes-128-cbc',
    passphrase: 'x',
  }),
};

function blanked(text: string): string {
  const bytes = Buffer.from(text);
  blankPrivateKeys(bytes);
  return bytes.toString();
}

/** Returns the words of base64 in a text that are long enough to be a part of a key. The header has no secret. */
function longWords(text: string): readonly string[] {
  return (text.replace(/DEK-Info: [^\n\\]*/, '').match(/[A-Za-z0-9+/]{20,}/g) ?? []).filter(
    (word) => !/^A+$/.test(word),
  );
}

suite('private keys in the text of a file', () => {
  for (const [name, pem] of Object.entries(keys)) {
    test(`${name}: its content is overwritten, its lines stay`, () => {
      const text = `# 1\n${pem}# 2\n${ca.certPem}`;
      const result = blanked(text);
      assert.equal(result.length, text.length);
      assert.deepEqual(longWords(result), longWords(ca.certPem));
      assert.equal(result.split('\n').length, text.split('\n').length);
      assert.deepEqual(
        decodePem(result).map((block) => (block.kind === 'refused' ? block.code : block.kind)),
        ['MT011', 'certificate'],
      );
    });

    test(`${name} in JSON: the JSON stays well-formed`, () => {
      const result = blanked(JSON.stringify({ key: pem, ca: ca.certPem }));
      const value = JSON.parse(result) as { key: string; ca: string };
      assert.equal(value.ca, ca.certPem);
      assert.equal(value.key.split('\n').length, pem.split('\n').length);
      assert.deepEqual(longWords(value.key), []);
    });

    test(`${name} in base64, as in a Secret: is overwritten`, () => {
      const text = `data:\n  tls.crt: ${base64(ca.certPem)}\n  tls.key: ${base64(pem)}\n  both: ${base64(ca.certPem + pem)}\n`;
      const result = blanked(text);
      assert.deepEqual(longWords(result), longWords(base64(ca.certPem)));
      assert.ok(result.endsWith('A\n'));
    });
  }

  test('a key without its last line: the documents after it stay', () => {
    const [first = ''] = keys['PRIVATE KEY'].split('-----END');
    for (const rest of [
      '---\ntype: MeshTrust\nname: a\n',
      'spec:\n  x: 1\n',
      '# a comment\n',
      '- list\n',
      '"quoted": 1\n',
      ca.certPem,
    ]) {
      const result = blanked(first + rest);
      assert.ok(result.endsWith(rest), rest);
      assert.deepEqual(longWords(result.slice(0, first.length)), []);
    }
  });

  test('a text without a private key: nothing changes', () => {
    for (const text of [
      ca.certPem,
      'the PRIVATE KEY----- of somebody: abc',
      `ca: ${base64(ca.certPem)}\n`,
      '-----BEGIN CERTIFICATE-----\nabc',
      'PRIVATE KEY-----',
      '',
    ])
      assert.equal(blanked(text), text);
  });

  test('a key at the very end of a text: is blanked', () => {
    assert.equal(blanked('-----BEGIN PRIVATE KEY-----\nabc'), '-----BEGIN PRIVATE KEY-----\nAAA');
    assert.equal(blanked('-----BEGIN PRIVATE KEY-----\nabc\\'), '-----BEGIN PRIVATE KEY-----\nAAA\\');
  });
});

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
