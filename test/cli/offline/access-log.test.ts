import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import type { MeshCertificates } from '../../../src/api/certificate-api-types.ts';
import { observationOf } from '../../../src/cli/offline/access-log.ts';
import { makeCa } from '../../kit/certificates.ts';
import { fingerprintOf, reader } from '../../kit/resources.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { run } from '../run.ts';

const { certPem } = makeCa();
const listed = fingerprintOf(certPem);
const other = 'f'.repeat(64);
const served = {
  trustDomains: [{ name: 'a.test', anchors: [{ fingerprint: listed, pem: certPem }] }],
} as unknown as MeshCertificates;
const issuer = (fingerprint: string, lastSeen: number) => ({
  fingerprint,
  clients: 1,
  firstSeen: lastSeen,
  lastSeen,
});

suite('an access log that a command reads', () => {
  const table: Readonly<
    Record<string, readonly [fingerprints: readonly string[], beyond: number, unknownAt: number | undefined]>
  > = {
    'has listed issuers only': [[listed], 0, undefined],
    'has another issuer': [[listed, other], 0, 2],
    'has more issuers than are counted': [[listed], 1, Infinity],
  };
  for (const [what, [fingerprints, beyond, unknownAt]] of Object.entries(table))
    test(`${what}: the time at which one was seen that is not listed`, () => {
      const issuers = fingerprints.map((fingerprint, index) => issuer(fingerprint, index + 1));
      const found = observationOf({ issuers, lines: 3, without: 0, beyond }, served, reader);
      assert.deepEqual([found.lastSeen.get(listed), found.unknownAt], [1, unknownAt]);
    });

  test('rotate observe with too many issuers: says how many lines have those that are left out', async () => {
    await using dir = await makeTempDir();
    const lines = Array.from({ length: 1_002 }, (_, index) =>
      JSON.stringify({ issuer: index.toString(16).padStart(64, '0') }),
    );
    await writeFile(dir.join('access.log'), lines.join('\n'));
    const { code, stderr } = await run(['rotate', 'observe', dir.join('access.log')]);
    assert.equal(code, 0);
    assert.match(stderr, /: 1002 with an issuer, 0 without; 2 of these have issuers that are not listed/);
  });
});
