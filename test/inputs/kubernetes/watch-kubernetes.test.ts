import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import type { TestContext } from 'node:test';

import { createApiClient } from '../../../src/kubernetes/client/api-client.ts';
import { watchKubernetes } from '../../../src/inputs/kubernetes/watch-kubernetes.ts';
import type { WatchKubernetesOptions } from '../../../src/inputs/kubernetes/watch-kubernetes.ts';
import { defaultListLimits } from '../../../src/net/list-budget.ts';
import type { Source, SourceEvent } from '../../../src/trust/source.ts';
import { freePort } from '../../kit/free-port.ts';
import { apiObject, startFakeApiServer } from './fake-api-server.ts';
import type { FakeApiServer } from './fake-api-server.ts';

interface Observed {
  readonly source: Source;
  readonly batches: (readonly SourceEvent[])[];
  readonly sleeps: number[];
  /** Resolves with the first event that matches, including past ones. Rejects after 5 s. */
  readonly until: (fits: (event: SourceEvent) => boolean) => Promise<SourceEvent>;
  /** Returns the reasons or the paths of all events of a kind. */
  readonly detailsOf: (kind: SourceEvent['kind']) => readonly string[];
}

function observe(
  t: TestContext,
  server: FakeApiServer,
  options: Partial<WatchKubernetesOptions> = {},
): Observed {
  const batches: (readonly SourceEvent[])[] = [];
  const sleeps: number[] = [];
  const arrivals = new EventTarget();
  const source = watchKubernetes(
    {
      client: createApiClient(server.config),
      namespace: 'kuma-system',
      name: 'kubernetes',
      settleMs: 5,
      sleep: async (milliseconds) => void sleeps.push(milliseconds),
      random: () => 1,
      ...options,
    },
    (batch) => {
      batches.push(batch);
      arrivals.dispatchEvent(new Event('batch'));
    },
  );
  t.after(() => source.close());
  const until = async (fits: (event: SourceEvent) => boolean): Promise<SourceEvent> => {
    const signal = AbortSignal.timeout(30_000);
    for (;;) {
      const found = batches.flat().find(fits);
      if (found !== undefined) return found;
      await once(arrivals, 'batch', { signal });
    }
  };
  const detailsOf = (kind: SourceEvent['kind']): readonly string[] =>
    batches.flat().flatMap((event) => {
      if (event.kind !== kind) return [];
      if ('reason' in event) return [event.reason];
      return 'path' in event ? [event.path] : [''];
    });
  return { source, batches, sleeps, until, detailsOf };
}

const synced = ({ kind }: SourceEvent): boolean => kind === 'synced';
const gone = ({ kind }: SourceEvent): boolean => kind === 'gone';
const failedWith =
  (text: string) =>
  (event: SourceEvent): boolean =>
    event.kind === 'failed' && event.reason.includes(text);
const contentOf =
  (name: string, text = '') =>
  (event: SourceEvent): boolean =>
    event.kind === 'content' && event.path.endsWith(`/${name}`) && event.text.includes(text);

test('list in pages: is one batch, and the watch starts at its resource version', async (t) => {
  const server = await startFakeApiServer(t);
  const observed = observe(t, server);
  const first = await server.asked();
  assert.equal(first.path, '/apis/kuma.io/v1alpha1/namespaces/kuma-system/meshtrusts');
  assert.equal(first.query.get('limit'), '500');
  assert.equal(first.query.get('resourceVersion'), null, 'the most recent state is requested');
  assert.equal(first.authorization, 'Bearer secret-token');
  first.list([apiObject('a', 1), apiObject('b', 2)], '10', 'next page');
  const second = await server.asked();
  assert.equal(second.query.get('continue'), 'next page');
  assert.deepEqual(observed.batches, [], 'half of a list is not reported');
  second.list([apiObject('c', 3)], '10');
  await observed.until(synced);
  assert.equal(observed.batches.length, 1);
  assert.deepEqual(
    observed.detailsOf('content'),
    ['a', 'b', 'c'].map((name) => `kubernetes:kuma-system/${name}`),
  );
  const watch = await server.asked();
  assert.equal(watch.kind, 'watch');
  assert.equal(watch.query.get('resourceVersion'), '10');
  assert.equal(watch.query.get('allowWatchBookmarks'), 'true');
  assert.equal(watch.query.get('timeoutSeconds'), '480');
  assert.deepEqual(observed.sleeps, [], 'no wait between list and watch');
});

