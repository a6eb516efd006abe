import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';

import { Metadata, credentials } from '@grpc/grpc-js';
import { createApiClient } from '../../../src/kubernetes/client/api-client.ts';
import { loadKubeConfig } from '../../../src/kubernetes/client/kube-config.ts';
import { reviewBy } from '../../../src/kubernetes/tokens/token-review.ts';
import { secretTypeUrl } from '../../../src/trust/snapshot/publisher.ts';
import { makeDomain } from '../../kit/domain.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { startKubernetes } from '../../kit/kubernetes.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { createClient } from '../../xds/client.ts';
import { ads } from '../../xds/loopback/serving.ts';
import { findCluster, skip } from './stage.ts';

/** Returns the claims of a token of a service account. */
function claimsOf(token: string): { readonly exp: number; readonly 'kubernetes.io': object } {
  const [, body = ''] = token.split('.');
  return JSON.parse(Buffer.from(body, 'base64url').toString()) as ReturnType<typeof claimsOf>;
}

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

  await t.test(
    'tokens that the API server has signed: are refused for their claims, each with its reason',
    async () => {
      const good = await token('meshtrust');
      const now = Math.floor(Date.now() / 1_000);
      assert.equal((await review(await cluster.changeToken(good, { jti: 'again' }))).kind, 'accepted');
      const pod = { name: 'envoy-2', uid: 'b0a1e1a0-0000-4000-8000-000000000000' };
      const kubernetes = (claims: object): object => ({
        'kubernetes.io': {
          namespace: 'edge',
          serviceaccount: { name: 'envoy', uid: 'b0a1e1a0-0000-4000-8000-000000000001' },
          ...claims,
        },
      });
      const cases: readonly (readonly [what: string, claims: object, reason: string])[] = [
        ['expired', { iat: now - 7_200, nbf: now - 7_200, exp: now - 3_600 }, 'token'],
        ['not valid yet', { nbf: now + 3_600, exp: now + 7_200 }, 'token'],
        ['another audience', { aud: ['vault'] }, 'audience'],
        ['another issuer', { iss: 'https://other.test' }, 'token'],
        ['pod that is gone', { 'kubernetes.io': { ...claimsOf(good)['kubernetes.io'], pod } }, 'token'],
        ['service account that was made again', kubernetes({}), 'token'],
      ];
      for (const [what, claims, reason] of cases) {
        const result = await review(await cluster.changeToken(good, { ...claims }));
        assert.deepEqual([what, result.kind, 'reason' in result && result.reason], [what, 'refused', reason]);
      }
    },
  );

  await t.test(
    'stream of a proxy: ends with the reason, and the API server reviews only what it must',
    async () => {
      await using trust = await makeTempDir();
      await writeFile(trust.join('a.yaml'), makeDomain('a.test').yaml());
      const { kubeconfig } = await cluster.writeKubeconfig(
        'program',
        await cluster.tokenOf('edge', 'meshtrust'),
      );
      await using program = await startMeshtrust({
        dirs: [trust.path],
        args: ['--xds-auth=token', `--kubeconfig=${kubeconfig}`],
      });
      const streamWith = async (text: string): Promise<string> => {
        const metadata = new Metadata();
        metadata.set('authorization', `Bearer ${text}`);
        using proxy = createClient(
          `127.0.0.1:${program.xdsPort}`,
          {},
          credentials.createInsecure(),
          metadata,
        );
        using stream = proxy.delta(ads.delta);
        stream.send({ type_url: secretTypeUrl, resource_names_subscribe: ['ALL'], node: { id: 'envoy-1' } });
        const end = stream.ended;
        return await stream.next().then(
          () => 'served',
          async () => `${(await end).code} ${(await end).details}`,
        );
      };
      const reviews = async (): Promise<number> =>
        (await cluster.asked()).filter(({ resource }) => resource === 'tokenreviews').length;
      const good = await token('meshtrust');
      const now = Math.floor(Date.now() / 1_000);
      const [head, body] = good.split('.');
      // The first one may be reviewed: the server reads the keys of the API server when it starts.
      await poll('a forged token to be known as such', async () =>
        /^16 .*has not signed/.test(await streamWith(`${head}.${body}.AAAA`)) ? true : undefined,
      );
      const before = await reviews();
      const { exp: _, ...unlimited } = claimsOf(good);
      const claims = Buffer.from(JSON.stringify(unlimited)).toString('base64url');
      assert.match(await streamWith(`${head}.${claims}.AAAA`), /^16 .*has not signed/);
      assert.equal(await streamWith(good), 'served');
      const [expired, vault, early] = [
        await cluster.changeToken(good, { exp: now - 60 }),
        await cluster.changeToken(good, { aud: ['vault'] }),
        await cluster.changeToken(good, { nbf: now + 3_600, exp: now + 7_200 }),
      ];
      assert.match(await streamWith(expired), /^16 .*expired/);
      assert.match(await streamWith(vault), /^16 .*not for the audience meshtrust/);
      assert.match(await streamWith(early), /^16 .*API server does not accept/);
      const asked = await poll('the audit log', async () => {
        const count = (await reviews()) - before;
        return count >= 2 ? count : undefined;
      });
      assert.equal(asked, 2, 'one of the good token, and one of the token that is not valid yet');
      const failures = await program.metric('meshtrust_xds_auth_failures_total');
      assert.equal(failures.get('reason="audience"'), 1);
      assert.ok((failures.get('reason="token"') ?? 0) >= 4);
    },
  );

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
