import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

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

describe('a configuration of webhooks', () => {
  const names: readonly (readonly [string, object, string])[] = [
    ['a Service', { service: { name: 'a', namespace: 'b', path: '/validate' } }, 'a.b.svc'],
    ['a URL', { url: 'https://a.test:9443/validate' }, 'a.test'],
    ['a URL with an address', { url: 'https://[::1]:9443/validate' }, '::1'],
  ];
  for (const [what, client, name] of names) {
    it(`tells the name of ${what}`, () =>
      assert.deepEqual(readConfiguration(configuration(client))?.names, [name]));
  }

  it('tells each name once', () =>
    assert.deepEqual(
      readConfiguration(configuration({ url: 'https://a.test/' }, { url: 'https://a.test/x' }))?.names,
      ['a.test'],
    ));

  for (const [what, object] of Object.entries({
    'no webhook': configuration(),
    nothing: undefined,
    'a webhook that is nowhere': configuration({}),
    'no version': { ...configuration({ url: 'https://a.test/' }), metadata: {} },
  })) {
    it(`with ${what} is none`, () => assert.equal(readConfiguration(object), undefined));
  }

  it('is left alone where each webhook has the authorities', () => {
    const targets = readConfiguration(configuration({ url: 'https://a.test/', caBundle: base64('A\nB\n') }));
    assert.equal(authoritiesPatch(targets!, ['A\n', 'B\n']), undefined);
  });

  it('is patched for those that have none or others, by the version that was read', () => {
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
