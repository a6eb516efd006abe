import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import {
  authoritiesPatch,
  readConfiguration,
} from '../../../../src/kubernetes/webhook/core/webhook-configuration.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

function configuration(...clients: readonly object[]): object {
  return {
    metadata: { resourceVersion: '7' },
    webhooks: clients.map((clientConfig, index) => ({ name: `w${index}.test.io`, clientConfig })),
  };
}

suite('configuration of webhooks', () => {
  const names: readonly (readonly [string, object, string])[] = [
    ['Service', { service: { name: 'a', namespace: 'b', path: '/validate' } }, 'a.b.svc'],
    ['URL', { url: 'https://a.test:9443/validate' }, 'a.test'],
    ['URL with an address', { url: 'https://[::1]:9443/validate' }, '::1'],
  ];
  for (const [what, client, name] of names) {
    test(`${what}: its host name is returned`, () =>
      assert.deepEqual(readConfiguration(configuration(client))?.names, [name]));
  }

  test('several webhooks of one host: the name is returned once', () =>
    assert.deepEqual(
      readConfiguration(configuration({ url: 'https://a.test/' }, { url: 'https://a.test/x' }))?.names,
      ['a.test'],
    ));

  for (const [what, object] of Object.entries({
    'no webhook': configuration(),
    nothing: undefined,
    'webhook without an address': configuration({}),
    'no resource version': { ...configuration({ url: 'https://a.test/' }), metadata: {} },
  })) {
    test(`${what}: the configuration is rejected`, () => assert.equal(readConfiguration(object), undefined));
  }

  test('all webhooks have the CA certificates: no patch', () => {
    const targets = readConfiguration(configuration({ url: 'https://a.test/', caBundle: base64('A\nB\n') }));
    assert.equal(authoritiesPatch(targets!, ['A\n', 'B\n']), undefined);
  });

  test('webhooks with other or no CA certificates: are patched, with the resource version', () => {
    const url = 'https://a.test/';
    const clients = [{ url }, { url, caBundle: base64('A\n') }, { url, caBundle: base64('B\n') }];
    assert.deepEqual(authoritiesPatch(readConfiguration(configuration(...clients))!, ['A\n']), {
      metadata: { resourceVersion: '7' },
      webhooks: ['w0.test.io', 'w2.test.io'].map((name) => ({
        name,
        clientConfig: { caBundle: base64('A\n') },
      })),
    });
  });
});
