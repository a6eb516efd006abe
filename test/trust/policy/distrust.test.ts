import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { distrustFindings } from '../../../src/trust/policy/distrust-findings.ts';
import {
  distrustSettleMs,
  distrustedBy,
  firstDistrust,
  readDistrust,
  rereadDistrust,
  unreadDistrust,
} from '../../../src/trust/policy/distrust.ts';
import type { DistrustState } from '../../../src/trust/policy/distrust.ts';
import { createMeshBuilder } from '../../../src/trust/snapshot/mesh-builder.ts';
import { noPolicy, shareOf } from '../../kit/bundles.ts';
import { makeCa } from '../../kit/certificates.ts';

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
    'the line that openssl x509 -fingerprint -sha256 prints': [
      `sha256 Fingerprint=${hash.toUpperCase().replaceAll(/(..)(?!$)/g, '$1:')}\n`,
      [hash],
    ],
    'the same of older versions': [`SHA256 Fingerprint=${hash}\n`, [hash]],
    'the line that openssl dgst prints of a key': [`SHA2-256(stdin)= ${hash}\n`, [hash]],
    'a hash with its name before it': [`sha256:${hash}\nSHA-256 : ${hash}\n`, [hash]],
    'the first 16 digits, as the tables print them': [`${hash.slice(0, 16)}\n`, [hash.slice(0, 16)]],
    'more digits than that': [
      `${hash.slice(0, 17)}\n${hash.slice(0, 63)}\n`,
      [hash.slice(0, 17), hash.slice(0, 63)],
    ],
    'a byte order mark before the first line': [`\ufeff${hash}\n`, [hash]],
  };
  for (const [sentence, [text, hashes]] of Object.entries(lists)) {
    it(`may hold ${sentence}`, () =>
      assert.deepEqual([...new Set(readDistrust(text).entries.map((entry) => entry.hash))], hashes));
  }

  const bad: Readonly<Record<string, RegExp>> = {
    abc: /has 3 digits; at least 16/,
    [hash.slice(0, 15)]: /has 15 digits; at least 16/,
    [`${hash}00`]: /has 66 digits; a SHA-256 has 64/,
    [hash.slice(0, 40)]: /40 digits, as a SHA-1 has/,
    [`sha1 Fingerprint=${hash.slice(0, 40)}`]: /is not a SHA-256/,
    [`${hash} ${hash}`]: /is not a SHA-256 in hex/,
    'CN=Old Root': /is not a SHA-256 in hex/,
    [`sha256 ${hash}`]: /is not a SHA-256 in hex/,
  };
  for (const [line, reason] of Object.entries(bad)) {
    it(`${line} → a bad line that is named, and the lines around it apply`, () => {
      const { entries, bad: found } = readDistrust(
        `# list\n${'cd'.repeat(32)}\n${line}\n${'ef'.repeat(8)}\n`,
      );
      assert.deepEqual(
        entries.map((entry) => [entry.hash, entry.line]),
        [
          ['cd'.repeat(32), 2],
          ['ef'.repeat(8), 4],
        ],
      );
      assert.equal(found[0]?.line, 3);
      assert.match(found[0].reason, reason);
      assert.ok(!found[0].reason.includes(line));
    });
  }
});

describe('hashes that are distrusted', () => {
  it('a short entry → every hash that begins with it', () => {
    const list = distrustedBy(['ab'.repeat(8), 'cd'.repeat(32)]);
    assert.equal(list.has('ab'.repeat(32)), true);
    assert.equal(list.has('cd'.repeat(32)), true);
    assert.equal(list.has(`${'ab'.repeat(7)}ac${'ab'.repeat(24)}`), false);
    assert.equal(list.has('cd'.repeat(31)), false);
  });
});

