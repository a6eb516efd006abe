import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { makeCa } from '../certificates.ts';
import { meshTrustYaml } from '../mesh-trust-text.ts';
import { startMeshtrust } from '../meshtrust.ts';
import type { Meshtrust } from '../meshtrust.ts';
import { poll } from '../poll.ts';
import { randomNumbers } from '../seed.ts';
import { makeTempDir } from '../temp-dir.ts';
import { startFaultyRelay } from './faulty-relay.ts';
import { SoakProxy } from './soak-proxy.ts';

export interface SoakOptions {
  readonly seconds: number;
  readonly proxies: number;
  /** Value of `--xds-transport`. */
  readonly transport: string;
  /** Mean lifetime of a connection, in ms. */
  readonly lifetimeMs: number;
  /** Called each second. */
  readonly onSecond?: (sample: SoakSample) => void;
}

/** The server, and how many proxies do not have the served secret, just before a change. */
export interface SoakSample {
  readonly second: number;
  readonly memoryMiB: number;
  readonly descriptors: number;
  readonly behind: number;
}

export interface SoakReport {
  readonly samples: readonly SoakSample[];
  readonly changes: number;
  readonly connections: number;
  readonly cuts: number;
  readonly refused: number;
  /** Statuses with which the server ended streams, by their code. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Proxies without the last secret, some time after the last change and the last fault. */
  readonly missed: number;
  /** Open descriptors of the server before the first connection, and after the last one. */
  readonly descriptors: { readonly before: number; readonly after: number };
}

/** How long the last secret and the end of all connections may take. */
const settleMs = 30_000;

/** Changes a secret each second, while proxies come, go, lag and refuse behind a relay that cuts, splits and delays. */
export async function runSoak(options: SoakOptions): Promise<SoakReport> {
  const { seconds, proxies: count, transport, lifetimeMs, onSecond } = options;
  await using dir = await makeTempDir();
  const pems = [makeCa().certPem];
  let serial = 0;
  const change = async (): Promise<void> => {
    serial += 1;
    const text = meshTrustYaml({ name: 'changing', trustDomain: `k${serial}.soak.test`, pems });
    await writeFile(dir.join('.next'), text);
    await rename(dir.join('.next'), dir.join('changing.yaml'));
  };
  await change();
  const args = [`--xds-transport=${transport}`, '--guard-hold=0', '--log-level=error', '--open-rate=100000'];
  await using server = await startMeshtrust({ dirs: [dir.path], args });
  const before = await descriptorsOf(server);
  const random = randomNumbers();
  await using relay = await startFaultyRelay({ port: server.xdsPort, random, lifetimeMs });
  const proxies = Array.from(
    { length: count },
    (_, index) =>
      new SoakProxy({
        id: `soak-${index}`,
        port: relay.port,
        protocol: index % 2 === 0 ? 'delta' : 'sotw',
        random,
      }),
  );
  const samples: SoakSample[] = [];
  const behind = (): number => proxies.filter((proxy) => proxy.serial !== serial).length;
  try {
    for (let second = 1; second <= seconds; second += 1) {
      await delay(1000);
      const [memoryMiB, descriptors] = [await memoryOf(server), await descriptorsOf(server)];
      const sample = { second, memoryMiB, descriptors, behind: behind() };
      samples.push(sample);
      onSecond?.(sample);
      await change();
    }
    relay.repair();
    for (const proxy of proxies) proxy.calm();
    await until('every proxy to have the last secret', () => behind() === 0);
    const missed = behind();
    for (const proxy of proxies) proxy.close();
    await until('all connections to end', async () => (await descriptorsOf(server)) <= before);
    const statuses: Record<string, number> = {};
    for (const proxy of proxies)
      for (const [status, times] of proxy.statuses) statuses[status] = (statuses[status] ?? 0) + times;
    return {
      samples,
      changes: serial,
      connections: sum(proxies.map(({ connections }) => connections)),
      cuts: relay.cuts(),
      refused: sum(proxies.map(({ refused }) => refused)),
      statuses,
      missed,
      descriptors: { before, after: await descriptorsOf(server) },
    };
  } finally {
    for (const proxy of proxies) proxy.close();
  }
}

/** Waits for a condition. The report says what is missing if it does not come true. */
async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  await poll(what, async () => ((await condition()) ? true : undefined), { timeoutMs: settleMs }).catch(
    () => undefined,
  );
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

async function descriptorsOf({ pid }: Meshtrust): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length;
}

async function memoryOf({ pid }: Meshtrust): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024;
}
