import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, constants, open, stat, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { envoyBootstrap } from '../bootstrap/envoy-bootstrap.ts';
import type { ListenAddress } from '../../net/listen-address.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import { reasonOf } from '../../text/system-error.ts';
import { sleep } from '../../xds/timers/timers.ts';
import type { DemoFiles } from './demo-files.ts';

/** A running Envoy. Disposing of it ends it. */
export interface DemoEnvoy extends AsyncDisposable {
  /** True once it has ended. */
  readonly hasEnded: () => boolean;
}

/** Returns the path of an Envoy: the given one, or the first on the PATH; `undefined` if Envoy is not installed. */
export async function findEnvoy(given: string | undefined, path: string): Promise<string | undefined> {
  const candidates =
    given === undefined ? path.split(delimiter).map((folder) => join(folder, 'envoy')) : [given];
  for (const candidate of candidates) {
    if (await canRun(candidate)) return candidate;
  }
  if (given === undefined) return undefined;
  throw new CommandError(exitCode.usage, `--envoy ${given}: not an executable file`);
}

/** Returns true for an executable file. A directory is executable as well. */
async function canRun(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

/**
 * Returns the version as Envoy prints it, such as `1.40.0`.
 * @throws {CommandError} (cannot start) if it does not print its version.
 */
export async function versionOf(envoy: string): Promise<string> {
  const { stdout } = await promisify(execFile)(envoy, ['--version'], { timeout: 10_000 }).catch(
    (error: unknown) => {
      throw cannotRun(envoy, error);
    },
  );
  return /\/(?<version>\d+\.\d+\.\d+)/.exec(stdout)?.groups?.['version'] ?? 'of an unknown version';
}

function cannotRun(envoy: string, error: unknown): CommandError {
  const [reason = ''] = reasonOf(error).split('\n');
  return new CommandError(exitCode.cannotStart, `Envoy ${envoy} cannot be run: ${reason}`);
}

export interface DemoEnvoyOptions {
  readonly envoy: string;
  readonly files: DemoFiles;
  readonly xds: ListenAddress;
  readonly port: number;
  readonly adminPort: number;
}

/** Milliseconds after which an Envoy that does not end is killed. */
const endMs = 3_000;

/**
 * Starts an Envoy with a listener that validates its clients by the trust bundle of the control plane.
 * @throws {CommandError} (cannot start) if the program cannot be run.
 */
export async function startEnvoy(options: DemoEnvoyOptions): Promise<DemoEnvoy> {
  const { envoy, files, xds, port, adminPort } = options;
  const bootstrap = envoyBootstrap({
    nodeId: 'demo-proxy',
    cluster: 'demo',
    mesh: 'default',
    transport: 'delta-ads',
    secret: 'system_trust_bundle',
    xds,
    tls: undefined,
    token: undefined,
    listen: { kind: 'tcp', host: '127.0.0.1', port },
    admin: { kind: 'tcp', host: '127.0.0.1', port: adminPort },
    identity: files.server,
  });
  await writeFile(files.bootstrap, JSON.stringify(bootstrap, undefined, 2));
  await using log = await open(files.envoyLog, 'w');
  const args = ['--config-path', files.bootstrap, '--use-dynamic-base-id', '--concurrency', '1'];
  const child = spawn(envoy, args, { stdio: ['ignore', log.fd, log.fd] });
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  await once(child, 'spawn').catch((error: unknown) => {
    throw cannotRun(envoy, error);
  });
  return {
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      const isGone = await Promise.race([ended.then(() => true), sleep(endMs).then(() => false)]);
      if (!isGone) child.kill('SIGKILL');
      await ended;
    },
  };
}
