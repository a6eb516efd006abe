import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import { CommandError, exitCode } from '../../../src/cli/terminal/exit-code.ts';
import { webhookOf } from '../../../src/cli/flags/webhook-options.ts';
import type { WebhookFlags } from '../../../src/cli/flags/webhook-options.ts';

const defaults = { kubernetes: true, kubeNamespace: 'kuma-system', webhookConfiguration: 'meshtrust' };
const asked = { ...defaults, webhookListen: '0.0.0.0:9443' };
const files = { webhookCert: 'c', webhookKey: 'k' };

suite('the flags of the webhook', () => {
  test('defaults: no webhook', () => assert.equal(webhookOf(defaults), undefined));

  test('certificate files: a webhook with these files', () =>
    assert.deepEqual(webhookOf({ ...asked, ...files }), {
      listen: '0.0.0.0:9443',
      certificate: { kind: 'files', certificate: 'c', key: 'k' },
    }));

  test('--webhook-secret: a webhook that keeps its certificate in the Secret', () =>
    assert.deepEqual(webhookOf({ ...asked, webhookSecret: 's', kubeLeaseNamespace: 'n' })?.certificate, {
      kind: 'secret',
      secret: 's',
      configuration: 'meshtrust',
      namespace: 'n',
      watched: 'kuma-system',
    }));

  const refused: readonly (readonly [string, WebhookFlags, RegExp])[] = [
    ['a certificate without an address', { ...defaults, webhookCert: 'c' }, /without --webhook-listen/],
    ['a Secret without an address', { ...defaults, webhookSecret: 's' }, /without --webhook-listen/],
    ['files and a Secret', { ...asked, ...files, webhookSecret: 's' }, /not both/],
    ['no cluster', { ...asked, ...files, kubernetes: false }, /needs --kubernetes/],
    ['a unix socket', { ...asked, ...files, webhookListen: 'unix:/a' }, /must be HOST:PORT/],
    ['no certificate', asked, /--webhook-cert and --webhook-key/],
    ['a certificate without its key', { ...asked, webhookCert: 'c' }, /--webhook-cert and --webhook-key/],
  ];
  for (const [what, flags, sentence] of refused) {
    test(`${what}: refused`, () =>
      assert.throws(
        () => webhookOf(flags),
        (error: unknown) =>
          error instanceof CommandError && error.code === exitCode.usage && sentence.test(error.message),
      ));
  }
});
