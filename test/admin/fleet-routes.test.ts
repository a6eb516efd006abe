import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { ProxyDetail, ProxyList, ProxySummary, RolloutDetail } from '../../src/api/fleet-api-types.ts';
import { fleetRoutes } from '../../src/admin/fleet-routes.ts';
import { route } from '../../src/admin/router.ts';
import { localFleet, localLook, mergeLooks } from '../../src/fleet/fleet.ts';
import type { Fleet } from '../../src/fleet/fleet.ts';
import { scene, statesOf, streamOf } from '../fleet/scene.ts';

/** A fleet with routes to it. Not complete: as it is worker that does not answer. */
function served(complete = true) {
  const all = scene();
  const fleet = localFleet(all.tracker, all.history);
  const look: Fleet['look'] = async (mesh) => ({ ...(await fleet.look(mesh)), complete });
  const routes = fleetRoutes({ fleet: { ...fleet, look }, wall: all.now });
  const get = (path: string) => route(routes, 'GET', path);
  const json = async (path: string): Promise<unknown> => JSON.parse((await get(path)).body);
  return {
    ...all,
    status: async (path: string) => (await get(path)).status,
    list: async (query = '') => (await json(`/api/v1/proxies${query}`)) as ProxyList,
    detail: async (node: string) => (await json(`/api/v1/proxies/${node}`)) as ProxyDetail,
    rollout: async (mesh: string) => (await json(`/api/v1/meshes/${mesh}/rollout`)) as RolloutDetail,
  };
}

function nodesOf({ proxies }: ProxyList): readonly string[] {
  return proxies.map(({ node }) => node);
}

/** All pages of the list. */
async function pages(
  list: (query: string) => Promise<ProxyList>,
  limit: number,
): Promise<readonly ProxySummary[]> {
  const seen: ProxySummary[] = [];
  for (let after: string | undefined = ''; after !== undefined;) {
    const body: ProxyList = await list(`?limit=${limit}&after=${after}`);
    assert.equal(body.proxies.length, limit);
    assert.ok((body.next ?? '').length < 2_000);
    seen.push(...body.proxies);
    after = body.next;
  }
  return seen;
}

