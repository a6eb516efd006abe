import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { suite, test } from 'node:test';
import { endpointProblem } from '../../../src/trust/federation/endpoint-cas.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import type { LeafOptions } from '../../kit/certificates.ts';

const ca = makeCa();
const spiffeId = 'spiffe://a.test/spire/server';

suite('certificate of an endpoint with https_spiffe', () => {
  const cases: readonly (readonly [what: string, options: LeafOptions, problem: RegExp | undefined])[] = [
    ['the expected SPIFFE ID', { spiffeId }, undefined],
    ['another path', { spiffeId: `${spiffeId}/x` }, /another SPIFFE ID/],
    ['no URI', {}, /no SPIFFE IDs/],
    ['two URIs', { uris: [spiffeId, 'spiffe://b.test/x'] }, /several SPIFFE IDs/],
    ['a CA', { spiffeId, basicConstraints: { kind: 'ca' } }, /is a CA/],
    ['may sign certificates', { spiffeId, keyUsage: ['digitalSignature', 'keyCertSign'] }, /may sign/],
    ['may sign CRLs', { spiffeId, keyUsage: ['digitalSignature', 'cRLSign'] }, /may sign/],
    ['no key usage', { spiffeId, keyUsage: undefined }, undefined],
  ];
  for (const [what, options, problem] of cases)
    test(`${what}: ${problem === undefined ? 'no problem' : 'is refused'}`, () => {
      const { raw } = new X509Certificate(makeLeaf(ca, options).certPem);
      const found = endpointProblem(raw, spiffeId);
      if (problem === undefined) assert.equal(found, undefined);
      else assert.match(found ?? '', problem);
    });

  test('bytes that are no certificate: are refused', () => {
    assert.match(endpointProblem(Buffer.from([0x30, 0x03, 1, 2, 3]), spiffeId) ?? '', /cannot be read/);
  });
});
