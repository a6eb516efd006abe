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
    ['unknown key', tokenOf({ alg: 'RS256', kid: 'x' }, rsa.privateKey), 'unknown'],
    ['no key', tokenOf({ alg: 'RS256' }, rsa.privateKey), 'unknown'],
    ['no algorithm', tokenOf({ alg: 'none', kid: 'r' }, rsa.privateKey), 'unknown'],
    ['HMAC', tokenOf({ alg: 'HS256', kid: 'r' }, rsa.privateKey), 'unknown'],
    ['algorithm of another type of key', tokenOf({ alg: 'ES256', kid: 'r' }, rsa.privateKey), 'unknown'],
    ['header that is no object', `${Buffer.from('[]').toString('base64url')}.e30.${signature}`, 'unknown'],
    ['header that is not JSON', `AAAA.e30.${signature}`, 'unknown'],
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
  test('JWK Set: unusable elements are left out, and so is an ID that two keys have', () => {
    const found = readSigningKeys({
      keys: [
        jwkOf(rsa, 'r'),
        jwkOf(p256, 'twice'),
        jwkOf(p384, 'twice'),
        { ...jwkOf(rsa, 'x'), n: 7 },
        { kty: 'oct', k: 'AAAA', kid: 'secret' },
        { kty: 'AKP', kid: 'new' },
        p256.publicKey.export({ format: 'jwk' }),
        'text',
        null,
      ],
    });
    assert.deepEqual([...found.keys()], ['r']);
  });

  test('private key: is read as its public key', () => {
    const jwk = { ...rsa.privateKey.export({ format: 'jwk' }), kid: 'r' };
    assert.equal(readSigningKeys({ keys: [jwk] }).get('r')?.type, 'public');
  });

  test('other documents: have no keys', () => {
    for (const other of [undefined, null, [], {}, { keys: {} }, { keys: null }, 'x'])
      assert.equal(readSigningKeys(other).size, 0);
  });
});