test('list without end: is a failure that takes nothing away, and is listed again', async (t) => {
  const server = await startFakeApiServer(t);
  const limits = { ...defaultListLimits, items: 3 };
  const observed = observe(t, server, { limits });
  (await server.asked()).list([apiObject('a', 1)], '10');
  await observed.until(synced);
  (await server.asked()).refuse(410);
  for (const name of ['b', 'd'])
    (await server.asked()).list([apiObject(name, 1), apiObject('c', 1)], '11', 'more');
  await observed.until(failedWith('an invalid list: the list has more than 3 resources'));
  assert.deepEqual(observed.detailsOf('gone'), []);
  (await server.asked()).list([apiObject('a', 1)], '12');
  await observed.until(({ kind }) => kind === 'recovered');
  assert.deepEqual(observed.detailsOf('gone'), []);
});

for (const [what, limits, reason] of [
  ['objects', { items: 2 }, 'more than 2 objects'],
  ['text', { characters: 300 }, 'objects of more than 300 characters'],
] as const)
  test(`watch that adds ${what} without end: is a failure that takes nothing away, and is listed again`, async (t) => {
    const server = await startFakeApiServer(t);
    const observed = observe(t, server, { limits: { ...defaultListLimits, ...limits } });
    (await server.asked()).list([apiObject('a', 1)], '10');
    await observed.until(synced);
    const watch = (await server.asked()).open();
    watch.event('ADDED', apiObject('b', 11));
    await observed.until(contentOf('b'));
    watch.event('ADDED', apiObject('c', 12, { trustDomain: 'c', padding: 'x'.repeat(300) }));
    await observed.until(failedWith(reason));
    (await server.asked()).list([apiObject('a', 1), apiObject('b', 11)], '13');
    await observed.until(({ kind }) => kind === 'recovered');
    assert.deepEqual(observed.detailsOf('gone'), []);
    assert.equal((await server.asked()).kind, 'watch');
  });

test('watch that replaces its objects: they do not count twice', async (t) => {
  const server = await startFakeApiServer(t);
  const observed = observe(t, server, { limits: { ...defaultListLimits, items: 2 } });
  (await server.asked()).list([apiObject('a', 1)], '10');
  const watch = (await server.asked()).open();
  for (const version of [11, 12, 13])
    watch.event('MODIFIED', apiObject('a', version, { trustDomain: `a${version}` }));
  watch.event('DELETED', apiObject('a', 14));
  for (const name of ['b', 'c']) watch.event('ADDED', apiObject(name, 15));
  await observed.until(contentOf('c'));
  assert.deepEqual(observed.detailsOf('failed'), []);
});

test('all namespaces: are listed with one path', async (t) => {
  const server = await startFakeApiServer(t);
  observe(t, server, { namespace: undefined });
  assert.equal((await server.asked()).path, '/apis/kuma.io/v1alpha1/meshtrusts');
});

test('changes: contain the fields that affect trust', async (t) => {
  const server = await startFakeApiServer(t);
  const observed = observe(t, server, { settleMs: 100 });
  (await server.asked()).list([apiObject('a', 1)], '10');
  const watch = (await server.asked()).open();
  watch.event('MODIFIED', { ...apiObject('a', 11), status: { conditions: [{ type: 'Accepted' }] } });
  watch.event('ADDED', apiObject('b', 12, { trustDomain: 'b\u2028\u0085' }));
  const added = await observed.until(contentOf('b'));
  assert.deepEqual(observed.detailsOf('content'), ['kubernetes:kuma-system/a', 'kubernetes:kuma-system/b']);
  assert.ok(added.kind === 'content');
  assert.match(added.text, /^[\x20-\x7e]*$/, 'no character that YAML rejects');
  assert.deepEqual(JSON.parse(added.text), {
    apiVersion: 'kuma.io/v1alpha1',
    kind: 'MeshTrust',
    metadata: { name: 'b', namespace: 'kuma-system' },
    spec: { trustDomain: 'b\u2028\u0085' },
  });
  watch.event('DELETED', apiObject('a', 13));
  watch.event('DELETED', apiObject('b', 14));
  await observed.until(gone);
  const batch = observed.batches.find((events) => events.some(gone)) ?? [];
  assert.equal(batch.length, 2, 'both deletions are one step');
});

