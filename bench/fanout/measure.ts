import { setTimeout as delay } from 'node:timers/promises';
import { poll } from '../../test/kit/poll.ts';
import { monotonicMs } from './commands.ts';
import type { Receipts } from './commands.ts';
import type { Content } from './content.ts';
import { startGenerator } from './generator.ts';
import type { Protocol } from './messages.ts';
import { cpuMs, rssKib } from './process-cost.ts';
import type { Contestant } from './servers.ts';
import { timerMs } from '../../src/xds/timers/timers.ts';

/** How the proxies of a run are. */
export interface Load {
  readonly proxies: number;
  readonly transport: 'ads' | 'sds';
  readonly protocol: Protocol;
  readonly node: Uint8Array;
  readonly nodeInEveryRequest: boolean;
  /** Changes that do not count come first, for some so many pushes: code is compiled and buffers grow. */
  readonly warmUp: number;
  /** Changes that are pushed. */
  readonly rounds: number;
  /** Changes that come one after the other without a pause; 0 for none, or odd: a secret has two forms. */
  readonly burst: number;
  /** Proxies that do not read while some changes go out, and read again after them. */
  readonly slow: number;
  /**
   * How long nothing happens. Connections are probed in a tick every 2.5 s, so that less than 5 s would see too
   * many of them, or none; and each of them every 45 s.
   */
  readonly idleMs: number;
}

/** What a server spent. Each per proxy; microseconds of CPU, KiB of resident memory; times in ms. */
export interface Cost {
  readonly connectCpu: number;
  readonly memory: number;
  readonly pushCpu: number;
  /** What the load generator spent for a response and its ACK: it shares the cores, so that the last waits for it too. */
  readonly receiptCpu: number;
  /** From the change to the receipt of the median and of the last proxy; medians over the rounds. */
  readonly median: number;
  readonly last: number;
  /** The whole of a burst: CPU, responses, and the time from its last change to the last proxy. */
  readonly burstCpu: number;
  readonly burstResponses: number;
  /** To the last of the proxies that read, beside those that do not; and of those once they do. */
  readonly besideSlow: number;
  /** What the server holds for each that does not read. */
  readonly slowMemory: number;
  readonly caughtUp: number;
  /** Hundredths of a core that the server uses while nothing happens. */
  readonly idle: number;
  /** That all connections were cut off at once. */
  readonly closeCpu: number;
  /** Against a reconnect of all at once that quotes what it holds, and one that quotes nothing. */
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

/** With few proxies, changes for so many pushes would take for ever. */
export function mostWarmUps(pushes: number): number {
  return Math.ceil((pushes * 3) / 1_000);
}

function warmUpOf({ proxies, warmUp }: Load): number {
  return Math.min(mostWarmUps(warmUp), Math.max(3, Math.ceil(warmUp / proxies)));
}

/** The server is done with the acknowledgements, and a change is not part of a burst with the last one. */
const settleMs = 250;
const burstSettleMs = 2_000;
/** Changes while some proxies do not read. */
const slowRounds = 5;
const receiptTimeoutMs = 60_000;
/** A server that used less than a fiftieth of such a time is done with what it was doing. */
const quietMs = 300;
const quietTimeoutMs = 30_000;

/** Runs one server through connecting, pushes, idling and reconnecting. */
export async function measure(contestant: Contestant, content: Content, load: Load): Promise<Cost> {
  await using server = await contestant.start(content);
  await using generator = startGenerator();
  const { pid } = server;
  const connection = {
    kind: 'connect',
    address: server.address,
    path: paths[load.transport][load.protocol],
    protocol: load.protocol,
    node: Buffer.from(load.node).toString('base64'),
    nodeInEveryRequest: load.nodeInEveryRequest,
    name: content.name,
    answered: true,
    quotes: false,
  } as const;

  // What a process does for the first time is dearer than what it goes on to do.
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
    await quiet();
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

  /** Waits until the server is done with what no answer tells. */
  async function quiet(): Promise<void> {
    await poll(
      `${contestant.name} to be done`,
      async () => {
        const before = cpuMs(pid);
        await delay(quietMs);
        return cpuMs(pid) - before < quietMs / 50 || undefined;
      },
      { timeoutMs: quietTimeoutMs, everyMs: 0 },
    );
  }

  async function closeAll(): Promise<void> {
    await generator.tell({ kind: 'close' });
    await quiet();
  }

  /** When all that are owed a response have it. */
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
      // All are owed at least one; whether more are under way is seen when nothing comes any longer.
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

/** The mean: what garbage collection costs in some rounds belongs to all of them. */
function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The value in the middle. */
export function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
