import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { countIssuers } from '../../../src/trust/rotation/observe-issuers.ts';

const now = Date.parse('2026-11-28T12:00:00Z');
const [a, b] = ['a'.repeat(64), 'b'.repeat(64)];
const line = (fields: object): string => JSON.stringify(fields);

function count(...lines: readonly string[]) {
  const counted = countIssuers(now);
  for (const one of lines) counted.add(one);
  return counted.result();
}

suite('issuers in an access log', () => {
  test('lines of two issuers → counted by fingerprint, the most recent first', () =>
    assert.deepEqual(
      count(
        line({ start_time: '2026-11-28T03:00:00.123Z', peer_issuer: a, path: '/' }),
        line({ peer_issuer: b, start_time: '2026-11-28T05:00:00Z' }),
        line({ '@timestamp': '2026-11-28T04:00:00Z', IssuerFingerprint: a }),
        '',
      ),
      {
        issuers: [
          { fingerprint: b, clients: 1, firstSeen: now - 7 * 3_600_000, lastSeen: now - 7 * 3_600_000 },
          {
            fingerprint: a,
            clients: 2,
            firstSeen: now - 9 * 3_600_000 + 123,
            lastSeen: now - 8 * 3_600_000,
          },
        ],
        lines: 3,
        without: 0,
        beyond: 0,
      },
    ));

  test('a line without a time → seen now, since it may be new', () =>
    assert.equal(count(line({ issuer: a })).issuers[0]?.lastSeen, now));

  const times: Readonly<Record<string, readonly [fields: object, seen: string]>> = {
    'the validity of the leaf before the time': [
      { begins: '2026-11-27T12:00:00Z', ends: '2026-11-29T12:00:00Z', time: '2026-11-28T11:59:00Z' },
      '2026-11-28T11:59:00Z',
    ],
    'the validity of the leaf after the time': [
      { time: '2026-11-28T11:59:00Z', begins: '2026-11-27T12:00:00Z', ends: '2026-11-29T12:00:00Z' },
      '2026-11-28T11:59:00Z',
    ],
    'the clock of the proxy is ahead': [
      { begins: '2026-11-27T12:00:00Z', time: '2026-11-28T12:04:00Z', ends: '2026-11-29T12:00:00Z' },
      '2026-11-28T12:04:00Z',
    ],
    'all times are in the future': [
      { ends: '2026-11-30T12:00:00Z', time: '2026-11-29T12:00:00Z' },
      '2026-11-29T12:00:00Z',
    ],
  };
  for (const [what, [fields, seen]] of Object.entries(times))
    test(`several times: ${what} → the latest that is not in the future`, () =>
      assert.equal(count(line({ ...fields, issuer: a })).issuers[0]?.lastSeen, Date.parse(seen)));

  const without: Readonly<Record<string, string>> = {
    'no certificate': line({ start_time: '2026-11-28T03:00:00Z', peer_issuer: null }),
    'a name instead of a fingerprint': line({ peer_issuer: 'CN=A' }),
    'a fingerprint of something else': line({ peer_fingerprint: a }),
    'another format': `[2026-11-28T03:00:00.123Z] "GET /" ${a}`,
    'a list': `["${a}"]`,
    'a very long line': line({ peer_issuer: a, padding: 'x'.repeat(70_000) }),
  };
  for (const [what, text] of Object.entries(without))
    test(`${what} → a line without an issuer`, () => {
      const { issuers, lines, without: none } = count(text);
      assert.deepEqual([issuers, lines, none], [[], 1, 1]);
    });

  test('too many issuers → the first thousand are counted, the others only as a number', () => {
    const lines = Array.from({ length: 1_003 }, (_, index) =>
      line({ issuer: index.toString(16).padStart(64, '0') }),
    );
    const { issuers, beyond } = count(...lines);
    assert.deepEqual([issuers.length, beyond], [1_000, 3]);
  });
});
