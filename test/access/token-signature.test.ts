import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { suite, test } from 'node:test';
import { checkSignature, readSigningKeys } from '../../src/access/token-signature.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const otherRsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const jwkOf = ({ publicKey }: { readonly publicKey: KeyObject }, kid: string): object => ({
  ...publicKey.export({ format: 'jwk' }),
  kid,
  use: 'sig',
});
const document = { keys: [jwkOf(rsa, 'r'), jwkOf(p256, 'e'), jwkOf(p384, 'f')] };
const keys = readSigningKeys(document);

/** Returns a token with this header, signed by the key. */
function tokenOf(header: object, key: KeyObject, hash = 'sha256'): string {
  const input = [header, { sub: 'a' }]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  const signature = sign(hash, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}

suite('signature of a token', () => {
  const good = tokenOf({ alg: 'RS256', kid: 'r' }, rsa.privateKey);
  const [head, claims, signature = ''] = good.split('.');
  const forged = Buffer.from(signature, 'base64url');
  forged[0] = (forged[0] ?? 0) ^ 1;

  const cases: readonly (readonly [what: string, token: string, expected: string])[] = [
    ['RSA', good, 'signed'],
    ['RSA with SHA-512', tokenOf({ alg: 'RS512', kid: 'r' }, rsa.privateKey, 'sha512'), 'signed'],
    ['P-256', tokenOf({ alg: 'ES256', kid: 'e' }, p256.privateKey), 'signed'],
    ['P-384', tokenOf({ alg: 'ES384', kid: 'f' }, p384.privateKey, 'sha384'), 'signed'],
    ['changed signature', `${head}.${claims}.${forged.toString('base64url')}`, 'forged'],
    ['changed claims', `${head}.e30.${signature}`, 'forged'],
    ['empty signature', `${head}.${claims}.`, 'forged'],
    ['another key', tokenOf({ alg: 'RS256', kid: 'r' }, otherRsa.privateKey), 'forged'],
    ['another hash', tokenOf({ alg: 'RS256', kid: 'r' }, rsa.privateKey, 'sha512'), 'forged'],
    ['no algorithm', tokenOf({ alg: 'none', kid: 'r' }, rsa.privateKey), 'forged'],
    ['HMAC', tokenOf({ alg: 'HS256', kid: 'r' }, rsa.privateKey), 'forged'],
    ['algorithm of another type of key', tokenOf({ alg: 'ES256', kid: 'r' }, rsa.privateKey), 'forged'],
    ['no key ID', tokenOf({ alg: 'RS256' }, rsa.privateKey), 'signed'],
    ['no key ID, another key', tokenOf({ alg: 'RS256' }, otherRsa.privateKey), 'unlisted'],
    ['unlisted key', tokenOf({ alg: 'RS256', kid: 'x' }, otherRsa.privateKey), 'unlisted'],
    ['unlisted key ID, known key', tokenOf({ alg: 'RS256', kid: 'x' }, rsa.privateKey), 'unlisted'],
    ['key ID that is no text', tokenOf({ alg: 'RS256', kid: 1 }, rsa.privateKey), 'unlisted'],
    ['header that is no object', `${Buffer.from('[]').toString('base64url')}.e30.${signature}`, 'unlisted'],
    ['header that is not JSON', `AAAA.e30.${signature}`, 'unlisted'],
  ];
  for (const [what, token, expected] of cases)
    test(`${what}: ${expected}`, () => assert.equal(checkSignature(token, keys), expected));

  test('other spellings of a good signature: forged, because each would be reviewed', () => {
    const characters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const start = characters.indexOf(signature.at(-1) ?? '');
    for (let spare = 1; spare < 16; spare += 1) {
      const other = `${signature.slice(0, -1)}${characters[start + spare]}`;
      assert.deepEqual(Buffer.from(other, 'base64url'), Buffer.from(signature, 'base64url'));
      assert.equal(checkSignature(`${head}.${claims}.${other}`, keys), 'forged');
    }
  });
});

suite('signing keys', () => {
  const ed25519 = generateKeyPairSync('ed25519');
  const odd: readonly (readonly [what: string, element: unknown])[] = [
    ['element that cannot be read', { ...jwkOf(rsa, 'x'), n: 7 }],
    ['element of an unknown type', { kty: 'AKP', kid: 'x' }],
    ['symmetric key', { kty: 'oct', k: 'AAAA', kid: 'x' }],
    ['key of another type', jwkOf(ed25519, 'x')],
    ['key with another algorithm', { ...jwkOf(rsa, 'x'), alg: 'PS256' }],
    ['key with an algorithm of another type of key', { ...jwkOf(rsa, 'x'), alg: 'ES256' }],
  ];
  for (const [what, element] of odd)
    test(`${what}: only the API server can tell who has signed with it`, () => {
      const found = readSigningKeys({ keys: [jwkOf(rsa, 'r'), element] });
      assert.deepEqual([...found.usable.keys()], ['r']);
      assert.equal(
        checkSignature(tokenOf({ alg: 'RS256', kid: 'x' }, otherRsa.privateKey), found),
        'unknown',
      );
      assert.equal(
        checkSignature(tokenOf({ alg: 'RS256', kid: 'y' }, otherRsa.privateKey), found),
        'unlisted',
      );
      assert.equal(checkSignature(tokenOf({ alg: 'RS256' }, otherRsa.privateKey), found), 'unknown');
      assert.equal(checkSignature(tokenOf({ alg: 'RS256', kid: 'r' }, otherRsa.privateKey), found), 'forged');
    });

  test('two keys with one ID: only the API server can tell who has signed with it', () => {
    const keys = [jwkOf(rsa, 'r'), jwkOf(p256, 'x'), jwkOf(otherRsa, 'x')];
    for (const shown of [keys, keys.toReversed(), [...keys, jwkOf(p384, 'x')]]) {
      const found = readSigningKeys({ keys: shown });
      assert.deepEqual([...found.usable.keys()], ['r']);
      assert.equal(
        checkSignature(tokenOf({ alg: 'RS256', kid: 'x' }, otherRsa.privateKey), found),
        'unknown',
      );
    }
  });

  const nameless: readonly unknown[] = [p256.publicKey.export({ format: 'jwk' }), jwkOf(p256, ''), 'x', null];
  for (const element of nameless)
    test(`element without a key ID (${JSON.stringify(element)?.slice(0, 12)}): no key ID is unlisted`, () => {
      const found = readSigningKeys({ keys: [jwkOf(rsa, 'r'), element] });
      assert.equal(
        checkSignature(tokenOf({ alg: 'RS256', kid: 'y' }, otherRsa.privateKey), found),
        'unknown',
      );
      assert.equal(checkSignature(tokenOf({ alg: 'RS256', kid: 'r' }, otherRsa.privateKey), found), 'forged');
    });

  test('key with an algorithm: has signed with that one alone', () => {
    const found = readSigningKeys({ keys: [{ ...jwkOf(rsa, 'r'), alg: 'RS256' }] });
    assert.equal(checkSignature(tokenOf({ alg: 'RS256', kid: 'r' }, rsa.privateKey), found), 'signed');
    const other = tokenOf({ alg: 'RS512', kid: 'r' }, rsa.privateKey, 'sha512');
    assert.equal(checkSignature(other, found), 'forged');
  });

  test('private key: is read as its public key', () => {
    const jwk = { ...rsa.privateKey.export({ format: 'jwk' }), kid: 'r' };
    assert.equal(readSigningKeys({ keys: [jwk] }).usable.get('r')?.key.type, 'public');
  });

  test('other documents: have no keys, so only the API server can tell', () => {
    const token = tokenOf({ alg: 'RS256', kid: 'r' }, rsa.privateKey);
    for (const other of [undefined, null, [], {}, { keys: {} }, { keys: null }, { keys: [] }, 'x'])
      assert.equal(checkSignature(token, readSigningKeys(other)), 'unknown');
  });
});