suite('the list of proxies', () => {
  const all = served();
  const { publish, asks, quotes, sent, refuses, leaves, pass, status, list, detail, rollout } = all;
  publish(statesOf({ ALL: 'v1' }));
  publish(statesOf({ ALL: 'w1' }, 'other'));
  const proxies = ['a1', 'a2', 'b1', 'b2'].map((node, index) => streamOf(index, node));
  const known = { ...streamOf(9, 'a1', 'other'), identity: 'spiffe://a.test/ns/edge/sa/envoy' };
  for (const proxy of [...proxies, known]) asks(proxy);
  const [a1, a2, b1, b2] = proxies;
  quotes(a1!, 'v1');
  sent(a2!, 'v1');
  refuses(a2!, 'v1', 'cannot load it');
  leaves(b2!);
  // By then an Envoy would be back.
  pass(10_000);
  assert.ok(b1);

  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['', ['a1', 'a2', 'b1', 'a1']],
    ['?mesh=default', ['a1', 'a2', 'b1']],
    ['?mesh=nowhere', []],
    ['?state=synced', ['a1']],
    ['?state=pending', ['b1', 'a1']],
    ['?state=refused', ['a2']],
    ['?state=stale', []],
    ['?state=refused&state=pending', ['a2', 'b1', 'a1']],
    ['?state=disconnected&state=synced', ['a1', 'b2']],
    ['?state=disconnected', ['b2']],
    ['?state=disconnected&mesh=other', []],
    ['?node=a', ['a1', 'a2', 'a1']],
    ['?identity=/ns/edge/', ['a1']],
    ['?identity=/ns/edge/&mesh=default', []],
    ['?version=v1', ['a1']],
    ['?version=v1&state=refused', []],
    ['?version=w', []],
    ['?secret=ALL', ['a1', 'a2']],
    ['?secret=spiffe://x.test', []],
    ['?secret=spiffe://x.test&secret=ALL&state=refused', ['a2']],
    ['?node=a&mesh=default&state=synced', ['a1']],
  ];
  for (const [query, nodes] of cases) {
    test(`list with ${query === '' ? 'no filter' : query}: has ${nodes.join(' ') || 'empty'}`, async () => {
      const body = await list(query);
      assert.deepEqual([nodesOf(body), body.total], [nodes, nodes.length]);
    });
  }

  test('pages: contain every proxy', async () => {
    const seen = await pages(list, 1);
    assert.deepEqual(
      seen.map(({ mesh, node }) => `${mesh}/${node}`),
      ['default/a1', 'default/a2', 'default/b1', 'other/a1'],
    );
  });

  test('pages of many proxies that connected in another order: contain every proxy once, sorted', async () => {
    const many = served();
    many.publish(statesOf({ ALL: 'v1' }));
    // 37 has no factor in common with 60, so each number occurs once.
    const nodes = Array.from(
      { length: 60 },
      (_, index) => `node-${String((index * 37) % 60).padStart(2, '0')}`,
    );
    for (const [index, node] of nodes.entries()) many.asks(streamOf(index, node));
    for (const limit of [1, 4, 30, 60]) {
      assert.deepEqual(
        (await pages(many.list, limit)).map(({ node }) => node),
        nodes.toSorted(),
      );
    }
    assert.equal((await many.list('?limit=7')).total, 60);
  });

  for (const query of [
    'limit=0',
    'limit=x',
    'state=happy',
    'state=synced&state=happy',
    'secret=ALL&state=disconnected',
    'version=v1&state=disconnected',
  ]) {
    test(`${query}: 400`, async () => assert.equal(await status(`/api/v1/proxies?${query}`), 400));
  }

  test('proxy: has its secrets, versions and the reason of its NACK', async () => {
    const body = await detail('a2');
    assert.deepEqual(
      [body.state, body.version, body.servedVersion, body.nacks, body.lastNack?.message, body.transports],
      ['refused', undefined, 'v1', 1, 'cannot load it', ['delta ADS']],
    );
    assert.deepEqual(
      body.streams.map(({ secrets }) => secrets),
      [[{ name: 'ALL', sentVersion: 'v1', sentAt: body.connectedAt, servedVersion: 'v1' }]],
    );
  });

  test('node ID in two meshes: is found in the named mesh', async () => {
    const body = await detail('a1?mesh=other');
    assert.deepEqual([body.mesh, body.state, body.alsoIn], ['other', 'pending', undefined]);
    assert.deepEqual((await detail('a1')).alsoIn?.length, 1);
  });

  test('proxy that left: is known; one that never connected: 404', async () => {
    const body = await detail('b2');
    assert.equal(body.state, 'disconnected');
    assert.equal(await status('/api/v1/proxies/z'), 404);
  });

  test('roll-out: exists for each listed mesh', async () => {
    const body = await rollout('default');
    assert.deepEqual(body.proxies, {
      connected: 3,
      synced: 1,
      pending: 1,
      stale: 0,
      refused: 1,
      reconnecting: 0,
      lost: 0,
      forgotten: 0,
    });
    assert.deepEqual(
      body.lagging.map(({ node, state, message }) => [node, state, message]),
      [
        ['a2', 'refused', 'cannot load it'],
        ['b1', 'pending', undefined],
      ],
    );
    assert.deepEqual([body.converged, body.unlisted], [false, { proxies: 0 }]);
    assert.equal(await status('/api/v1/meshes/nowhere/rollout'), 404);
  });
});

suite('proxy that is behind', () => {
  test('behind for any time: has the same time in each response', async () => {
    const { publish, asks, pass, list, detail, rollout } = served();
    publish(statesOf({ ALL: 'v1' }));
    asks(streamOf(1, 'a'));
    const times = async (): Promise<readonly (string | undefined)[]> => [
      (await list()).proxies[0]?.behindSince,
      (await detail('a')).behindSince,
      (await rollout('default')).lagging[0]?.behindSince,
    ];
    const [first, ...others] = await times();
    assert.match(first ?? '', /^\d{4}-.*Z$/);
    pass(40_000);
    assert.deepEqual(
      [...others, ...(await times())],
      Array.from({ length: 5 }, () => first),
    );
  });
});

