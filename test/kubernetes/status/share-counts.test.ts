import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';

import type { MeshCount } from '../../../src/kubernetes/status/core/replica-counts.ts';
import { shareCounts } from '../../../src/kubernetes/status/share-counts.ts';
import type { MovedProxies, SharedCounts } from '../../../src/kubernetes/status/share-counts.ts';
import { startFakeCluster } from './fake-cluster.ts';
import type { Answer, FakeCluster, Request } from './fake-cluster.ts';

/** Stores the annotations of one Lease, which does not exist at first. */
function createStore(): (request: Request) => Answer {
  let annotations: Record<string, unknown> | undefined;
  return ({ method, body }) => {
    const sent = (body['metadata'] as { annotations: Record<string, unknown> }).annotations;
    if (method === 'PATCH' && annotations === undefined) return { status: 404 };
    annotations = { ...annotations, ...sent };
    for (const [key, value] of Object.entries(annotations)) if (value === null) delete annotations[key];
    return { status: 200, object: { metadata: { resourceVersion: '1', annotations } } };
  };
}

const count = (connected: number, acked = connected, version = 'v1'): MeshCount => ({
  version,
  connected,
  acked,
  lost: 0,
});

const nothingMoved: MovedProxies = {
  lost: () => Promise.resolve([]),
  connected: () => Promise.resolve([]),
  release: () => assert.fail('nothing was lost'),
};

function share(
  t: TestContext,
  { client }: FakeCluster,
  identity: string,
  local: () => MeshCount,
  moved: MovedProxies = nothingMoved,
): SharedCounts {
  const counts = shareCounts({
    client,
    namespace: 'ns',
    name: 'meshtrust-replicas',
    identity,
    local: () => new Map([['default', local()]]),
    moved,
    outcomes: () => undefined,
    everyMs: 20,
  });
  t.after(() => counts.close());
  return counts;
}

test('two replicas: each counts the proxies of both, until one ends', async (t) => {
  const cluster = await startFakeCluster(t, createStore());
  const one = share(t, cluster, 'one', () => count(3));
  await cluster.until(1, ({ method }) => method === 'POST');
  const two = share(t, cluster, 'two', () => count(4, 2));
  await cluster.until(6, ({ method }) => method === 'PATCH');
  const sum = { connected: 7, acked: 5, lost: 0, complete: true };
  assert.deepEqual(
    [one, two].map((each) => each.countsOf('default', 'v1')),
    [sum, sum],
  );
  assert.deepEqual(
    one.others().map(({ replica }) => replica),
    ['two'],
  );
  await two.close();
  const before = cluster.requests.length;
  await cluster.until(before + 2, () => true);
  assert.deepEqual(one.countsOf('default', 'v1'), { connected: 3, acked: 3, lost: 0, complete: true });
});

test('another state is served: counts are incomplete until newer reports arrive', async (t) => {
  const cluster = await startFakeCluster(t, createStore());
  const counts = share(t, cluster, 'one', () => count(0));
  await cluster.until(2, ({ method }) => method === 'PATCH');
  counts.served();
  assert.equal(counts.countsOf('default', 'v1').complete, false);
  const before = cluster.requests.length;
  await cluster.until(before + 3, () => true);
  assert.equal(counts.countsOf('default', 'v1').complete, true);
});

test('Lease that cannot be written: counts are incomplete', async (t) => {
  const cluster = await startFakeCluster(t, () => ({ status: 403 }));
  const counts = share(t, cluster, 'one', () => count(3));
  await cluster.until(2, () => true);
  assert.deepEqual(counts.countsOf('default', 'v1'), { connected: 3, acked: 3, lost: 0, complete: false });
});

test('lost proxy that connected to another replica: is released, but not for an earlier loss', async (t) => {
  const cluster = await startFakeCluster(t, createStore());
  const released = Promise.withResolvers<unknown>();
  const lost = [1, 2].map((goneAt) => ({ mesh: 'default', node: `n${goneAt}`, goneAt }));
  share(t, cluster, 'one', () => count(1), {
    ...nothingMoved,
    lost: () => Promise.resolve(lost),
    release: released.resolve,
  });
  share(t, cluster, 'two', () => count(1), {
    ...nothingMoved,
    // The second proxy was connected here after an earlier loss.
    connected: (proxies) =>
      Promise.resolve(proxies.map((proxy) => (proxy.goneAt === 2 ? { ...proxy, goneAt: 1 } : proxy))),
  });
  assert.deepEqual(await released.promise, lost.slice(0, 1));
});
