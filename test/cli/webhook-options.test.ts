import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { CommandError, exitCode } from '../../src/cli/exit-code.ts';
import { webhookOf } from '../../src/cli/webhook-options.ts';
import type { WebhookFlags } from '../../src/cli/webhook-options.ts';

const files = { webhookCert: 'c', webhookKey: 'k' };
const asked = { kubernetes: true, webhookListen: '0.0.0.0:9443' };

describe('the flags of the webhook', () => {
  it('ask for none by themselves', () => assert.equal(webhookOf({ kubernetes: true }), undefined));

  it('ask for one with files', () =>
    assert.deepEqual(webhookOf({ ...asked, ...files }), {
      listen: '0.0.0.0:9443',
      certificate: { kind: 'files', certificate: 'c', key: 'k' },
    }));

  const refused: readonly (readonly [string, WebhookFlags, RegExp])[] = [
    ['a certificate without an address', { kubernetes: true, webhookCert: 'c' }, /without --webhook-listen/],
    ['no cluster', { ...asked, ...files, kubernetes: false }, /needs --kubernetes/],
    ['a unix socket', { ...asked, ...files, webhookListen: 'unix:/a' }, /HOST:PORT only/],
    ['no certificate', asked, /--webhook-cert and --webhook-key/],
    ['a certificate without its key', { ...asked, webhookCert: 'c' }, /--webhook-cert and --webhook-key/],
  ];
  for (const [what, flags, sentence] of refused) {
    it(`are refused with ${what}`, () =>
      assert.throws(
        () => webhookOf(flags),
        (error: unknown) =>
          error instanceof CommandError && error.code === exitCode.usage && sentence.test(error.message),
      ));
  }
});
