import { readFile, writeFile } from 'node:fs/promises';

import { makeSelfSignedLeaf } from './certificates.ts';
import { startChild } from './child.ts';
import { envoyBootstrap } from './envoy-bootstrap.ts';
import type { BootstrapOptions } from './envoy-bootstrap.ts';
import { poll } from './poll.ts';
import { makeTempDir } from './temp-dir.ts';

export interface EnvoyOptions
  extends
    Pick<BootstrapOptions, 'transport' | 'xdsPort'>,
    Partial<Omit<BootstrapOptions, 'transport' | 'xdsPort'>> {
  /** The binary, as `findEnvoy` found it. */
  readonly path: string;
  /** Whether to wait until every listener serves; true unless told. */
  readonly waitUntilLive?: boolean;
}

/** A running Envoy. */
export interface Envoy extends AsyncDisposable {
  readonly nodeId: string;
  readonly adminPort: number;
  /** Port of the listener of each secret name, in their order. */
  readonly ports: readonly number[];
  /** Port of the only or first listener. */
  readonly port: number;
  /** Answer of the admin server; only 200 is one. */
  readonly admin: (path: string) => Promise<string>;
  /** All counters and gauges that were touched, by name. */
  readonly stats: () => Promise<ReadonlyMap<string, number>>;
  /** The counter or gauge of that name; 0 while it is untouched. */
  readonly stat: (name: string) => Promise<number>;
  /** Waits until the stat has reached a value. */
  readonly untilStat: (name: string, atLeast: number, timeoutMs?: number) => Promise<void>;
  readonly log: () => string;
}

let started = 0;

/**
 * Starts an Envoy from a bootstrap of `envoyBootstrap` and waits until its listeners serve.
 * @throws {Error} with the end of its log when it ends instead, or is not live within 20 s.
 */
export async function startEnvoy(options: EnvoyOptions): Promise<Envoy> {
  const { path, waitUntilLive = true, ...rest } = options;
  const secretNames = options.secretNames ?? ['system_trust_bundle'];
  const nodeId = options.nodeId ?? `${options.transport}-${++started}`;
  const dir = await makeTempDir();
  const bootstrap = envoyBootstrap({
    mesh: 'default',
    identity: makeSelfSignedLeaf({ commonName: 'listener' }),
    tls: undefined,
    // Longer than any wait of a test: a listener that opened without its secret would hide a failure.
    initialFetchTimeout: 60,
    ...rest,
    secretNames,
    nodeId,
  });
  await writeFile(dir.join('envoy.json'), JSON.stringify(bootstrap));
  const child = await startChild(path, [
    '--config-path',
    dir.join('envoy.json'),
    '--admin-address-path',
    dir.join('admin'),
    '--concurrency',
    '1',
    '--log-level',
    'warning',
    '--disable-hot-restart',
  ]);
  const close = async () => {
    await child.stop('SIGKILL');
    await dir[Symbol.asyncDispose]();
  };
  const untilLive = <T>(what: string, probe: () => Promise<T | undefined>) =>
    poll(
      what,
      async () => {
        const exit = child.exited();
        if (exit !== undefined) throw new Error(`${nodeId} ended: ${JSON.stringify(exit)}`);
        return probe();
      },
      { timeoutMs: 20_000 },
    );

  try {
    const adminPort = await untilLive(`the admin port of ${nodeId}`, async () => {
      const address = await readFile(dir.join('admin'), 'utf8').catch(() => '');
      return /:(?<port>\d+)$/.exec(address)?.groups?.['port'];
    });
    const admin = async (path: string): Promise<string> => {
      const response = await fetch(`http://127.0.0.1:${adminPort}${path}`);
      const text = await response.text();
      if (response.status !== 200)
        throw new Error(`${nodeId} answers ${path} with ${response.status}: ${text}`);
      return text;
    };
    const stats = async () => parseStats(await admin('/stats?usedonly'));
    const stat = async (name: string) => (await stats()).get(name) ?? 0;
    if (waitUntilLive) {
      await untilLive(`${nodeId} to be live`, () =>
        admin('/ready').then(
          () => true,
          () => undefined,
        ),
      );
    }
    const ports = await untilLive(`the listeners of ${nodeId}`, async () =>
      listenerPorts(await admin('/listeners?format=json'), secretNames.length),
    );
    return {
      nodeId,
      adminPort: Number(adminPort),
      ports,
      port: ports[0] ?? 0,
      admin,
      stats,
      stat,
      untilStat: async (name, atLeast, timeoutMs = 10_000) => {
        await poll(
          `${nodeId}: ${name} to reach ${atLeast}`,
          async () => ((await stat(name)) >= atLeast ? true : undefined),
          {
            timeoutMs,
          },
        );
      },
      log: child.stderr,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw new Error(`Envoy did not start:\n${child.stderr().slice(-4000)}`, { cause: error });
  }
}

/** Lines of `name: value`; histograms and text have values that are no numbers and are left out. */
function parseStats(text: string): ReadonlyMap<string, number> {
  return new Map(
    text.split('\n').flatMap((line) => {
      const match = /^(?<name>.+): (?<value>\d+)$/.exec(line);
      return match?.groups === undefined
        ? []
        : [[match.groups['name'] ?? '', Number(match.groups['value'])] as const];
    }),
  );
}

interface ListenerStatuses {
  readonly listener_statuses?: readonly {
    readonly name: string;
    readonly local_address: { readonly socket_address: { readonly port_value: number } };
  }[];
}

/** Ports of `inbound_0`, `inbound_1`, …, or undefined while one of them is not bound yet. */
function listenerPorts(json: string, count: number): readonly number[] | undefined {
  const { listener_statuses: statuses = [] } = JSON.parse(json) as ListenerStatuses;
  const ports = Array.from({ length: count }, (_, index) => {
    const status = statuses.find(({ name }) => name === `inbound_${index}`);
    return status?.local_address.socket_address.port_value ?? 0;
  });
  return ports.every((port) => port > 0) ? ports : undefined;
}
