/**
 * Puts Chromium into `.cache/chromium/` of the checkout, for the tests of the page:
 *
 *     node scripts/install-chromium.ts
 *
 * It comes from Debian's package `chromium`, with those packages that it needs and that are not installed. apt
 * checks them; they are unpacked without being installed, so no other user of the machine notices.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { isExecutable } from './install-envoy.ts';

/** How to run a Chromium. */
export interface InstalledChromium {
  readonly path: string;
  /** What its libraries and fonts are found by. */
  readonly env: Readonly<Record<string, string>>;
}

const cache = fileURLToPath(new URL('../.cache/chromium', import.meta.url));
const root = join(cache, 'root');
const path = join(root, 'usr/lib/chromium/chromium');
// Text needs a font, which chromium does not depend on.
const packages = ['chromium', 'fonts-liberation'];
const run = promisify(execFile);

/**
 * The installed Chromium; fetches it if it is not there yet.
 * @throws {Error} that says what is missing (apt-get, the package, the network).
 */
export async function installChromium(): Promise<InstalledChromium> {
  if (!(await isExecutable(path))) await fetchPackages();
  return { path, env: { LD_LIBRARY_PATH: await libraryPath(), XDG_DATA_HOME: join(root, 'usr/share') } };
}

async function fetchPackages(): Promise<void> {
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, '.unpack-'));
  try {
    const plan = await run('apt-get', ['install', '--simulate', '--no-install-recommends', ...packages]);
    const missing = [...plan.stdout.matchAll(/^Inst (\S+)/gm)].flatMap(([, name]) => name ?? []);
    // Without any it is installed already, and on the PATH.
    if (missing.length === 0) throw new Error('apt-get has nothing to install');
    await run('apt-get', ['download', ...missing], { cwd: work });
    for (const archive of await readdir(work)) {
      if (archive.endsWith('.deb')) await run('dpkg', ['-x', archive, 'unpacked'], { cwd: work });
    }
    await rename(join(work, 'unpacked'), root).catch(async (error: unknown) => {
      // Another run was first: its files are as good.
      if (!(await isExecutable(path))) throw error;
    });
  } catch (error) {
    throw new Error(`Chromium cannot be had: ${reason(error)}`, { cause: error });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Every folder with libraries. */
async function libraryPath(): Promise<string> {
  const folder = join(root, 'usr/lib');
  const files = await readdir(folder, { recursive: true });
  return [
    ...new Set(files.filter((file) => /\.so[.\d]*$/.test(file)).map((file) => join(folder, dirname(file)))),
  ].join(':');
}

function reason(error: unknown): string {
  const { code, path, stderr = '' } = error as { code?: unknown; path?: string; stderr?: string };
  if (code === 'ENOENT' && path !== undefined) return `there is no ${path} on the PATH`;
  return stderr.trim() === '' ? String(error) : (stderr.trim().split('\n').at(-1) ?? '');
}

if (import.meta.main) {
  try {
    console.log((await installChromium()).path);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