test('change or deletion on which `onHeads` throws: a failure, and it is read again', async (t) => {
  const server = await startFakeApiServer(t);
  const broken = new Set(['put b', 'gone a']);
  const delivered: string[] = [];
  const arrivals = new EventTarget();
  const source = watchKubernetes(
    {
      client: createApiClient(server.config),
      namespace: 'kuma-system',
      name: 'kubernetes',
      settleMs: 5,
      sleep: () => Promise.resolve(),
      onHeads({ put, gone: paths }) {
        const names = [
          ...put.map(({ name }) => `put ${name}`),
          ...paths.map((path) => `gone ${path.split('/').at(-1)}`),
        ];
        if (names.some((name) => broken.delete(name))) throw new Error('a defect');
      },
    },
    (events) => {
      delivered.push(
        ...events.map((event) =>
          'path' in event ? `${event.kind} ${event.path.split('/').at(-1)}` : event.kind,
        ),
      );
      arrivals.dispatchEvent(new Event('batch'));
    },
  );
  t.after(() => source.close());
  const until = async (name: string): Promise<void> => {
    while (!delivered.includes(name)) await once(arrivals, 'batch', { signal: AbortSignal.timeout(30_000) });
  };
  const failures = (): number => delivered.filter((name) => name.startsWith('failed')).length;
  (await server.asked()).list([apiObject('a', 1)], '10');
  (await server.asked()).open().event('ADDED', apiObject('b', 12));
  (await server.asked()).list([apiObject('a', 1), apiObject('b', 12)], '12');
  await until('content b');
  assert.equal(failures(), 1);
  (await server.asked()).open().event('DELETED', apiObject('a', 13));
  await until('gone a');
  assert.equal(failures(), 2);
});

test('change on which `onHeads` throws, also for the failure: the objects are listed again after a pause', async (t) => {
  const server = await startFakeApiServer(t);
  let defects = 2;
  let isBroken = false;
  const observed = observe(t, server, {
    onHeads({ put }) {
      isBroken ||= put.some(({ name }) => name === 'b');
      if (!isBroken || defects === 0) return;
      defects -= 1;
      throw new Error('a defect');
    },
  });
  (await server.asked()).list([apiObject('a', 1)], '10');
  (await server.asked()).open().event('ADDED', apiObject('b', 12));
  const again = await server.asked();
  assert.equal(again.kind, 'list');
  assert.ok(observed.sleeps.length > 0 && observed.sleeps.every((ms) => ms > 0), 'no busy loop');
  again.list([apiObject('a', 1), apiObject('b', 12)], '12');
  await observed.until(contentOf('b'));
});

test('event in pieces: is one event; half an event: is none', async (t) => {
  const server = await startFakeApiServer(t);
  const observed = observe(t, server);
  (await server.asked()).list([], '10');
  const line = JSON.stringify({ type: 'ADDED', object: apiObject('a', 11, { trustDomain: 'ü€😀' }) });
  const watch = (await server.asked()).open();
  watch.write(line.slice(0, 40));
  await new Promise((resolve) => setImmediate(resolve));
  watch.write(`${line.slice(40)}\n${line.slice(0, 30)}`);
  await observed.until(contentOf('a'));
  watch.end();
  assert.equal((await server.asked()).query.get('resourceVersion'), '11');
  assert.deepEqual(observed.detailsOf('failed'), []);
});

test('watch that ends or breaks: continues from the last resource version without a failure', async (t) => {
  const server = await startFakeApiServer(t);
  const observed = observe(t, server);
  (await server.asked()).list([apiObject('a', 1)], '10');
  const first = (await server.asked()).open();
  first.event('BOOKMARK', { kind: 'MeshTrust', metadata: { resourceVersion: '20' } });
  first.end();
  const second = await server.asked();
  assert.deepEqual([second.kind, second.query.get('resourceVersion')], ['watch', '20']);
  second.open().drop();
  const third = await server.asked();
  assert.deepEqual([third.kind, third.query.get('resourceVersion')], ['watch', '20']);
  assert.deepEqual(observed.detailsOf('failed'), []);
  assert.ok(observed.sleeps.length > 0 && observed.sleeps.every((ms) => ms > 0), 'no busy loop');
});

