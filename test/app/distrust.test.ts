import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readDistrust } from '../../src/app/distrust.ts';

const hash = 'ab'.repeat(32);

describe('a distrust list', () => {
  const lists: Readonly<Record<string, readonly [text: string, hashes: readonly string[]]>> = {
    'one hash a line': [`${hash}\n${'cd'.repeat(32)}\n`, [hash, 'cd'.repeat(32)]],
    'upper case and colons, as openssl prints them': [
      `${hash.toUpperCase().replaceAll(/(..)(?!$)/g, '$1:')}\n`,
      [hash],
    ],
    'comments, blank lines and CRLF': [`# why\r\n\r\n  ${hash}  # the old root\r\n`, [hash]],
    nothing: ['', []],
  };
  for (const [sentence, [text, hashes]] of Object.entries(lists)) {
    it(`may hold ${sentence}`, () =>
      assert.deepEqual(readDistrust(text), { kind: 'list', hashes: new Set(hashes) }));
  }

  it('is refused as a whole for a line that is not understood, which is named', () => {
    for (const line of ['abc', `${hash}00`, `sha256:${hash}`, `${hash} ${hash}`]) {
      assert.deepEqual(readDistrust(`# list\n${line}\n`), { kind: 'invalid', line: 2 });
    }
  });
});
