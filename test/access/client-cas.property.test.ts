import { X509Certificate } from 'node:crypto';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClientCas } from '../../src/access/client-cas.ts';
import { makeCa, makeIntermediate, makeKey, makeLeaf } from '../kit/certificates.ts';
import type { Certificate, CertificateOptions } from '../kit/certificates.ts';
import { contextConstructed, contextPrimitive, sequence } from '../kit/der.ts';
import * as fc from '../kit/fast-check.ts';
import { connectTo } from './connect-to.ts';

const hour = 3_600_000;
const names = ['A', 'B', 'C'] as const;
const keys = { A: makeKey(), B: makeKey(), C: makeKey() };

/** Name constraints with a range of IP addresses. `list`: 0 permits them, 1 excludes them. */
function constrained(list: 0 | 1, ...range: readonly number[]): CertificateOptions {
  const value = sequence(contextConstructed(list, sequence(contextPrimitive(7, Buffer.from(range)))));
  return { otherExtensions: [{ id: '2.5.29.30', value, critical: true }] };
}

/** What is unusual about a CA certificate. */
const oddities: readonly CertificateOptions[] = [
  {},
  { notBefore: new Date(Date.now() - 2 * hour), notAfter: new Date(Date.now() - hour) },
  { basicConstraints: { kind: 'ca', pathLength: 0 } },
  { basicConstraints: { kind: 'ca', pathLength: 1 } },
  { basicConstraints: { kind: 'end-entity' } },
  { basicConstraints: undefined },
  { basicConstraints: undefined, keyUsage: undefined },
  {
    version: 1,
    basicConstraints: undefined,
    keyUsage: undefined,
    subjectKeyId: false,
    authorityKeyId: undefined,
  },
  { keyUsage: ['digitalSignature'] },
  { extendedKeyUsage: ['serverAuth'] },
  { extendedKeyUsage: ['clientAuth'] },
  { permittedUriHosts: ['a.test'] },
  { permittedUriHosts: ['b.test'] },
  constrained(0, 10, 0, 0, 0, 255, 0, 0, 0),
  constrained(0, 11, 0, 0, 0, 255, 0, 0, 0),
  constrained(1, 10, 0, 0, 0, 255, 0, 0, 0),
  constrained(1, ...Array.from({ length: 32 }, () => 0)),
  { subjectKeyId: false },
  { authorityKeyId: undefined },
  { authorityKeyId: 'issuer-and-serial' },
];

// Most certificates are usual, so that most chains are valid.
const odd = fc.oneof({ weight: 1, arbitrary: fc.constant(0) }, fc.nat({ max: oddities.length - 1 }));
const place = fc.constantFrom('listed', 'sent', 'both');

/** CA certificates above the key of A, without the root A, which is removed. */
const authorities = fc
  .record({
    cross: fc.record({ odd, place }),
    middle: fc.option(fc.record({ odd, place }), { nil: undefined }),
    root: fc.record({ odd, place: fc.constantFrom('listed', 'both') }),
    others: fc.array(
      fc.record({ name: fc.constantFrom(...names), issuer: fc.constantFrom(...names), odd, place }),
      { maxLength: 2 },
    ),
  })
  .map(({ cross, middle, root, others }) => [
    { name: 'A', issuer: 'B', ...cross } as const,
    ...(middle === undefined ? [] : [{ name: 'B', issuer: 'C', ...middle } as const]),
    ...(middle === undefined
      ? [{ name: 'B', issuer: 'B', ...root } as const]
      : [{ name: 'C', issuer: 'C', ...root } as const]),
    ...others.filter(({ name, issuer }) => name !== 'A' || issuer !== 'A'),
  ]);

/** Certificates by their description: they are the same in each run of the property. */
const made = new Map<string, Certificate>();

function certificateOf(name: (typeof names)[number], issuer: (typeof names)[number], odd = 0): Certificate {
  const id = `${name} ${issuer} ${odd}`;
  let certificate = made.get(id);
  if (certificate === undefined) {
    const options = { commonName: name, key: keys[name], ...oddities[odd] };
    certificate =
      name === issuer ? makeCa(options) : makeIntermediate(certificateOf(issuer, issuer), options);
    made.set(id, certificate);
  }
  return certificate;
}

test('root that was removed or never listed, and any CAs that signed its key: a client that TLS accepts on a new connection is not refused', async () => {
  const removed = certificateOf('A', 'A');
  const address = contextPrimitive(7, Buffer.from([10, 0, 0, 1]));
  const leaf = makeLeaf(removed, { spiffeId: 'spiffe://a.test/x', otherNames: [address] });
  await fc.assert(
    fc.asyncProperty(authorities, fc.boolean(), async (described, isRemoved) => {
      const at = (wanted: string): readonly Certificate[] =>
        described
          .filter((one) => one.place === wanted || one.place === 'both')
          .map((one) => certificateOf(one.name, one.issuer, one.odd));
      const [listed, sent] = [at('listed'), at('sent')];
      const clientCas = createClientCas();
      for (const list of isRemoved ? [[removed, ...listed], listed] : [listed])
        clientCas.update(list.map(({ certPem }) => new X509Certificate(certPem)));
      const chain = sent.map(({ der }) => der);
      const isRefused = clientCas.refuses({ leaf: leaf.der, chain, isVerified: true }, Date.now());
      if (isRefused) assert.equal(await connectTo(listed, leaf, sent), 'refused');
    }),
    { numRuns: 300 },
  );
});
