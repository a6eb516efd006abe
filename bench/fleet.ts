/**
 * Measures the cost of tracking the state of every proxy: for each push, and for each query.
 *
 *     node bench/fleet.ts [--write]
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { bareNode } from './fanout/capture-node.ts';
import { makeContent } from './fanout/content.ts';
import { measure } from './fanout/measure.ts';
import { meshtrust } from './fanout/servers.ts';
import { cpuOf, machine, report, row, spread } from './kit.ts';
import { fleetRoutes } from '../src/admin/fleet-routes.ts';
import { createHttpEdge } from '../src/admin/http-edge.ts';
import { secretTypeUrl } from '../src/trust/snapshot/publisher.ts';
import type { ServedMeshes } from '../src/trust/snapshot/publisher.ts';
import { localFleet } from '../src/fleet/fleet.ts';
import { countStates } from '../src/fleet/rollout.ts';
import { createServedHistory } from '../src/fleet/served-history.ts';
import { createFleetTracker } from '../src/fleet/track-fleet.ts';
import type { Outgoing, StreamInfo } from '../src/xds/index.ts';

// Each change is sent to and acknowledged by every proxy. The engine reports this in two calls per push.
const proxies = 2_000;
const rounds = 100;
const typeUrl = secretTypeUrl;
const name = 'system_trust_bundle';

const tracker = createFleetTracker({ now: () => Date.now() });
const history = createServedHistory();
const fleet = localFleet(tracker, history);
const streams = Array.from({ length: proxies }, (_, id): StreamInfo => ({
  id,
  transport: 'ads',
  protocol: 'delta',
  address: '127.0.0.1:1',
  origin: '127.0.0.1',
  nodeId: `node-${id}`,
  group: 'default',
  userAgent: 'envoy 1.40.0',
  identity: undefined,
}));
const { observer } = tracker;
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const heap = (): number => process.memoryUsage().heapUsed;
collectGarbage();
const emptyHeap = heap();
for (const stream of streams) observer.request?.(stream, { typeUrl, kind: 'initial', isSubscribed: true });

function publish(version: string): void {
  const secret = { name, version, body: new Uint8Array(), parts: [], contentSize: 0 };
  const states: ServedMeshes = new Map([
    ['default', { secrets: { version, secrets: new Map([[name, secret]]) } }],
  ]);
  history.published(states, Date.now(), Date.now());
}

function push(version: string, ackEvery = 1): void {
  publish(version);
  const response: Outgoing = {
    typeUrl,
    version,
    resources: [{ name, version, body: new Uint8Array() }],
    removed: [],
    nonce: version,
    bytes: new Uint8Array(),
  };
  const ack = { typeUrl, name, version, nonce: version, unconfirmed: false };
  for (const stream of streams) observer.response?.(stream, response);
  for (const stream of streams) if (stream.id % ackEvery === 0) observer.acked?.(stream, ack);
}

for (let round = 0; round < rounds; round += 1) push(`warm-${round}`);
collectGarbage();
const memory = (heap() - emptyHeap) / proxies;
const costs = Array.from({ length: rounds }, (_, round) => (cpuOf(() => push(`v${round}`)) * 1000) / proxies);
const cost = spread(costs);
const before = heap();
for (let round = 0; round < 10; round += 1) push(`w${round}`);
const garbage = Math.max(0, heap() - before) / (10 * proxies);

// Half of the proxies are behind, which is the more expensive case.
push('half', 2);
const edge = createHttpEdge({
  routes: fleetRoutes({ fleet, wall: () => Date.now() }),
  onError: (error) => {
    throw error;
  },
});
const url = `http://${await edge.listen('127.0.0.1:0')}`;
const ask = async (path: string): Promise<string> => (await fetch(`${url}${path}`)).text();
const questions: readonly (readonly [string, () => unknown])[] = [
  ['a page of 500', () => ask('/api/v1/proxies')],
  ['a page of those that are pending', () => ask('/api/v1/proxies?state=pending')],
  ['one proxy', () => ask('/api/v1/proxies/node-1000')],
  ['a roll-out', () => ask('/api/v1/meshes/default/rollout')],
  [
    'all states counted, as for metrics',
    () => countStates({ connected: tracker.connected(), gone: tracker.gone() }, history, Date.now()),
  ],
];
const answers: string[] = [];
for (const [what, ask] of questions) {
  const times: number[] = [];
  for (let round = 0; round < 60; round += 1) {
    const start = performance.now();
    await ask();
    times.push(performance.now() - start);
  }
  const { median, max } = spread(times.slice(20));
  answers.push(row(what, `${median.toFixed(2)}, ${max.toFixed(2)}`));
}

await edge.close();

const whole = await measure(meshtrust({}), makeContent(2048, 1), {
  proxies,
  transport: 'ads',
  protocol: 'delta',
  warmUp: 10_000,
  rounds: 10,
  burst: 0,
  slow: 0,
  idleMs: 5_000,
  node: bareNode,
  nodeInEveryRequest: false,
});

await report([
  '# The cost of tracking the state of every proxy',
  '',
  `${machine()}. ${proxies} proxies with a stream and a secret each; ${rounds} changes, each sent to all and`,
  'acknowledged by all. The whole push is that of `bench/fanout.ts` for 2 KB, delta ADS, as many proxies and a',
  'node of some bytes, which is the cheapest there is, measured in the same run.',
  '',
  row('what', 'value'),
  row('---', '---'),
  row(
    'tracking a push and its ACK, us of CPU: min, median, max',
    [cost.min, cost.median, cost.max].map((value) => value.toFixed(3)).join(', '),
  ),
  row('the whole push with its ACK, us of CPU', whole.pushCpu.toFixed(1)),
  row('tracking, % of that', ((100 * cost.median) / whole.pushCpu).toFixed(2)),
  row('growth of the heap in a push, bytes', garbage.toFixed(0)),
  row('memory of a proxy, bytes, about', memory.toFixed(0)),
  '',
  `Requests over HTTP, except for the last row, while half of the ${proxies} are behind; ms, median and max of 40.`,
  '',
  row('question', 'ms'),
  row('---', '---'),
  ...answers,
]);
