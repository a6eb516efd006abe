import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createApiClient } from '../../../src/kubernetes/client/api-client.ts';
import { loadKubeConfig } from '../../../src/kubernetes/client/kube-config.ts';
import { reviewBy } from '../../../src/kubernetes/tokens/token-review.ts';
import { poll } from '../../kit/poll.ts';
import { startKubernetes } from '../../kit/kubernetes.ts';
import { findCluster, skip } from './stage.ts';

test('API server: says which tokens of service accounts it accepts', { skip }, async (t) => {
  await using cluster = await startKubernetes(findCluster());
  const kubectl = async (command: string, input?: string): Promise<string> =>
    (await cluster.kubectl(command.split(' '), input)).stdout.trim();
  await kubectl('create namespace edge');
  for (const name of ['envoy', 'meshtrust', 'weak'])
    await kubectl(`--namespace edge create serviceaccount ${name}`);
  const pod = (name: string): string =>
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'edge' },
      spec: { serviceAccountName: 'envoy', containers: [{ name: 'a', image: 'a.test/a' }] },
    });
  await kubectl('apply -f -', pod('envoy-1'));
  const role = 'clusterrole meshtrust-tokens --verb=create --resource=tokenreviews.authentication.k8s.io';
  await kubectl(`create ${role}`);
  await kubectl(
    'create clusterrolebinding meshtrust-tokens --clusterrole=meshtrust-tokens --serviceaccount=edge:meshtrust',
  );
  const token = (audience: string, more = ''): Promise<string> =>
    kubectl(`--namespace edge create token envoy --audience=${audience}${more}`);
  const clientOf = async (account: string) => {
    const { kubeconfig } = await cluster.writeKubeconfig(account, await cluster.tokenOf('edge', account));
    return createApiClient(() => loadKubeConfig(kubeconfig));
  };
  const client = await clientOf('meshtrust');
  const review = async (text: string, by = client) =>
    reviewBy(by, 'meshtrust')(text, new AbortController().signal, 5_000);
  const account = { kind: 'service-account', namespace: 'edge', name: 'envoy' } as const;

  await t.test('right audience: the service account', async () => {
    assert.deepEqual(await review(await token('meshtrust')), {
      kind: 'accepted',
      account: { ...account, pod: undefined },
    });
  });

  await t.test('token of a pod: the pod as well, until it is deleted', async () => {
    const bound = await token('meshtrust', ' --bound-object-kind=Pod --bound-object-name=envoy-1');
    assert.deepEqual(await review(bound), { kind: 'accepted', account: { ...account, pod: 'envoy-1' } });
    await kubectl('--namespace edge delete pod envoy-1 --force --grace-period=0');
    // The API server remembers a review for ten seconds.
    await poll('the token to be refused', async () => (await review(bound)).kind === 'refused' || undefined, {
      timeoutMs: 30_000,
    });
  });

  await t.test('another audience, and a changed token: refused', async () => {
    const other = await review(await token('vault'));
    assert.deepEqual([other.kind, 'reason' in other && other.reason], ['refused', 'audience']);
    const good = await token('meshtrust');
    const [head, body, signature = ''] = good.split('.');
    const changed = `${head}.${body}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`;
    const forged = await review(changed);
    assert.deepEqual([forged.kind, 'reason' in forged && forged.reason], ['refused', 'token']);
  });

  await t.test('no right to review tokens: unavailable, so that nothing is remembered', async () => {
    const result = await review(await token('meshtrust'), await clientOf('weak'));
    assert.match(result.kind === 'unavailable' ? result.reason : result.kind, /^403: .*tokenreviews/);
  });

  await t.test('API server away: unavailable, and accepted again once it is back', async () => {
    const text = await token('meshtrust');
    await cluster.stopServer();
    assert.equal((await review(text)).kind, 'unavailable');
    await cluster.startServer();
    assert.equal((await review(text)).kind, 'accepted');
  });
});
