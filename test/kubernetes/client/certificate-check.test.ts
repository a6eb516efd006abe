import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createApiClient } from '../../../src/kubernetes/client/api-client.ts';
import { callApi } from '../../../src/kubernetes/client/call-api.ts';
import { loadKubeConfig } from '../../../src/kubernetes/client/kube-config.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { withoutTlsChecks } from '../../kit/without-tls-checks.ts';
import { startEchoServer, writeKubeConfig } from './echo-server.ts';

test('NODE_TLS_REJECT_UNAUTHORIZED=0: only the kubeconfig can switch the check of the API server off', async (t) => {
  await using dir = await makeTempDir();
  const url = await startEchoServer(t);
  using _ = withoutTlsChecks();
  for (const [cluster, kind] of [
    [{ 'certificate-authority': undefined }, 'unreachable'],
    [{}, 'answered'],
    [{ 'certificate-authority': undefined, 'insecure-skip-tls-verify': true }, 'answered'],
  ] as const) {
    const path = await writeKubeConfig(dir, url, { token: 'token' }, cluster);
    const client = createApiClient(() => loadKubeConfig(path, {}));
    const reply = await callApi(client, '/version', new AbortController().signal);
    assert.equal(reply.kind, kind, JSON.stringify(cluster));
    client.close();
  }
});
