import { setTimeout as delay } from 'node:timers/promises';
import { monotonicMs } from './commands.ts';
import type { Receipts } from './commands.ts';
import type { Content } from './content.ts';
import { startGenerator } from './generator.ts';
import type { Protocol } from './messages.ts';
import { cpuMs, rssKib, untilIdle } from './process-cost.ts';
import type { Contestant } from './servers.ts';
import { timerMs } from '../../src/xds/timers/timers.ts';

/** The settings of a run. */
export interface Load {
  readonly proxies: number;
  readonly transport: 'ads' | 'sds';
  readonly protocol: Protocol;
  readonly node: Uint8Array;
  readonly nodeInEveryRequest: boolean;
  /** Number of pushes before the measurement, in which V8 compiles code and buffers grow. 0: a fresh server. */
  readonly warmUp: number;
  /** Number of measured changes. */
  readonly rounds: number;
  /** Number of changes in a burst without a pause: 0, or an odd number because a secret has two forms. */
  readonly burst: number;
  /** Number of proxies that do not read during some changes, and read again after them. */
  readonly slow: number;
  /**
   * Duration without any event. Connections are probed in ticks of 2.5 s, and each of them every 45 s: in less than
   * 5 s, too many or no probes would be measured.
   */
  readonly idleMs: number;
}

/** The costs of a server, per proxy: CPU in microseconds, resident memory in KiB. Times are in ms. */
export interface Cost {
  readonly connectCpu: number;
  readonly memory: number;
  readonly pushCpu: number;
  /** CPU of the load generator for a response and its ACK. It shares the cores, so the last proxy waits for it, too. */
  readonly receiptCpu: number;
  /** Time from the change to the receipt by the median and by the last proxy; medians of the rounds. */
  readonly median: number;
  readonly last: number;
  /** A burst: CPU, responses, and the time from its last change to the last proxy. */
  readonly burstCpu: number;
  readonly burstResponses: number;
  /** Time to the last proxy that reads, while others do not; and to the last of the others once they read. */
  readonly besideSlow: number;
  /** Memory of the server for each proxy that does not read. */
  readonly slowMemory: number;
  readonly caughtUp: number;
  /** CPU of the idle server, in percent of a core. */
  readonly idle: number;
  /** The end of all connections at once. */
  readonly closeCpu: number;
  /** The reconnect of all proxies at once, with quoted versions and without. */
  readonly resumeCpu: number;
  readonly resent: number;
  readonly restartCpu: number;
}

const paths = {
  ads: {
    delta: '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
    sotw: '/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources',
  },
  sds: {
    delta: '/envoy.service.secret.v3.SecretDiscoveryService/DeltaSecrets',
    sotw: '/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets',
  },
} as const;

/** Limits the number of changes: with few proxies, that number of pushes would take too long. */
export function mostWarmUps(pushes: number): number {
  return Math.ceil((pushes * 3) / 1_000);
}

function warmUpOf({ proxies, warmUp }: Load): number {
  if (warmUp === 0) return 0;
  return Math.min(mostWarmUps(warmUp), Math.max(3, Math.ceil(warmUp / proxies)));
}

/** Pause after a change, so that the server has processed the ACKs and the next change is not part of a burst. */
const settleMs = 250;
const burstSettleMs = 2_000;
/** Number of changes while some proxies do not read. */
const slowRounds = 5;
const receiptTimeoutMs = 60_000;

