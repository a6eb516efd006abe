import { writeFile } from 'node:fs/promises';

import { makeSelfSignedLeaf } from './certificates.ts';
import { createEnvoyAdmin } from './envoy-admin.ts';
import type { EnvoyAdmin } from './envoy-admin.ts';
import { envoyBootstrap } from './envoy-bootstrap.ts';
import type { BootstrapOptions } from './envoy-bootstrap.ts';
import { adminPortIn, startEnvoyProcess } from './envoy-process.ts';
import { poll } from './poll.ts';
import { makeTempDir } from './temp-dir.ts';

export interface EnvoyOptions
  extends
    Pick<BootstrapOptions, 'transport' | 'xdsPort'>,
    Partial<Omit<BootstrapOptions, 'transport' | 'xdsPort'>> {
  /** The binary, as `findEnvoy` found it. */
  readonly path: string;
  /** Whether to wait until every listener serves; true by default. */
  readonly waitUntilLive?: boolean;
  /** Log levels of components, in Envoy's syntax: `connection:debug`. */
  readonly componentLogLevel?: string;
}

/** A running Envoy. */
export interface Envoy extends EnvoyAdmin, AsyncDisposable {
  readonly nodeId: string;
  readonly pid: number;
  /** Ports of the listeners, in the order of the secret names. */
  readonly ports: readonly number[];
  /** Port of the first listener. */
  readonly port: number;
  readonly log: () => string;
}

let started = 0;

/**
 * Starts an Envoy from a bootstrap of `envoyBootstrap` and waits until its listeners serve.
 * @throws {Error} with the end of its log if it exits, or is not live within 20 s.
 */
export async function startEnvoy(options: EnvoyOptions): Promise<Envoy> {
  const { path, waitUntilLive = true, componentLogLevel, ...rest } = options;
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
  const files = { config: dir.join('envoy.json'), admin: dir.join('admin') };
  await writeFile(files.config, JSON.stringify(bootstrap));
  const child = await startEnvoyProcess(path, files, componentLogLevel);
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
    const adminPort = await untilLive(`the admin port of ${nodeId}`, () => adminPortIn(files));
    const admin = createEnvoyAdmin(nodeId, adminPort);
    if (waitUntilLive) {
      await untilLive(`${nodeId} to be live`, () =>
        admin.get('/ready').then(
          () => true,
          () => undefined,
        ),
      );
    }
    const ports = await untilLive(`the listeners of ${nodeId}`, () =>
      admin.listenerPorts(secretNames.length),
    );
    return {
      ...admin,
      nodeId,
      pid: child.pid,
      ports,
      port: ports[0] ?? 0,
      log: child.stderr,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw new Error(`Envoy did not start:\n${child.stderr().slice(-4000)}`, { cause: error });
  }
}
