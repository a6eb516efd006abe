import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRestClient } from '../../../src/inputs/universal/rest-client.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { startGlobalApi } from '../../kit/global-api.ts';
import { withoutTlsChecks } from '../../kit/without-tls-checks.ts';

test('NODE_TLS_REJECT_UNAUTHORIZED=0: the certificate of the REST API is still verified', async () => {
  const server = makeLeaf(makeCa(), { commonName: 'global', dnsNames: ['localhost'] });
  await using api = await startGlobalApi({ tls: { cert: server.certPem, key: server.keyPem } });
  const url = api.url.replace('127.0.0.1', 'localhost');
  const client = createRestClient({ url, tokenFile: undefined, ca: undefined });
  using _ = withoutTlsChecks();
  await assert.rejects(client.get('/meshtrusts', new AbortController().signal), {
    code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  });
  assert.equal(api.requests.length, 0);
  client.close();
});
