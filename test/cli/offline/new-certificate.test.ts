import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { AnchorCertificate, TrustDomainCertificates } from '../../../src/api/certificate-api-types.ts';
import { newCaOf } from '../../../src/cli/offline/new-certificate.ts';
import { caNamesLimit, countNames } from '../../../src/trust/bundle/ca-names.ts';
import { encodePem } from '../../../src/trust/pem/encode-pem.ts';
import { longName, makeCa, makeKey } from '../../kit/certificates.ts';
import { reader } from '../../kit/resources.ts';

type Origin = AnchorCertificate['origin'];

const key = makeKey();
/** Reads a CA. All names have one length. */
const read = (commonName: string) => {
  const [block] = reader.read(makeCa({ subject: longName(2_000, commonName), key }).certPem);
  assert.ok(block?.kind === 'anchor');
  return block.certificate;
};
const anchorOf = ({ fingerprint, der }: ReturnType<typeof read>, origin: Origin): AnchorCertificate => ({
  fingerprint,
  rooting: 'as-listed',
  pem: encodePem(der),
  ...(origin === undefined ? {} : { origin }),
});
const [old, next] = [read('old'), read('new')];
const found = { kind: 'anchor', certificate: next, pem: encodePem(next.der) } as const;
/** The most other names beside those of both CAs. */
const most = Math.floor(caNamesLimit / countNames([{ anchors: [{ certificate: old }] as never }]).size) - 2;
const others = Array.from({ length: most + 1 }, (_, index) => read(`o${String(index).padStart(2, '0')}`));

suite('names of the CAs with a new one', () => {
  for (const [what, oldOrigin, counts, expected] of [
    ['as many names as fit', undefined, { local: most }, 'fit'],
    ['one name too many', undefined, { local: most + 1 }, 'too-long'],
    ['one name too many, of a peer', undefined, { local: most, federated: 1 }, 'displace-others'],
    ['one name too many, of another zone', undefined, { local: most, imported: 1 }, 'displace-others'],
    ['more names of peers than fit', undefined, { federated: most + 1 }, 'displace-others'],
    ['CA of another zone, and as many names as fit', 'imported', { local: 1, imported: most - 1 }, 'fit'],
    ['CA of another zone, and one name too many', 'imported', { local: 1, imported: most }, 'too-long'],
    [
      'CA of another zone, and one name too many, of a peer',
      'imported',
      { imported: most, federated: 1 },
      'displace-others',
    ],
    ['CA of a peer, and one name too many, of a peer', 'federated', { federated: most + 1 }, 'too-long'],
  ] as const satisfies readonly (readonly [string, Origin, Partial<Record<string, number>>, string])[])
    test(`${what}: ${expected}`, () => {
      const rest = others.values();
      const served: readonly TrustDomainCertificates[] = [
        { name: 'a.test', anchors: [anchorOf(old, oldOrigin)] },
        ...Object.entries(counts).map(([origin, count]) => ({
          name: `${origin}.test`,
          anchors: [...rest.take(count)].map((one) =>
            anchorOf(one, origin === 'local' ? undefined : (origin as Origin)),
          ),
        })),
      ];
      const given = newCaOf(found, { served, trustDomain: 'a.test', old: old.fingerprint }, reader);
      assert.equal(given.kind === 'usable' && given.names, expected);
    });

  test('old CA that is not served: the names of all CAs count', () => {
    const anchors = others.map((one) => anchorOf(one, 'federated'));
    const served = [{ name: 'b.test', anchors: [...anchors, anchorOf(read('one'), 'federated')] }];
    const given = newCaOf(found, { served, trustDomain: 'a.test', old: old.fingerprint }, reader);
    assert.equal(given.kind === 'usable' && given.names, 'too-long');
  });
});