describe('a distrust list that is read again', () => {
  const [a, b, c] = ['aa', 'bb', 'cc'].map((pair) => pair.repeat(32)) as [string, string, string];
  const both: DistrustState = firstDistrust(`${a}\n${b}\n`);

  it('adds at once what is new, even where it leaves something out', () => {
    assert.deepEqual(rereadDistrust(both, `${a}\n${b}\n${c}\n`, 0).hashes, new Set([a, b, c]));
    assert.deepEqual(rereadDistrust(both, `${c}\n`, 0).hashes, new Set([a, b, c]));
  });

  it('adds at once what is new beside a line that is not understood, and takes nothing away', () => {
    const next = rereadDistrust(both, `${c}\nnonsense\n`, 0);
    assert.deepEqual(next.hashes, new Set([a, b, c]));
    assert.match(next.refused ?? '', /^line 2 is not a SHA-256/);
    assert.deepEqual(rereadDistrust(next, `${c}\nnonsense\n`, 1e6).hashes, new Set([a, b, c]));
  });

  it('takes away what it leaves out once it has been the same for a while', () => {
    const first = rereadDistrust(both, `${a}\n`, 1000);
    assert.deepEqual(first.hashes, both.hashes);
    const early = rereadDistrust(first, `${a}\n`, 1000 + distrustSettleMs - 1);
    assert.deepEqual(early.hashes, both.hashes);
    assert.deepEqual(rereadDistrust(early, `${a}\n`, 1000 + distrustSettleMs).hashes, new Set([a]));
  });

  it('begins to wait again when it changes while it is being written', () => {
    const first = rereadDistrust(both, `${a}\n`, 1000);
    const other = rereadDistrust(first, '# being written\n', 1000 + distrustSettleMs);
    assert.deepEqual(other.hashes, both.hashes);
    assert.equal(rereadDistrust(other, `${a}\n${b}\n`, 2000).shorter, undefined);
  });

  it('takes nothing away when it is empty, not understood or not there, however long that lasts', () => {
    for (const text of ['', '\n', `${a}\nnonsense\n`]) {
      const once = rereadDistrust(both, text, 0);
      const twice = rereadDistrust(once, text, 1e6);
      assert.deepEqual(twice.hashes, both.hashes);
      assert.ok(twice.refused !== undefined);
    }
    const gone = unreadDistrust(both, 'ENOENT');
    assert.deepEqual([gone.hashes, gone.refused], [both.hashes, 'ENOENT']);
  });

  it('keeps its object when nothing changes', () => {
    assert.equal(rereadDistrust(both, `${b}\n${a}\n# a comment\n`, 0).hashes, both.hashes);
  });

  it('may end as a comment alone', () => {
    const text = '# nothing any more\n';
    const later = rereadDistrust(rereadDistrust(both, text, 0), text, distrustSettleMs);
    assert.deepEqual(later.hashes, new Set());
  });

  it('is empty at first and is still empty → nothing is refused', () => {
    assert.equal(rereadDistrust(firstDistrust(''), '', 0).refused, undefined);
  });
});

describe('what there is to say about a distrust list', () => {
  const ca = makeCa({ commonName: 'A' });
  const share = shareOf('a.test', [ca]);
  const fingerprint = share.anchors[0]?.certificate.fingerprint ?? '';
  const keyHash = share.anchors[0]?.certificate.keyHash ?? '';
  const said = (text: string, state = firstDistrust(text)): readonly string[] => {
    const builder = createMeshBuilder({ ...noPolicy, distrusted: distrustedBy(state.hashes) });
    const meshes = builder.build(new Map([['default', new Map([[share.trustDomain, [share]]])]]), 0);
    return distrustFindings('list', state, meshes).map(
      ({ code, severity, file, line }) => `${code} ${severity} ${file}:${line}`,
    );
  };

  it('entries for a listed certificate or its key, whole or short → nothing', () => {
    for (const hash of [fingerprint, keyHash, fingerprint.slice(0, 16), keyHash.slice(0, 20)])
      assert.deepEqual(said(`${hash}\n`), []);
  });

  it('an entry for nothing that is listed → a note with its line', () =>
    assert.deepEqual(said(`${fingerprint}\n${'0'.repeat(64)}\n`), ['MT061 info list:2']));

  it('a line that is not understood → an error with its line', () =>
    assert.deepEqual(said(`${fingerprint}\nnonsense\n`), ['MT060 error list:2']));

  it('a list that cannot be read any more → an error', () => {
    const gone = unreadDistrust(firstDistrust(`${fingerprint}\n`), 'ENOENT');
    assert.deepEqual(said('', gone), ['MT060 error list:undefined']);
  });

  it('nothing is served yet → no note', () =>
    assert.deepEqual(distrustFindings('list', firstDistrust(`${fingerprint}\n`), new Map()), []));
});
