import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { distrustSettleMs, readDistrust, rereadDistrust } from '../../src/app/distrust.ts';

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

describe('a distrust list that is read again', () => {
  const [a, b, c] = ['aa', 'bb', 'cc'].map((pair) => pair.repeat(32)) as [string, string, string];
  const both = { hashes: new Set([a, b]) };

  it('adds at once what is new, even where it leaves something out', () => {
    assert.deepEqual(rereadDistrust(both, `${a}\n${b}\n${c}\n`, 0).hashes, new Set([a, b, c]));
    assert.deepEqual(rereadDistrust(both, `${c}\n`, 0).hashes, new Set([a, b, c]));
  });

  it('takes away what it leaves out once it has been the same for a while', () => {
    const first = rereadDistrust(both, `${a}\n`, 1000);
    assert.deepEqual(first.hashes, both.hashes);
    const early = rereadDistrust(first, `${a}\n`, 1000 + distrustSettleMs - 1);
    assert.deepEqual(early.hashes, both.hashes);
    assert.deepEqual(rereadDistrust(early, `${a}\n`, 1000 + distrustSettleMs), { hashes: new Set([a]) });
  });

  it('begins to wait anew when it changes while it is being written', () => {
    const first = rereadDistrust(both, `${a}\n`, 1000);
    const other = rereadDistrust(first, '# being written\n', 1000 + distrustSettleMs);
    assert.deepEqual(other.hashes, both.hashes);
    assert.equal(rereadDistrust(other, `${a}\n${b}\n`, 2000).shorter, undefined);
  });

  it('takes nothing away when it is empty or not understood, however long that lasts', () => {
    for (const text of ['', '\n', `${a}\nnonsense\n`]) {
      const once = rereadDistrust(both, text, 0);
      const twice = rereadDistrust(once, text, 1e6);
      assert.deepEqual(twice.hashes, both.hashes);
      assert.ok(twice.refused !== undefined);
    }
  });

  it('keeps its object when nothing changes', () => {
    assert.equal(rereadDistrust(both, `${b}\n${a}\n# a comment\n`, 0).hashes, both.hashes);
  });

  it('may end as a comment alone', () => {
    const text = '# nothing any more\n';
    const later = rereadDistrust(rereadDistrust(both, text, 0), text, distrustSettleMs);
    assert.deepEqual(later.hashes, new Set());
  });
});
