import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { readBearerToken } from '../../src/access/bearer-token.ts';

const now = 1_000_000_000_000;
const tokenOf = (claims: unknown): string =>
  `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`;
const good = tokenOf({ aud: ['meshtrust'], exp: now / 1_000 + 60 });

/** Returns a token of this length. */
function ofLength(length: number): string {
  const shortest = tokenOf({});
  return shortest + 'A'.repeat(length - shortest.length);
}

suite('bearer token', () => {
  const cases: readonly (readonly [what: string, header: string | undefined, expected: string])[] = [
    ['no header', undefined, 'absent'],
    ['token for the audience', `Bearer ${good}`, 'token'],
    ['scheme in lower case', `bearer ${good}`, 'token'],
    ['audience as a text', `Bearer ${tokenOf({ aud: 'meshtrust' })}`, 'token'],
    ['token without claims about it', `Bearer ${tokenOf({})}`, 'token'],
    ['no scheme', good.replace('Bearer ', ''), 'token'],
    ['other scheme', `Basic ${good}`, 'invalid token'],
    ['two parts', 'Bearer e30.e30', 'invalid token'],
    ['four parts', `Bearer ${good}.x`, 'invalid token'],
    ['empty part', 'Bearer e30..c2ln', 'invalid token'],
    ['characters outside of base64url', 'Bearer e30.e+0.c2ln', 'invalid token'],
    ['payload that is not JSON', 'Bearer e30.AAAA.c2ln', 'invalid token'],
    ['payload that is a list', `Bearer ${tokenOf([])}`, 'invalid token'],
    ['header that is not JSON', good.replace('e30', 'AAAA'), 'invalid token'],
    ['header that is a list', good.replace('e30', 'W10'), 'invalid token'],
    ['16 KiB', `Bearer ${ofLength(16_384)}`, 'token'],
    ['more than 16 KiB', `Bearer ${ofLength(16_385)}`, 'invalid token'],
    ['expired', `Bearer ${tokenOf({ exp: now / 1_000 })}`, 'invalid token'],
    ['another audience', `Bearer ${tokenOf({ aud: ['vault'] })}`, 'invalid audience'],
    ['audience that contains the name', `Bearer ${tokenOf({ aud: 'not-meshtrust' })}`, 'invalid audience'],
  ];
  for (const [what, header, expected] of cases)
    test(`${what}: ${expected}`, () => {
      const read = readBearerToken(header, 'meshtrust', now);
      assert.equal(read.kind === 'invalid' ? `invalid ${read.reason}` : read.kind, expected);
    });

  test('life: is the time from the issue to the expiry, if the token has both', () => {
    const lifeOf = (claims: object) => {
      const read = readBearerToken(`Bearer ${tokenOf(claims)}`, 'meshtrust', now);
      return read.kind === 'token' ? read.lifeMs : 'none';
    };
    const exp = now / 1_000 + 60;
    assert.equal(lifeOf({ iat: exp - 3_600, exp }), 3_600_000);
    assert.equal(lifeOf({ exp, iat: undefined }), undefined);
    assert.equal(lifeOf({ iat: 'x', exp }), undefined);
  });

  test('expiry: is returned in milliseconds', () => {
    const read = readBearerToken(`Bearer ${good}`, 'meshtrust', now);
    assert.equal(read.kind === 'token' ? read.expiresAt : undefined, now + 60_000);
  });
});