suite('worker that does not answer', () => {
  test('lists and rollouts: are marked as incomplete', async () => {
    const { publish, asks, quotes, list, rollout, status } = served(false);
    publish(statesOf({ ALL: 'v1' }));
    const proxy = streamOf(1, 'a');
    asks(proxy);
    quotes(proxy, 'v1');
    assert.deepEqual([nodesOf(await list()), (await list()).complete], [['a'], false]);
    const { complete, converged, proxies } = await rollout('default');
    assert.deepEqual([complete, converged, proxies.connected, proxies.synced], [false, false, 1, 1]);
    assert.deepEqual([await status('/api/v1/proxies/a'), await status('/api/v1/proxies/z')], [200, 503]);
  });
});

suite('pages of proxies', () => {
  test('long node IDs: pages contain every proxy, and cursors are short', async () => {
    const { publish, asks, list } = served();
    publish(statesOf({ ALL: 'v1' }));
    // The first two differ only at their end, and the third has half of a pair where a key is cut.
    const long = ['x'.repeat(4_090), 'a', 'x'.repeat(4_090) + 'y', `x${'\u{1f512}'.repeat(1_000)}`, ''];
    for (const [id, node] of [...long, ''].entries()) asks(streamOf(id, node));
    const seen = await pages(list, 1);
    assert.deepEqual(seen.map(({ node }) => node).sort(), [...long, ''].sort());
  });

  test('last proxy of a page has left: the next page continues after it', async () => {
    const { publish, asks, leaves, list } = served();
    publish(statesOf({ ALL: 'v1' }));
    const proxies = ['a', 'b', 'c', 'd'].map((node, id) => streamOf(id, node));
    for (const proxy of proxies) asks(proxy);
    const first = await list('?limit=2');
    leaves(proxies[1]!);
    const second = await list(`?limit=2&after=${first.next}`);
    assert.deepEqual(
      [nodesOf(first), nodesOf(second)],
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    );
  });
});

suite('2,000 proxies', () => {
  test('list, pages and roll-out: within 100 ms of CPU time', async () => {
    const { publish, asks, sent, acks, list, rollout } = served();
    publish(statesOf({ ALL: 'v1', system_trust_bundle: 's1' }));
    for (let id = 0; id < 2_000; id += 1) {
      const proxy = streamOf(id);
      asks(proxy);
      for (const [name, version] of [
        ['ALL', 'v1'],
        ['system_trust_bundle', 's1'],
      ] as const) {
        sent(proxy, version, name);
        if (id % 2 === 0) acks(proxy, version, name);
      }
    }
    const timed = async <Body>(question: () => Promise<Body>): Promise<{ body: Body; ms: number }> => {
      const times: number[] = [];
      for (;;) {
        const start = process.threadCpuUsage();
        const body = await question();
        const { user, system } = process.threadCpuUsage(start);
        times.push((user + system) / 1_000);
        // The median, and not of the time on the wall: the machine does other things too.
        if (times.length === 7) return { body, ms: times.toSorted((a, b) => a - b)[3]! };
      }
    };
    const page = await timed(() => list('?state=pending'));
    const whole = await timed(() => rollout('default'));
    assert.deepEqual([page.body.total, page.body.proxies.length], [1_000, 500]);
    assert.deepEqual([whole.body.proxies.synced, whole.body.lagging.length], [1_000, 100]);
    assert.ok(page.ms < 100, `a page took ${page.ms} ms`);
    assert.ok(whole.ms < 100, `a roll-out took ${whole.ms} ms`);
  });
});

test('streams without a node id at two workers: have the same numbers, and each is on a page', async () => {
  const workers = [1, 2].map((worker) => {
    const one = scene();
    one.asks({ ...streamOf(7, ''), address: `10.0.0.${worker}:1` });
    return one;
  });
  const history = workers[0]!.history;
  const look = () => mergeLooks(workers.map(({ tracker }) => localLook(tracker)));
  const routes = fleetRoutes({ fleet: { history, look, release: () => undefined }, wall: () => 0 });
  const list = async (query: string) =>
    JSON.parse((await route(routes, 'GET', `/api/v1/proxies${query}`)).body) as ProxyList;
  const addresses = (await pages(list, 1)).map(({ address }) => address);
  assert.deepEqual(addresses.toSorted(), ['10.0.0.1:1', '10.0.0.2:1']);
});