for (const how of ['answer', 'event'] as const) {
  test(`410 Gone as an ${how}: everything is listed again, and only unlisted objects are gone`, async (t) => {
    const server = await startFakeApiServer(t);
    const observed = observe(t, server);
    (await server.asked()).list([apiObject('a', 1), apiObject('b', 1)], '10');
    const watch = await server.asked();
    if (how === 'answer') watch.refuse(410);
    else watch.open().event('ERROR', { kind: 'Status', code: 410, message: 'too old resource version' });
    const again = await server.asked();
    assert.equal(again.kind, 'list');
    again.list([apiObject('b', 1), apiObject('c', 30)], '30');
    await observed.until(gone);
    assert.deepEqual(observed.detailsOf('gone'), ['kubernetes:kuma-system/a']);
    assert.equal(observed.detailsOf('content').length, 3, 'an unchanged object is not reported again');
    assert.deepEqual(observed.detailsOf('failed'), []);
    assert.equal((await server.asked()).query.get('resourceVersion'), '30');
  });
}

test('list that expires between two pages: starts again', async (t) => {
  const server = await startFakeApiServer(t);
  const observed = observe(t, server);
  (await server.asked()).list([apiObject('a', 1)], '10', 'token');
  (await server.asked()).refuse(410);
  const again = await server.asked();
  assert.equal(again.query.get('continue'), null);
  again.list([apiObject('b', 1)], '20');
  await observed.until(synced);
  assert.deepEqual(observed.detailsOf('content'), ['kubernetes:kuma-system/b']);
});

test('page too long to be read: the list starts again with half as many objects, and nothing is withdrawn', async (t) => {
  const server = await startFakeApiServer(t);
  const observed = observe(t, server);
  const large = { trustDomain: 'x'.repeat(2 ** 20) };
  const names = Array.from({ length: 40 }, (_, index) => `large-${index}`);
  const objects = names.map((name) => apiObject(name, 1, large));
  (await server.asked()).list([apiObject('a', 1)], '10');
  (await server.asked()).refuse(410);
  const all = await server.asked();
  assert.equal(all.query.get('limit'), '500');
  all.list([apiObject('a', 1), ...objects], '20');
  const first = await server.asked();
  assert.equal(first.query.get('limit'), '250');
  assert.equal(first.query.get('continue'), null, 'a token belongs to the limit of its list');
  first.list([apiObject('a', 1), ...objects.slice(0, 20)], '20', 'next page');
  const second = await server.asked();
  assert.equal(second.query.get('limit'), '250');
  second.list(objects.slice(20), '20');
  await observed.until(contentOf('large-39'));
  assert.deepEqual(observed.detailsOf('failed'), []);
  assert.deepEqual(observed.detailsOf('gone'), []);
  assert.deepEqual(observed.sleeps, [250], 'only after the response 410');
  // Pages of this size were well filled, so the next list has them, too.
  (await server.asked()).refuse(410);
  assert.equal((await server.asked()).query.get('limit'), '250');
});

test('pages that became short again: the next lists have twice as many objects each', async (t) => {
  const server = await startFakeApiServer(t);
  observe(t, server);
  (await server.asked()).list([apiObject('a', 1, { trustDomain: 'x'.repeat(40 * 2 ** 20) })], '10');
  for (const limit of ['250', '500', '500']) {
    const list = await server.asked();
    assert.equal(list.query.get('limit'), limit);
    list.list([apiObject('a', 1)], '10');
    (await server.asked()).refuse(410);
  }
});

test('page that breaks off: is a failure, and the next list has half as many objects per page', async (t) => {
  const server = await startFakeApiServer(t);
  const observed = observe(t, server);
  const half = (await server.asked()).open();
  half.write('{"metadata":{"resourceVersion":"10"},"items":[');
  half.drop();
  await observed.until(failedWith('the API server cannot be reached'));
  const next = await server.asked();
  assert.equal(next.query.get('limit'), '250');
  next.list([apiObject('a', 1)], '10');
  await observed.until(synced);
});

test('no response to a list: the next list has as many objects per page', async (t) => {
  const server = await startFakeApiServer(t);
  observe(t, server);
  (await server.asked()).drop();
  assert.equal((await server.asked()).query.get('limit'), '500');
});

test('optional resource without a CRD: none at once, and asked again after a minute', async (t) => {
  const server = await startFakeApiServer(t);
  const observed = observe(t, server, { isOptional: true });
  (await server.asked()).refuse(404);
  await observed.until(synced);
  await server.asked();
  assert.deepEqual(observed.detailsOf('failed'), []);
  assert.ok(observed.sleeps.length === 1 && observed.sleeps.every((ms) => ms >= 60_000));
});

