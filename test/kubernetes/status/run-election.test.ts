import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';

import { runElection } from '../../../src/kubernetes/status/run-election.ts';
import type { Election } from '../../../src/kubernetes/status/run-election.ts';
import { startFakeCluster } from './fake-cluster.ts';
import type { Answer, FakeCluster, Request } from './fake-cluster.ts';

const path = '/apis/coordination.k8s.io/v1/namespaces/ns/leases';
const times = { leaseMs: 15_000, renewMs: 10_000, retryMs: 5 };

interface Store {
  readonly holder: () => unknown;
  /** Writes the Lease as another client does. */
  readonly touch: (spec: object) => void;
  readonly answer: (request: Request) => Answer;
}

/** Stores one Lease. */
function createStore(): Store {
  let version = 0;
  let spec: Record<string, unknown> | undefined;
  const object = (): object => ({ metadata: { resourceVersion: String(version) }, spec });
  return {
    holder: () => spec?.['holderIdentity'],
    touch: (fields) => {
      version += 1;
      spec = { ...spec, ...fields };
    },
    answer: ({ method, body }) => {
      const metadata = body['metadata'] as { resourceVersion?: string } | undefined;
      if (method === 'GET') return spec === undefined ? { status: 404 } : { status: 200, object: object() };
      if (method === 'PATCH' && metadata?.resourceVersion !== String(version)) return { status: 409 };
      version += 1;
      spec = { ...spec, ...(body['spec'] as object) };
      return { status: 200, object: object() };
    },
  };
}

interface Running {
  readonly cluster: FakeCluster;
  readonly election: Election;
  readonly failures: readonly string[];
  /** The failures, and `undefined` for each success. */
  readonly outcomes: readonly (string | undefined)[];
}

/** Starts a replica, and returns after its first attempt. */
async function start(t: TestContext, answer: Store['answer']): Promise<Running> {
  const cluster = await startFakeCluster(t, answer);
  const failures: string[] = [];
  const outcomes: (string | undefined)[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const election = runElection({
    client: cluster.client,
    namespace: 'ns',
    name: 'meshtrust',
    identity: 'me',
    outcomes: (_, failure) => {
      outcomes.push(failure);
      if (failure !== undefined) failures.push(failure);
    },
    onAttempt: resolve,
    times,
  });
  t.after(() => election.close());
  await promise;
  return { cluster, election, failures, outcomes };
}

test('no Lease: the replica creates it, renews it, and releases it when it closes', async (t) => {
  const store = createStore();
  const { cluster, election, failures } = await start(t, store.answer);
  assert.ok(election.isLeading());
  assert.equal(store.holder(), 'me');
  const [read, create] = cluster.requests;
  assert.deepEqual([read?.method, read?.path], ['GET', `${path}/meshtrust`]);
  assert.deepEqual([create?.method, create?.path], ['POST', path]);
  const renewals = await cluster.until(2, ({ method }) => method === 'PATCH');
  assert.match(JSON.stringify(renewals[0]?.body), /"resourceVersion":"1".*"holderIdentity":"me"/);
  await election.close();
  assert.equal(store.holder(), '');
  assert.ok(!election.isLeading());
  assert.deepEqual(failures, []);
});

test('Lease annotated by another client: the replica remains the leader', async (t) => {
  const store = createStore();
  const { cluster, election } = await start(t, store.answer);
  store.touch({});
  await cluster.until(2, ({ method }) => method === 'GET');
  const renewed = cluster.requests.filter(({ method }) => method === 'PATCH').length;
  await cluster.until(renewed + 2, ({ method }) => method === 'PATCH');
  assert.ok(election.isLeading());
});

test('Lease held by another replica: the replica stops leading, and does not release it', async (t) => {
  const store = createStore();
  const { cluster, election } = await start(t, store.answer);
  store.touch({ holderIdentity: 'other' });
  await cluster.until(3, ({ method }) => method === 'GET');
  assert.ok(!election.isLeading());
  await election.close();
  assert.equal(store.holder(), 'other');
});

test('missing rights: are reported, and the request is repeated', async (t) => {
  const { cluster, election, failures } = await start(t, () => ({ status: 403, object: { message: 'no' } }));
  await cluster.until(3, () => true);
  assert.ok(!election.isLeading());
  assert.equal(failures[0], '403: no');
});

test('missing right to write beside the right to read: no read counts as the end of the failure', async (t) => {
  const { cluster, outcomes } = await start(t, ({ method }) =>
    method === 'GET' ? { status: 404 } : { status: 403, object: { message: 'no' } },
  );
  await cluster.until(3, ({ method }) => method === 'POST');
  assert.ok(outcomes.length >= 2);
  assert.deepEqual([...new Set(outcomes)], ['403: no']);
});
