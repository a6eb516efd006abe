import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Metadata, credentials } from '@grpc/grpc-js';
import { secretTypeUrl } from '../../../src/trust/snapshot/publisher.ts';
import { startChild } from '../../kit/child.ts';
import { makeDomain } from '../../kit/domain.ts';
import { startKubernetes } from '../../kit/kubernetes.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { watchedDir } from '../../kit/watched-dir.ts';
import { createClient } from '../../xds/client.ts';
import type { ClientStream } from '../../xds/client.ts';
import type { DeltaResponse } from '../../xds/codec.ts';
import { ads } from '../../xds/loopback/serving.ts';
import { findCluster, skip } from './stage.ts';

const flood = fileURLToPath(new URL('../../kit/attacks/flood-tokens.ts', import.meta.url));

/** An API server, and a program whose proxies have tokens of the service account edge/envoy. */
async function startScene(args: readonly string[] = []) {
  await using stack = new AsyncDisposableStack();
  const cluster = stack.use(await startKubernetes(findCluster()));
  const kubectl = async (command: string, input?: string): Promise<string> =>
    (await cluster.kubectl(command.split(' '), input)).stdout.trim();
  await kubectl('create namespace edge');
  for (const name of ['envoy', 'meshtrust']) await kubectl(`--namespace edge create serviceaccount ${name}`);
  await kubectl('create clusterrole tokens --verb=create --resource=tokenreviews.authentication.k8s.io');
  await kubectl('create clusterrolebinding tokens --clusterrole=tokens --serviceaccount=edge:meshtrust');
  const trust = stack.use(await makeTempDir());
  const { put } = watchedDir(trust.path);
  await writeFile(trust.join('a.yaml'), makeDomain('a.test').yaml());
  const account = await cluster.tokenOf('edge', 'meshtrust');
  const { kubeconfig } = await cluster.writeKubeconfig('program', account);
  const program = stack.use(
    await startMeshtrust({
      dirs: [trust.path],
      args: ['--xds-auth=token', `--kubeconfig=${kubeconfig}`, ...args],
    }),
  );

  /** Opens a stream with the token. The caller closes it. */
  function open(token: string): ClientStream<DeltaResponse> {
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${token}`);
    const client = createClient(`127.0.0.1:${program.xdsPort}`, {}, credentials.createInsecure(), metadata);
    const stream = client.delta(ads.delta);
    void stream.ended.then(() => client[Symbol.dispose]());
    stream.send({ type_url: secretTypeUrl, resource_names_subscribe: ['ALL'], node: { id: 'envoy-1' } });
    return stream;
  }

  const owned = stack.move();
  return {
    cluster,
    kubectl,
    program,
    put,
    open,
    /** Returns a new token of a proxy. */
    token: (more = ''): Promise<string> =>
      kubectl(`--namespace edge create token envoy --audience=meshtrust${more}`),
    /** Opens a stream, closes it again, and returns `served`, or the status that ended it. */
    result: async (token: string): Promise<string> => {
      using stream = open(token);
      return await stream.next().then(
        () => 'served',
        async () => {
          const { code, details } = await stream.ended;
          return `${code} ${details}`;
        },
      );
    },
    /** Returns the number of reviews, and of requests for the keys. */
    requests: async () => ({
      reviews: (await cluster.asked()).filter(({ resource }) => resource === 'tokenreviews').length,
      keys: (await cluster.askedPaths()).filter((path) => path.startsWith('/openid/v1/jwks')).length,
    }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Returns the token with another key ID. */
function withKeyId(token: string, kid: string): string {
  const [head = '', ...rest] = token.split('.');
  const header = JSON.parse(Buffer.from(head, 'base64url').toString()) as object;
  return [Buffer.from(JSON.stringify({ ...header, kid })).toString('base64url'), ...rest].join('.');
}

suite('tokens, while the API server changes', { skip }, () => {
  test('API server away: open streams get changes, cached tokens are accepted, and others are unavailable until it is back', async () => {
    await using scene = await startScene();
    const [cached, other] = [await scene.token(), await scene.token()];
    using stream = scene.open(cached);
    const first = await stream.next();
    stream.send({ type_url: secretTypeUrl, response_nonce: first.nonce });
    await scene.cluster.stopServer();

    await scene.put('b.yaml', makeDomain('b.test').yaml());
    const changed = await stream.next();
    assert.ok(changed.resources.length > 0, 'the open stream gets the change');
    assert.equal(await scene.result(cached), 'served', 'within the time of the cache');
    assert.match(await scene.result(other), /^14 the token cannot be reviewed now/);
    assert.match(await scene.result(withKeyId(other, 'invented')), /^14 the token cannot be reviewed now/);
    const failures = await scene.program.metric('meshtrust_xds_auth_failures_total');
    assert.equal(failures.get('reason="review-unavailable"'), 2);

    await scene.cluster.startServer();
    assert.equal(await scene.result(other), 'served');
    await scene.put('c.yaml', makeDomain('c.test').yaml());
    stream.send({ type_url: secretTypeUrl, response_nonce: changed.nonce });
    assert.ok((await stream.next()).resources.length > 0);
  });

  test('flood of invented keys: no reviews and few reads of the keys, and a token of a new key is accepted', async () => {
    await using scene = await startScene();
    const good = await scene.token();
    assert.equal(await scene.result(good), 'served');
    const before = await scene.requests();
    const startedAt = performance.now();
    await using attacker = await startChild(process.execPath, [
      flood,
      String(scene.program.xdsPort),
      '0',
      '-',
    ]);
    const ended = (): number => Number(attacker.stdout().trim().split('\n').at(-1));
    await poll('the flood', () => ended() >= 2_000 || undefined, { timeoutMs: 60_000 });
    const during = await poll('a read of the keys', async () => {
      const { reviews, keys } = await scene.requests();
      return keys > before.keys ? { reviews, keys } : undefined;
    });
    const seconds = (performance.now() - startedAt) / 1_000;
    assert.equal(during.reviews - before.reviews, 0);
    const reads = during.keys - before.keys;
    assert.ok(reads <= 2 + seconds / 2, `${reads} reads of the keys in ${seconds} s`);

    await scene.cluster.rotateKey();
    await scene.cluster.stopServer();
    await scene.cluster.startServer();
    const later = await scene.token();
    assert.notEqual(later.split('.')[0], good.split('.')[0], 'it has another key');
    await poll('a token of the new key to be accepted', async () =>
      (await scene.result(later)) === 'served' ? true : undefined,
    );
    await attacker.stop();
    assert.equal(await scene.result(await scene.token()), 'served');
    assert.equal(await scene.result(good), 'served', 'the old key is still accepted');
  });

  test('API server with a new key, no flood: the first token of it is accepted at once', async () => {
    await using scene = await startScene();
    assert.equal(await scene.result(await scene.token()), 'served');
    await scene.cluster.rotateKey();
    await scene.cluster.stopServer();
    await scene.cluster.startServer();
    assert.equal(await scene.result(await scene.token()), 'served');
    assert.match(
      await scene.result(withKeyId(await scene.token(), 'invented')),
      /^16 no key of the API server/,
    );
  });

  test('keys that the program may not read: tokens are reviewed', async () => {
    await using scene = await startScene();
    await scene.kubectl('delete clusterrolebinding system:service-account-issuer-discovery');
    await using trust = await makeTempDir();
    await writeFile(trust.join('a.yaml'), makeDomain('a.test').yaml());
    const account = await scene.cluster.tokenOf('edge', 'meshtrust');
    const { kubeconfig } = await scene.cluster.writeKubeconfig('blind', account);
    await using program = await startMeshtrust({
      dirs: [trust.path],
      args: ['--xds-auth=token', `--kubeconfig=${kubeconfig}`],
    });
    await program.logged('the keys', ({ event }) => event === 'token-keys');
    const result = async (token: string): Promise<string> => {
      const metadata = new Metadata();
      metadata.set('authorization', `Bearer ${token}`);
      using client = createClient(`127.0.0.1:${program.xdsPort}`, {}, credentials.createInsecure(), metadata);
      using stream = client.delta(ads.delta);
      stream.send({ type_url: secretTypeUrl, resource_names_subscribe: ['ALL'], node: { id: 'envoy-1' } });
      return await stream.next().then(
        () => 'served',
        async () => (await stream.ended).details,
      );
    };
    assert.equal(await result(await scene.token()), 'served');
    assert.equal(
      await result(withKeyId(await scene.token(), 'invented')),
      'the API server does not accept the token',
    );
  });

  test('pod deleted: new streams are refused after the time of the cache, and the open one at its age', async () => {
    await using scene = await startScene(['--xds-token-cache=1s', '--xds-max-stream-age=2s']);
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'envoy-1', namespace: 'edge' },
      spec: { serviceAccountName: 'envoy', containers: [{ name: 'a', image: 'a.test/a' }] },
    };
    await scene.kubectl('apply -f -', JSON.stringify(pod));
    const bound = await scene.token(' --bound-object-kind=Pod --bound-object-name=envoy-1');
    using stream = scene.open(bound);
    await stream.next();
    await scene.kubectl('--namespace edge delete pod envoy-1 --force --grace-period=0');
    // The API server itself remembers a review for ten seconds.
    const [end, status] = await Promise.all([
      stream.ended,
      poll(
        'new streams to be refused',
        async () => {
          const result = await scene.result(bound);
          return result === 'served' ? undefined : result;
        },
        { timeoutMs: 30_000 },
      ),
    ]);
    assert.match(status, /^16 the API server does not accept the token/);
    assert.deepEqual([end.code, end.details], [16, 'the API server does not accept the token']);
    const other = await scene.token();
    assert.equal(await scene.result(other), 'served', 'the service account is still accepted');
  });
});