const absences: readonly (readonly [
  name: string,
  statuses: readonly number[],
  expected: readonly string[],
])[] = [
  ['one answer', [404], ['failed']],
  // The pauses between them grow from a quarter of a second to ten seconds.
  ['answers of 56 seconds', Array<number>(11).fill(404), ['failed']],
  ['answers of 66 seconds', Array<number>(12).fill(404), ['failed', 'recovered synced']],
  [
    'answers of 66 seconds, and another failure among them',
    [...Array<number>(11).fill(404), 503, 404],
    ['failed', 'failed', 'failed'],
  ],
  ['another failure first', [503, ...Array<number>(11).fill(404)], ['failed', 'failed', 'recovered synced']],
];
for (const [name, statuses, expected] of absences)
  test(`optional resource that an earlier run had, ${name} without a CRD: ${expected.at(-1)}`, async (t) => {
    const server = await startFakeApiServer(t);
    const observed = observe(t, server, { isOptional: true, confirmsAbsence: true });
    for (const status of statuses) (await server.asked()).refuse(status);
    // The next request comes after the answers were handled.
    const next = await server.asked();
    const kinds = observed.batches.map((batch) => batch.map(({ kind }) => kind).join(' '));
    assert.deepEqual(kinds, expected);
    next.list([apiObject('a', 1)], '10');
    await observed.until(contentOf('a'));
    await observed.until(synced);
    assert.deepEqual(observed.detailsOf('gone'), []);
  });

test('optional resource that an earlier run had, while the API server starts: is listed at once', async (t) => {
  const server = await startFakeApiServer(t);
  const observed = observe(t, server, { isOptional: true, confirmsAbsence: true });
  (await server.asked()).refuse(404);
  (await server.asked()).list([apiObject('a', 1)], '10');
  await observed.until(synced);
  assert.deepEqual(observed.sleeps.slice(0, 1), [250]);
});

const refusals: readonly (readonly [status: number, reason: string])[] = [
  [401, 'does not accept the credentials (401): status 401'],
  [403, 'forbids the request (403): status 403'],
  [404, 'has no meshtrusts.kuma.io (404): is the CRD installed?'],
  [429, 'responds with status 429: status 429'],
  [500, 'responds with status 500: status 500'],
  [503, 'responds with status 503: status 503'],
];
for (const [status, reason] of refusals) {
  test(`${status} before the first list: is reported, and the request is repeated`, async (t) => {
    const server = await startFakeApiServer(t);
    const observed = observe(t, server);
    (await server.asked()).refuse(status);
    await observed.until(failedWith(reason));
    (await server.asked()).refuse(status);
    (await server.asked()).list([apiObject('a', 1)], '10');
    await observed.until(synced);
    assert.equal(observed.detailsOf('failed').length, 1, 'one reason is reported once');
    assert.deepEqual(observed.detailsOf('recovered'), ['kubernetes:kuma-system']);
  });

  test(`${status} after the first list: withdraws nothing`, async (t) => {
    const server = await startFakeApiServer(t);
    const observed = observe(t, server);
    (await server.asked()).list([apiObject('a', 1)], '10');
    (await server.asked()).refuse(status);
    await observed.until(failedWith(reason));
    const next = await server.asked();
    assert.equal(next.kind, status === 404 || status >= 500 ? 'list' : 'watch');
    if (next.kind === 'list') next.list([apiObject('a', 1)], '20');
    else next.open();
    await observed.until(({ kind }) => kind === 'recovered');
    assert.deepEqual(observed.detailsOf('gone'), []);
    assert.equal(observed.detailsOf('content').length, 1);
  });
}

test('429 of an API server that starts, perhaps with another store: everything is listed again', async (t) => {
  const server = await startFakeApiServer(t);
  const observed = observe(t, server);
  (await server.asked()).list([apiObject('a', 1)], '10');
  (await server.asked()).answer(429, { kind: 'Status', message: 'storage is (re)initializing' });
  assert.equal((await server.asked()).kind, 'list');
  assert.deepEqual(observed.detailsOf('gone'), []);
});

test('Retry-After: is respected', async (t) => {
  const server = await startFakeApiServer(t);
  const observed = observe(t, server, { random: () => 0 });
  (await server.asked()).refuse(429, { 'retry-after': '7' });
  (await server.asked()).refuse(500);
  await server.asked();
  assert.deepEqual(observed.sleeps, [7000, 250]);
});

