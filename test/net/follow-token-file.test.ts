import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { followTokenFile } from '../../src/net/follow-token-file.ts';
import { makeTempDir } from '../kit/temp-dir.ts';

const never = 3_600_000;
const [one, two] = ['0123456789abcdef', 'fedcba9876543210'];

suite('token file', () => {
  test('tokens: each is admitted, others are not', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('tokens'), `# for CI\n${one}\r\n\n  ${two}  \n`);
    const tokens = await followTokenFile(dir.join('tokens'), () => assert.fail(), { pollMs: never });
    const admitted = [one, two, '', '# for CI', `${one}${two}`, one.slice(1)].map((token) =>
      tokens.admits(token),
    );
    tokens.close();
    assert.deepEqual(admitted, [true, true, false, false, false, false]);
  });

  test('file changes: is applied; an unusable file changes nothing and is reported once', async () => {
    await using dir = await makeTempDir();
    const refusals: (string | undefined)[] = [];
    await writeFile(dir.join('tokens'), one);
    const tokens = await followTokenFile(dir.join('tokens'), (reason) => refusals.push(reason), {
      pollMs: never,
    });
    await writeFile(dir.join('tokens'), two);
    await tokens.reload();
    assert.deepEqual([tokens.admits(one), tokens.admits(two)], [false, true]);
    await rm(dir.join('tokens'));
    await tokens.reload();
    await tokens.reload();
    assert.equal(tokens.admits(two), true);
    assert.deepEqual([refusals.length, /no such file or directory/.test(refusals[0] ?? '')], [1, true]);
    await writeFile(dir.join('tokens'), two);
    await tokens.reload();
    await tokens.reload();
    tokens.close();
    assert.deepEqual(refusals.slice(1), [undefined], 'reported once that it can be used again');
  });

  const bad: readonly (readonly [string, string, RegExp])[] = [
    ['nothing', '', /has no token/],
    ['comments alone', '# none\n', /has no token/],
    ['a token that can be guessed', `${one}\nsecret\n`, /less than 16 characters/],
  ];
  for (const [what, text, reason] of bad) {
    test(`${what} in it: cannot be used at the start`, async () => {
      await using dir = await makeTempDir();
      await writeFile(dir.join('tokens'), text);
      await assert.rejects(
        followTokenFile(dir.join('tokens'), () => undefined, { pollMs: never }),
        reason,
      );
    });
  }
});
