import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parseSpiffeId } from '../../../src/trust/model/spiffe-id.ts';

// https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md, section 2
suite('SPIFFE ID of a workload', () => {
  for (const id of [
    'spiffe://a.test/ns/edge/sa/envoy',
    'spiffe://a.test/...',
    'spiffe://a.test/.x/x.',
    'spiffe://a_b-c.test/A_b-1.2',
    `spiffe://a.test/${'x'.repeat(2_048 - 'spiffe://a.test/'.length)}`,
  ])
    test(`${id.slice(0, 40)}: is valid`, () => {
      const parsed = parseSpiffeId(id);
      assert.ok(typeof parsed === 'object', JSON.stringify(parsed));
      assert.equal(parsed.id, id);
      assert.equal(parsed.trustDomain, id.split('/')[2]);
    });

  for (const [id, reason] of [
    ['spiffe://a.test/.', /segment/],
    ['spiffe://a.test/..', /segment/],
    ['spiffe://a.test/ns/../sa', /segment/],
    ['spiffe://a.test/ns/./sa', /segment/],
    ['spiffe://a.test', /path/],
    ['spiffe://a.test/', /path/],
    ['spiffe://a.test/ns//sa', /path/],
    ['spiffe://a.test/ns/', /path/],
    ['spiffe://a.test/%2e%2e', /path/],
    ['spiffe://a.test/x?y', /path/],
    ['spiffe://a.test/x#y', /path/],
    ['spiffe://a.test/x\n', /path/],
    ['spiffe://A.test/x', /lower case/],
    ['spiffe://a.test:443/x', /trust domain/],
    ['spiffe://user@a.test/x', /trust domain/],
    ['spiffe:///x', /trust domain/],
    ['SPIFFE://a.test/x', /SPIFFE ID/],
    ['https://a.test/x', /SPIFFE ID/],
    [`spiffe://a.test/${'x'.repeat(2_049 - 'spiffe://a.test/'.length)}`, /2048 characters/],
  ] as const)
    test(`${JSON.stringify(id.slice(0, 40))}: is not valid`, () => {
      const parsed = parseSpiffeId(id);
      assert.ok(typeof parsed === 'string');
      assert.match(parsed, reason);
    });
});
