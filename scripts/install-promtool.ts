/**
 * Puts promtool and prometheus into `.cache/prometheus/` of the checkout, for the tests of alerts and dashboard:
 *
 *     node scripts/install-promtool.ts
 *
 * They come from Debian's package `prometheus`, which apt checks, and are unpacked without being installed.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { isExecutable } from './install-envoy.ts';

/** The programs of the package. */
export const prometheusTools = ['promtool', 'prometheus'] as const;
export type PrometheusTool = (typeof prometheusTools)[number];

const cache = fileURLToPath(new URL('../.cache/prometheus', import.meta.url));
const run = promisify(execFile);

/** Where `installPrometheusTool` puts a binary. */
export function installedPrometheusPath(tool: PrometheusTool): string {
  return join(cache, tool);
}

/**
 * The path of a tool; fetches both if it is not there yet. Those who ask at the same time each fetch them, and
 * the last one stays.
 * @throws {Error} that says what is missing (apt-get, the network).
 */
export async function installPrometheusTool(tool: PrometheusTool): Promise<string> {
  const path = installedPrometheusPath(tool);
  if (await isExecutable(path)) return path;
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, '.unpack-'));
  try {
    await run('apt-get', ['download', 'prometheus'], { cwd: work });
    const archive = (await readdir(work)).find((name) => name.endsWith('.deb'));
    if (archive === undefined) throw new Error('apt-get downloaded no package of prometheus');
    await run('dpkg', ['-x', archive, 'unpacked'], { cwd: work });
    for (const name of prometheusTools) {
      await rename(join(work, 'unpacked/usr/bin', name), installedPrometheusPath(name));
    }
  } catch (error) {
    throw new Error(`${tool} cannot be had: ${reason(error)}`, { cause: error });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return path;
}

function reason(error: unknown): string {
  const { code, path, stderr = '' } = error as { code?: unknown; path?: string; stderr?: string };
  if (code === 'ENOENT' && path !== undefined) return `there is no ${path} on the PATH`;
  return stderr.trim() === '' ? String(error) : (stderr.trim().split('\n').at(-1) ?? '');
}

if (import.meta.main) {
  try {
    for (const tool of prometheusTools) console.log(await installPrometheusTool(tool));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
