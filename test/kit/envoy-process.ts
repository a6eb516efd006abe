import { readFile } from 'node:fs/promises';
import { startChild } from './child.ts';
import type { Child } from './child.ts';

/** The files of an Envoy process. */
export interface EnvoyFiles {
  readonly config: string;
  /** Envoy writes the address of its admin port here. */
  readonly admin: string;
}

/** Starts an Envoy with one worker, which logs warnings; `componentLogLevel` such as `connection:debug`. */
export function startEnvoyProcess(
  path: string,
  { config, admin }: EnvoyFiles,
  componentLogLevel?: string,
): Promise<Child> {
  return startChild(path, [
    '--config-path',
    config,
    '--admin-address-path',
    admin,
    '--concurrency',
    '1',
    '--log-level',
    'warning',
    ...(componentLogLevel === undefined ? [] : ['--component-log-level', componentLogLevel]),
    '--disable-hot-restart',
  ]);
}

/** Reads the admin port of an Envoy; undefined as long as it has not written it. */
export async function adminPortIn({ admin }: EnvoyFiles): Promise<number | undefined> {
  const address = await readFile(admin, 'utf8').catch(() => '');
  const port = /:(?<port>\d+)$/.exec(address)?.groups?.['port'];
  return port === undefined ? undefined : Number(port);
}
