import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  distrustFindings,
  distrustSettleMs,
  distrustedBy,
  initialDistrust,
  readDistrust,
  updateDistrust,
  keepDistrust,
} from '../../../src/trust/policy/distrust.ts';
import type { DistrustState } from '../../../src/trust/policy/distrust.ts';
import { createMeshBuilder } from '../../../src/trust/snapshot/mesh-builder.ts';
import { noPolicy, shareOf } from '../../kit/bundles.ts';
import { makeCa } from '../../kit/certificates.ts';

const hash = 'ab'.repeat(32);

suite('readDistrust', () => {
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
    'the line of an older openssl': [`SHA256 Fingerprint=${hash}\n`, [hash]],
    'the line that openssl dgst prints for a key': [`SHA2-256(stdin)= ${hash}\n`, [hash]],
    'a hash with its name before it': [`sha256:${hash}\nSHA-256 : ${hash}\n`, [hash]],
    'the first 16 digits, as the tables print them': [`${hash.slice(0, 16)}\n`, [hash.slice(0, 16)]],
    'more than 16 digits': [
      `${hash.slice(0, 17)}\n${hash.slice(0, 63)}\n`,
      [hash.slice(0, 17), hash.slice(0, 63)],
    ],
    'a byte order mark before the first line': [`\ufeff${hash}\n`, [hash]],
  };
  for (const [sentence, [text, hashes]] of Object.entries(lists)) {
    test(`${sentence} → parsed`, () =>
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
    test(`${line} → reported as a bad line, and the other lines apply`, () => {
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

suite('readDistrust › hostile line', () => {
  // `.` does not match U+2028, so a regular expression would try each # as the beginning of the comment.
  test('a million # and a line separator → read as a comment in linear time', () => {
    const text = `${'#'.repeat(1_000_000)}\u2028x\n${'a'.repeat(64)} # \u2028x\n`;
    assert.deepEqual(readDistrust(text), { entries: [{ hash: 'a'.repeat(64), line: 2 }], bad: [] });
  });
});

suite('distrustedBy', () => {
  test('short entry → matches every hash that begins with it', () => {
    const list = distrustedBy(['ab'.repeat(8), 'cd'.repeat(32)]);
    assert.equal(list.has('ab'.repeat(32)), true);
    assert.equal(list.has('cd'.repeat(32)), true);
    assert.equal(list.has(`${'ab'.repeat(7)}ac${'ab'.repeat(24)}`), false);
    assert.equal(list.has('cd'.repeat(31)), false);
  });
});

suite('updateDistrust', () => {
  const [a, b, c] = ['aa', 'bb', 'cc'].map((pair) => pair.repeat(32)) as [string, string, string];
  const both: DistrustState = initialDistrust(`${a}\n${b}\n`);

  test('new hashes → added at once, even if others are missing', () => {
    assert.deepEqual(updateDistrust(both, `${a}\n${b}\n${c}\n`, 0).hashes, new Set([a, b, c]));
    assert.deepEqual(updateDistrust(both, `${c}\n`, 0).hashes, new Set([a, b, c]));
  });

  test('new hash beside an invalid line → added at once, and no hash is removed', () => {
    const next = updateDistrust(both, `${c}\nnonsense\n`, 0);
    assert.deepEqual(next.hashes, new Set([a, b, c]));
    assert.match(next.refused ?? '', /^line 2 is not a SHA-256/);
    assert.deepEqual(updateDistrust(next, `${c}\nnonsense\n`, 1e6).hashes, new Set([a, b, c]));
  });

  test('missing hash → removed once the list is unchanged for the settle time', () => {
    const first = updateDistrust(both, `${a}\n`, 1000);
    assert.deepEqual(first.hashes, both.hashes);
    const early = updateDistrust(first, `${a}\n`, 1000 + distrustSettleMs - 1);
    assert.deepEqual(early.hashes, both.hashes);
    assert.deepEqual(updateDistrust(early, `${a}\n`, 1000 + distrustSettleMs).hashes, new Set([a]));
  });

  test('list changes during the settle time → the time starts again', () => {
    const first = updateDistrust(both, `${a}\n`, 1000);
    const other = updateDistrust(first, '# being written\n', 1000 + distrustSettleMs);
    assert.deepEqual(other.hashes, both.hashes);
    assert.equal(updateDistrust(other, `${a}\n${b}\n`, 2000).pendingRemoval, undefined);
  });

  test('list empty, invalid or missing, for any time → no hash is removed', () => {
    for (const text of ['', '\n', `${a}\nnonsense\n`]) {
      const once = updateDistrust(both, text, 0);
      const twice = updateDistrust(once, text, 1e6);
      assert.deepEqual(twice.hashes, both.hashes);
      assert.ok(twice.refused !== undefined);
    }
    const gone = keepDistrust(both, 'ENOENT');
    assert.deepEqual([gone.hashes, gone.refused], [both.hashes, 'ENOENT']);
  });

  test('same hashes → the same object', () => {
    assert.equal(updateDistrust(both, `${b}\n${a}\n# a comment\n`, 0).hashes, both.hashes);
  });

  test('only a comment is left → all hashes are removed after the settle time', () => {
    const text = '# nothing any more\n';
    const later = updateDistrust(updateDistrust(both, text, 0), text, distrustSettleMs);
    assert.deepEqual(later.hashes, new Set());
  });

  test('empty at first and still empty → not refused', () => {
    assert.equal(updateDistrust(initialDistrust(''), '', 0).refused, undefined);
  });
});

suite('distrustFindings', () => {
  const ca = makeCa({ commonName: 'A' });
  const share = shareOf('a.test', [ca]);
  const fingerprint = share.anchors[0]?.certificate.fingerprint ?? '';
  const keyHash = share.anchors[0]?.certificate.keyHash ?? '';
  const findingsOf = (text: string, state = initialDistrust(text)): readonly string[] => {
    const builder = createMeshBuilder({ ...noPolicy, distrusted: distrustedBy(state.hashes) });
    const meshes = builder.build(new Map([['default', new Map([[share.trustDomain, [share]]])]]), 0);
    return distrustFindings('list', state, meshes).map(
      ({ code, severity, file, line }) => `${code} ${severity} ${file}:${line}`,
    );
  };

  test('entry for a listed certificate or its key, whole or short → no finding', () => {
    for (const hash of [fingerprint, keyHash, fingerprint.slice(0, 16), keyHash.slice(0, 20)])
      assert.deepEqual(findingsOf(`${hash}\n`), []);
  });

  test('entry without a listed certificate → a note with its line', () =>
    assert.deepEqual(findingsOf(`${fingerprint}\n${'0'.repeat(64)}\n`), ['MT061 info list:2']));

  test('invalid line → an error with its line', () =>
    assert.deepEqual(findingsOf(`${fingerprint}\nnonsense\n`), ['MT060 error list:2']));

  test('list that can no longer be read → an error', () => {
    const gone = keepDistrust(initialDistrust(`${fingerprint}\n`), 'ENOENT');
    assert.deepEqual(findingsOf('', gone), ['MT060 error list:undefined']);
  });

  test('no mesh is served yet → no note', () =>
    assert.deepEqual(distrustFindings('list', initialDistrust(`${fingerprint}\n`), new Map()), []));
});
