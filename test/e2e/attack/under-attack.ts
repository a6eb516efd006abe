import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { secretTypeUrl } from '../../../src/trust/snapshot/publisher.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { startChild } from '../../kit/child.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { mostMemory } from '../../kit/most-memory.ts';
import type { Meshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { createClient } from '../../xds/client.ts';
import { assertBoundedCpu, describeCpu, cpuOf, slownessOf, startCost } from './attack-cpu.ts';
import type { AttackCpu } from './attack-cpu.ts';
import { credentials } from '@grpc/grpc-js';
import type { ChannelCredentials } from '@grpc/grpc-js';

const attacks = new URL('../../kit/attacks/', import.meta.url);
const ads = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const cas = [makeCa(), makeCa()] as const;

/** The measurements of honest clients during an attack. Times are in ms. */
export interface Seen {
  /** From each change of a file until all proxies had it. */
  readonly changes: readonly number[];
  /** From the connection of each newcomer until it had its trust. */
  readonly newcomers: readonly number[];
  /** The largest growth of resident memory, in MiB. */
  readonly grown: number;
  readonly cpu: AttackCpu;
  /** The multiple of the attacker's CPU time that the server may use. `undefined`: the default. */
  readonly cpuRatio: number | undefined;
  /** Returns the number of connections of the attacker that ended. */
  readonly cutOff: () => number;
  readonly metric: Meshtrust['metric'];
}

/** The times of one change and one new proxy, in ms. */
interface Round {
  readonly changeMs: number;
  readonly newcomerMs: number;
}

const changesOf = (rounds: readonly Round[]): readonly number[] => rounds.map(({ changeMs }) => changeMs);

/** Returns a MeshTrust with `count` CA certificates, of some 600 bytes each. */
function bulkTrust(count: number): string {
  const pems = Array.from({ length: count }, (_, index) => makeCa({ commonName: `Bulk ${index}` }).certPem);
  return meshTrustYaml({ name: 'bulk', trustDomain: 'bulk.test', pems });
}

/** The number of changes and new proxies before the attack. */
const calmRounds = 4;
/** The test ends the attacker. If the test process is killed, the attacker ends after this time. */
const longestAttackMs = 120_000;

export const skip = process.platform !== 'linux' && 'reads /proc';

const named = { 'grpc.ssl_target_name_override': 'localhost' };

/** A proxy that acknowledges each response. */
export function connectProxy(address: string, id: string, channel?: ChannelCredentials) {
  const client = createClient(address, named, channel);
  const stream = client.delta(ads);
  stream.send({ type_url: secretTypeUrl, resource_names_subscribe: ['ALL'], node: { id } });
  return {
    async next(): Promise<void> {
      const { nonce } = await stream.next();
      stream.send({ type_url: secretTypeUrl, response_nonce: nonce });
    },
    [Symbol.dispose](): void {
      stream[Symbol.dispose]();
      client[Symbol.dispose]();
    },
  };
}

/**
 * Starts the program with `bulk` CA certificates, proxies, and the attack from another process. Meanwhile trust
 * changes, and new proxies connect. `check` runs while the attack continues.
 */
export async function underAttack(
  kind: string,
  check: (seen: Seen) => Promise<void> | void,
  {
    attackMs = 4_000,
    args = [] as readonly string[],
    tls = false,
    program = 'flood-xds.ts',
    cpuRatio = undefined as number | undefined,
    bulk = 0,
  } = {},
): Promise<void> {
  await using dir = await makeTempDir();
  const change = (count: number): Promise<void> => {
    const pems = [cas[0].certPem, ...(count % 2 === 1 ? [cas[1].certPem] : [])];
    return writeFile(dir.join('a.yaml'), meshTrustYaml({ name: 'a', trustDomain: 'a.test', pems }));
  };
  await change(0);
  if (bulk > 0) await writeFile(dir.join('bulk.yaml'), bulkTrust(bulk));
  await using files = await makeTempDir();
  const leaf = makeLeaf(cas[0], { commonName: 'server', dnsNames: ['localhost'] });
  await writeFile(files.join('crt'), leaf.certPem);
  await writeFile(files.join('key'), leaf.keyPem);
  const tlsArgs = tls ? [`--tls-cert=${files.join('crt')}`, `--tls-key=${files.join('key')}`] : [];
  const channel = tls ? credentials.createSsl(Buffer.from(cas[0].certPem)) : undefined;
  await using server = await startMeshtrust({ dirs: [dir.path], args: [...args, ...tlsArgs] });
  const address = `127.0.0.1:${server.xdsPort}`;
  using first = connectProxy(address, 'honest-1', channel);
  using second = connectProxy(address, 'honest-2', channel);
  using third = connectProxy(address, 'honest-3', channel);
  const proxies = [first, second, third];
  await Promise.all(proxies.map((proxy) => proxy.next()));
  let count = 0;
  /** Changes the trust, and lets a new proxy connect. */
  const round = async (): Promise<Round> => {
    count += 1;
    const start = performance.now();
    const changed = Promise.all(proxies.map((proxy) => proxy.next()));
    await change(count);
    await changed;
    const came = performance.now();
    using newcomer = connectProxy(address, `newcomer-${count}`, channel);
    await newcomer.next();
    const newcomerMs = Math.round(performance.now() - came);
    await delay(100);
    return { changeMs: Math.round(came - start), newcomerMs };
  };
  const calm: Round[] = [];
  const calmMs = await cpuOf(server, async () => {
    while (calm.length < calmRounds) calm.push(await round());
  });
  const before = await mostMemory(server);
  await using attacker = await startChild(process.execPath, [
    fileURLToPath(new URL(program, attacks)),
    String(server.xdsPort),
    kind,
    String(longestAttackMs),
  ]);
  await poll('the attack', () => attacker.stdout().includes('attacking') || undefined);
  const cost = await startCost(server, attacker);
  const rounds: Round[] = [];
  for (const end = performance.now() + attackMs; performance.now() < end;) rounds.push(await round());
  const grown = Math.round(((await mostMemory(server)) - before) / 2 ** 20);
  const roundMs = calmMs / calmRounds;
  const cpu = await cost.end(roundMs * rounds.length, slownessOf(roundMs));
  const [changes, newcomers] = [changesOf(rounds), rounds.map(({ newcomerMs }) => newcomerMs)];
  const { metric } = server;
  if (process.env['ATTACK_REPORT'] !== undefined) {
    process.stdout.write(
      `${[kind, ...args].join(' ')}: before ${changesOf(calm).join()} changes ${changes.join()} newcomers ${newcomers.join()} grown ${grown} MiB; ${describeCpu(cpu)}\n` +
        `${JSON.stringify([...(await metric('meshtrust_xds_streams_refused_total')), ...(await metric('meshtrust_xds_connections_closed_total'))])}\n`,
    );
  }
  const cutOff = (): number =>
    Number([...attacker.stdout().matchAll(/cut off (\d+) times/g)].at(-1)?.[1] ?? 0);
  await check({ changes, newcomers, grown, cpu, cpuRatio, cutOff, metric });
}

/**
 * Time limit of a change or a new proxy, in ms. The machine may be busy with other tests: `npm run bench:attack`
 * holds it to one second.
 */
const boundMs = Number(process.env['ATTACK_BOUND_MS'] ?? 5_000);

/** Asserts that honest clients are served within the time limit, and memory stays within its limit. */
export function assertServed({ changes, newcomers, grown, cpu, cpuRatio }: Seen, mostGrown = 256): void {
  assert.ok(Math.max(...changes) < boundMs, `changes took ${changes.join()} ms`);
  assert.ok(Math.max(...newcomers) < boundMs, `newcomers waited ${newcomers.join()} ms`);
  assert.ok(grown < mostGrown, `${grown} MiB more`);
  assertBoundedCpu(cpu, cpuRatio);
}
