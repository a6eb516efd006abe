import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { classifyRefusal } from '../../../src/observe/metrics/xds-metrics.ts';

suite('class of a NACK', () => {
  const table = [
    ['Failed to load trusted CA certificate for b.test', 'trusted-ca'],
    ['Error adding/updating listener(s) l4: Failed to load trusted CA certificate for b.test', 'trusted-ca'],
    ["Failed to create x509 object while loading certs in domain 'b.test'", 'trusted-ca'],
    ['Multiple trust bundles are given for one trust domain for a.test', 'trust-domain'],
    ['Failed to load certificate chain from <inline>', 'own-certificate'],
    ['Failed to load private key from <inline>', 'own-certificate'],
    ['Invalid path: /nonexistent/x.pem', 'file'],
    ['Failed to get certificate validator factory for foo', 'validator'],
    ['Proto constraint validation failed (TypedConfig: value is required)', 'validator'],
    ['Unexpected SDS secret (expecting system_trust_bundle): wrong', 'resource'],
    ['duplicate name system_trust_bundle found among added/updated resources', 'resource'],
    ['', 'other'],
    [`${'x'.repeat(100_000)}Invalid path`, 'other'],
  ] as const;
  for (const [message, expected] of table)
    test(`${JSON.stringify(message.slice(0, 60))}: ${expected}`, () =>
      assert.equal(classifyRefusal(message), expected));
});