const nonsense: readonly (readonly [what: string, text: string])[] = [
  ['no JSON', '<html>proxy</html>'],
  ['half a list', '{"kind":"MeshTrustList","metadata":{"resourceVersion":"1"},"items":[{"meta'],
  ['list without a resource version', '{"items":[]}'],
  ['list without items', '{"metadata":{"resourceVersion":"1"}}'],
  ['item without a name', '{"metadata":{"resourceVersion":"1"},"items":[{}]}'],
];
for (const [what, text] of nonsense) {
  test(`${what}: is a failure, and withdraws nothing`, async (t) => {
    const server = await startFakeApiServer(t);
    const observed = observe(t, server);
    (await server.asked()).list([apiObject('a', 1)], '10');
    (await server.asked()).refuse(410);
    (await server.asked()).text(text);
    await observed.until(failedWith('the API server sent an invalid list'));
    (await server.asked()).list([apiObject('a', 1)], '10');
    await observed.until(({ kind }) => kind === 'recovered');
    assert.deepEqual(observed.detailsOf('gone'), []);
  });
}

for (const line of [
  'nonsense',
  '{"type":"ADDED"}',
  '{"type":"NEW","object":{"metadata":{"name":"x","resourceVersion":"11"}}}',
]) {
  test(`${line} in a watch: everything is listed again`, async (t) => {
    const server = await startFakeApiServer(t);
    const observed = observe(t, server);
    (await server.asked()).list([apiObject('a', 1)], '10');
    (await server.asked()).open().write(`${line}\n`);
    await observed.until(failedWith('the API server sent a change'));
    assert.equal((await server.asked()).kind, 'list');
    assert.deepEqual(observed.detailsOf('gone'), []);
  });
}

test('resource version that decreases: everything is listed again at once', async (t) => {
  const server = await startFakeApiServer(t);
  const observed = observe(t, server);
  (await server.asked()).list([apiObject('a', 900)], '1000');
  (await server.asked()).open().event('BOOKMARK', { metadata: { resourceVersion: '500' } });
  const again = await server.asked();
  assert.equal(again.kind, 'list');
  again.list([apiObject('b', 400)], '500');
  await observed.until(gone);
  assert.deepEqual(observed.detailsOf('gone'), ['kubernetes:kuma-system/a']);
});

test('unreachable API server: is reported, and used when it is reachable', async (t) => {
  const server = await startFakeApiServer(t);
  const port = await freePort();
  const away = server.config();
  away.clusters = [{ name: 'fake', server: `http://127.0.0.1:${port}`, skipTLSVerify: true }];
  let loads = 0;
  // The kubeconfig is read again after each failure.
  const client = createApiClient(() => (++loads < 3 ? away : server.config()));
  const observed = observe(t, server, { client });
  await observed.until(failedWith(`cannot be reached: 127.0.0.1:${port}: connection refused`));
  (await server.asked()).list([], '10');
  await observed.until(synced);
  assert.equal(loads, 3);
});

test('silent watch: is given up, and everything is listed again', async (t) => {
  const server = await startFakeApiServer(t);
  const observed = observe(t, server, { silenceMs: 30 });
  (await server.asked()).list([apiObject('a', 900)], '1000');
  const watch = (await server.asked()).open();
  await watch.closed;
  const again = await server.asked();
  assert.equal(again.kind, 'list');
  // The store was restored from a backup: the object is not in it, and its version is lower than the known one.
  again.list([], '500');
  await observed.until(gone);
  assert.deepEqual(observed.detailsOf('gone'), ['kubernetes:kuma-system/a']);
  assert.deepEqual(observed.detailsOf('failed'), []);
});

test('close: the connection ends, and there are no more events and requests', async (t) => {
  const server = await startFakeApiServer(t);
  const observed = observe(t, server);
  (await server.asked()).list([apiObject('a', 1)], '10');
  const watch = (await server.asked()).open();
  watch.event('DELETED', apiObject('a', 11));
  watch.event('ADDED', apiObject('b', 12));
  await observed.until(contentOf('b'));
  await observed.source.close();
  const { batches } = observed;
  const reported = batches.length;
  await watch.closed;
  assert.equal(batches.length, reported);
  assert.equal(server.requests(), 2);
});
