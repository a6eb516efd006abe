import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { ProxySummary, RolloutDetail } from '../../../src/api/fleet-api-types.ts';
import { withoutMoved } from '../../../src/cli/ask/moved-proxies.ts';
import { makeCa } from '../../kit/certificates.ts';
import { statesOf, streamOf } from '../../fleet/scene.ts';
import type { scene } from '../../fleet/scene.ts';
import { fleetServer } from '../fleet-server.ts';
import { run } from '../run.ts';
import { wholeServer } from '../whole-server.ts';
import { version } from '../../../src/cli/terminal/version.ts';

const resource = { trustDomain: 'a.test', name: 'a', pems: [makeCa().certPem] };
const nodeOf = (index: number): string => `n${String(index).padStart(3, '0')}`;

type Proxies = Pick<ReturnType<typeof scene>, 'publish' | 'asks' | 'quotes' | 'leaves'>;

/** Makes a server lose N proxies, which have `v1`, before it serves `v2`. */
function lose({ publish, asks, quotes, leaves }: Proxies, count: number): void {
  publish(statesOf({ ALL: 'v1' }));
  for (let index = 0; index < count; index += 1) {
    const proxy = streamOf(index, nodeOf(index));
    asks(proxy);
    quotes(proxy, 'v1');
    leaves(proxy, 'silence');
  }
  publish(statesOf({ ALL: 'v2' }));
}

/** Connects these proxies to another server, in sync with it. */
function move({ asks, quotes }: Proxies, from: number, until: number): void {
  for (let index = from; index < until; index += 1) {
    const proxy = streamOf(1_000 + index, nodeOf(index));
    asks(proxy);
    quotes(proxy, 'v2');
  }
}

suite('more lost proxies than a server names', () => {
  test('named proxies are in sync at another server → check fails, and names the others', async () => {
    await using one = await wholeServer([resource], version);
    await using two = await wholeServer([resource], version);
    lose(one.proxies, 130);
    two.proxies.publish(statesOf({ ALL: 'v2' }));
    move(two.proxies, 0, 100);
    const args = ['check', `--server=${one.url}`, `--server=${two.url}`, '-o', 'wide'];
    const { code, stdout } = await run(args);
    assert.equal(code, 1);
    assert.equal(
      stdout.match(/^ +n1[0-2]\d, mesh default: lost for 0ms, last acknowledged v1$/gm)?.length,
      30,
    );
    assert.doesNotMatch(stdout, /n0\d\d/);
    move(two.proxies, 100, 130);
    assert.equal((await run(args)).code, 0);
  });

  test('all are in sync at another server → wait ends', async () => {
    await using one = await fleetServer();
    await using two = await fleetServer();
    lose(one, 130);
    two.publish(statesOf({ ALL: 'v2' }));
    move(two, 0, 130);
    const args = ['wait', '--mesh=default', '--timeout=0', `--server=${one.url}`, `--server=${two.url}`];
    const { code, stderr } = await run(args);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /130 of 130 connected proxies have v2\n$/);
  });

  test('moved proxies leave room → wait names connected proxies that lag', async () => {
    await using one = await fleetServer();
    await using two = await fleetServer();
    const [late, refusing] = [streamOf(900, 'late'), streamOf(901, 'refusing')];
    lose(one, 130);
    for (const proxy of [late, refusing]) one.asks(proxy);
    one.refuses(refusing, 'v2', 'not this');
    two.publish(statesOf({ ALL: 'v2' }));
    move(two, 0, 130);
    const args = ['wait', '--mesh=default', '--timeout=0', `--server=${one.url}`, `--server=${two.url}`];
    const { code, stderr } = await run(args);
    assert.equal(code, 4);
    assert.match(stderr, /waiting for refusing \(refused: not this\), late \(pending\)\n$/);
  });

  test('wait: prints the number of proxies that it does not name', async () => {
    await using one = await fleetServer();
    lose(one, 130);
    const args = ['wait', '--mesh=default', '--timeout=0', `--server=${one.url}`];
    const { code, stderr } = await run(args);
    assert.equal(code, 4);
    assert.match(stderr, /, 130 lost or reconnecting; waiting for n000 .*, and 120 more, /);
  });
});

suite('rollout without moved proxies', () => {
  const proxies = { connected: 2, synced: 1, pending: 1, stale: 0, refused: 0, reconnecting: 1, lost: 2 };
  const rollout: RolloutDetail = {
    mesh: 'default',
    version: 'v3',
    changedAt: '',
    servedAt: '',
    proxies: { ...proxies, forgotten: 0 },
    complete: true,
    converged: false,
    versions: ['v3', 'v2', 'v1'].map((name) => ({ version: name, servedAt: '', proxies: 0 })),
    asked: { version: 'v3', known: true, proxies: 1, lacking: 4 },
    lagging: [{ node: 'connected', address: '', state: 'pending' }],
  };
  const gone = (node: string, over: Partial<ProxySummary> = {}) =>
    ({
      node,
      mesh: 'default',
      state: 'lost',
      address: '',
      proxy: '',
      transports: [],
      connectedAt: '',
      nacks: 0,
      disconnectedAt: '',
      version: 'v2',
      ...over,
    }) as ProxySummary & { readonly state: 'lost' };
  const back = gone('c', { state: 'reconnecting' });
  const numbers = ({ proxies: { lost, reconnecting }, asked }: RolloutDetail) => [
    lost,
    reconnecting,
    asked.lacking,
  ];
  const names = ({ lagging }: RolloutDetail) => lagging.map(({ node }) => node);

  test('some proxies moved: the rollout counts and names all others', () => {
    const left = withoutMoved(rollout, [gone('a'), gone('b'), back], new Set(['a']));
    assert.deepEqual(
      [numbers(left), names(left)],
      [
        [1, 1, 3],
        ['b', 'c', 'connected'],
      ],
    );
  });

  test('another one was lost since the rollout was reported → is waited for, too', () => {
    const all = [gone('a'), gone('b'), gone('d'), gone('e'), back];
    const left = withoutMoved(rollout, all, new Set(['a', 'b']));
    assert.deepEqual(
      [numbers(left), names(left)],
      [
        [2, 1, 4],
        ['d', 'e', 'c', 'connected'],
      ],
    );
  });

  test('a lost proxy came back since → is waited for until the next report', () => {
    const left = withoutMoved(rollout, [gone('a'), back], new Set(['a']));
    assert.deepEqual(numbers(left), [1, 1, 3]);
  });

  test('client without a node id → has never moved', () => {
    const left = withoutMoved(rollout, [gone(''), gone('b'), back], new Set(['', 'b']));
    assert.deepEqual(
      [numbers(left), names(left)],
      [
        [1, 1, 3],
        ['', 'c', 'connected'],
      ],
    );
  });

  test('asked about an earlier version → does not count those that have it', () => {
    const asked = { version: 'v2', known: true, proxies: 2, lacking: 1 };
    const all = [
      gone('a'),
      gone('b', { version: 'v1' }),
      gone('c', { state: 'reconnecting', version: 'v3' }),
    ];
    const left = withoutMoved({ ...rollout, asked, lagging: [] }, all, new Set(['a']));
    assert.deepEqual([numbers(left), names(left)], [[1, 1, 1], ['b']]);
  });

  test('asked about a version that is not known → lacks nothing', () => {
    const asked = { version: 'v9', known: false, proxies: 0, lacking: 0 };
    const left = withoutMoved({ ...rollout, asked, lagging: [] }, [gone('a'), back], new Set(['a']));
    assert.deepEqual([numbers(left), names(left)], [[1, 1, 0], []]);
  });
});