/** Measures one server: connect, push, idle, reconnect. */
export async function measure(contestant: Contestant, content: Content, load: Load): Promise<Cost> {
  await using server = await contestant.start(content);
  await using generator = startGenerator();
  const { pid } = server;
  const connection = {
    kind: 'connect',
    address: server.address,
    tls: server.tls,
    path: paths[load.transport][load.protocol],
    protocol: load.protocol,
    node: Buffer.from(load.node).toString('base64'),
    nodeInEveryRequest: load.nodeInEveryRequest,
    name: content.name,
    answered: true,
    quotes: false,
  } as const;

  // A server prepares itself after its start, for a second of CPU.
  await untilIdle(contestant.name, pid);
  // The first calls of a process are more expensive than later ones.
  await generator.tell({ ...connection, proxies: 10, atOnce: 10 });
  await generator.tell({ kind: 'close' });
  await delay(settleMs);

  async function spent(work: () => Promise<void>): Promise<number> {
    const before = cpuMs(pid);
    await work();
    await delay(settleMs);
    return ((cpuMs(pid) - before) * 1000) / load.proxies;
  }

  const emptyRss = rssKib(pid);
  const connectCpu = await spent(() => generator.tell({ ...connection, proxies: load.proxies, atOnce: 50 }));
  const memory = (rssKib(pid) - emptyRss) / load.proxies;

  const warmUp = warmUpOf(load);
  const [pushes, receipts, medians, lasts]: [number[], number[], number[], number[]] = [[], [], [], []];
  for (let round = 0; round < warmUp + load.rounds; round += 1) {
    const change = await server.prepareChange();
    await generator.tell({ kind: 'expect' });
    const generatorBefore = cpuMs(generator.pid);
    const push = await spent(async () => {
      const start = monotonicMs();
      await change();
      const { median, last } = await allReceipts();
      if (round < warmUp) return;
      medians.push(median - start);
      lasts.push(last - start);
    });
    if (round < warmUp) continue;
    pushes.push(push);
    receipts.push(((cpuMs(generator.pid) - generatorBefore) * 1000) / load.proxies);
  }

  const burst = load.burst === 0 ? undefined : await measureBurst();
  const slow = load.slow === 0 ? undefined : await measureSlow();

  const idleBefore = cpuMs(pid);
  await delay(timerMs(load.idleMs));
  const idle = ((cpuMs(pid) - idleBefore) / load.idleMs) * 100;

  const closeCpu = await spent(closeAll);
  let resent = 0;
  const resumeCpu = await spent(async () => {
    const all = { ...connection, proxies: load.proxies, atOnce: load.proxies };
    await generator.tell({ ...all, quotes: true, answered: false });
    await untilIdle(contestant.name, pid);
    resent = (await generator.receipts(0)).resources;
  });
  await closeAll();
  const restartCpu = await spent(() =>
    generator.tell({ ...connection, proxies: load.proxies, atOnce: load.proxies }),
  );
  return {
    connectCpu,
    memory,
    pushCpu: mean(pushes),
    receiptCpu: mean(receipts),
    median: medianOf(medians),
    last: medianOf(lasts),
    burstCpu: burst?.cpu ?? Number.NaN,
    burstResponses: burst?.responses ?? Number.NaN,
    besideSlow: slow?.beside ?? Number.NaN,
    slowMemory: slow?.memory ?? Number.NaN,
    caughtUp: slow?.caughtUp ?? Number.NaN,
    idle,
    closeCpu,
    resumeCpu,
    resent,
    restartCpu,
  };

  async function closeAll(): Promise<void> {
    await generator.tell({ kind: 'close' });
    await untilIdle(contestant.name, pid);
  }

  /** Waits until all proxies that expect a response have it. */
  async function allReceipts(): Promise<Receipts> {
    const receipts = await generator.receipts(receiptTimeoutMs);
    const { received, expected } = receipts;
    if (received !== expected) throw new Error(`${contestant.name}: ${received} of ${expected} received`);
    return receipts;
  }

  async function measureBurst(): Promise<{ readonly cpu: number; readonly responses: number }> {
    await generator.tell({ kind: 'expect' });
    const cpu = await spent(async () => {
      for (let index = 0; index < load.burst; index += 1) {
        const change = await server.prepareChange();
        await change();
      }
      // Each proxy expects at least one response. More may follow, until none arrives any more.
      await allReceipts();
      await delay(burstSettleMs);
    });
    const { responses } = await generator.receipts(0);
    return { cpu, responses: responses / load.proxies };
  }

  async function measureSlow(): Promise<Slow> {
    await generator.tell({ kind: 'pause', proxies: load.slow });
    const before = rssKib(pid);
    const besides: number[] = [];
    for (let round = 0; round < slowRounds; round += 1) {
      const change = await server.prepareChange();
      await generator.tell({ kind: 'expect' });
      const start = monotonicMs();
      await change();
      besides.push((await generator.receipts(receiptTimeoutMs)).last - start);
      await delay(settleMs);
    }
    const memory = (rssKib(pid) - before) / load.slow;
    const resumed = monotonicMs();
    await generator.tell({ kind: 'resume' });
    const caughtUp = (await generator.receipts(receiptTimeoutMs)).last - resumed;
    await delay(settleMs);
    return { beside: medianOf(besides), memory, caughtUp };
  }
}

interface Slow {
  readonly beside: number;
  readonly memory: number;
  readonly caughtUp: number;
}

/** Returns the mean, because garbage collection in some rounds is a cost of all rounds. */
function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Returns the median. */
export function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
