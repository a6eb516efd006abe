/**
 * Builds a program from the Go module proxy into `.cache/bin/` of the checkout. The go command checks what it downloads
 * against the public checksum database.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { isExecutable } from './install-envoy.ts';

/** A program by its Go package, at a fixed version, so that everyone uses the same. */
export interface GoTool {
  readonly name: string;
  readonly package: string;
  readonly version: string;
}

const bin = fileURLToPath(new URL('../.cache/bin', import.meta.url));
const run = promisify(execFile);

/**
 * Returns the path of the built program. Builds it first if it is not there yet.
 * @throws {Error} that says what is missing (Go, the network).
 */
export async function installGoTool({ name, package: path, version }: GoTool): Promise<string> {
  const binary = join(bin, name);
  if (await isExecutable(binary)) return binary;
  await mkdir(bin, { recursive: true });
  const built = await mkdtemp(join(bin, '.build-'));
  try {
    await run('go', ['install', `${path}@${version}`], {
      env: { ...process.env, GOBIN: built },
      maxBuffer: 16 * 1024 * 1024,
    });
    // `go install` names the binary after the last element of the package.
    await rename(join(built, basename(path)), binary);
  } catch (error) {
    throw new Error(`${name} cannot be built: ${reason(error)}`, { cause: error });
  } finally {
    await rm(built, { recursive: true, force: true });
  }
  return binary;
}

function reason(error: unknown): string {
  const { code, stderr = '' } = error as { readonly code?: unknown; readonly stderr?: string };
  if (code === 'ENOENT') return 'there is no go on the PATH';
  return stderr.trim().split('\n').at(-1) ?? String(error);
}

/** Installs the program and prints its path, for a script that is run by hand. */
export async function installAndPrint(tool: GoTool): Promise<void> {
  try {
    console.log(await installGoTool(tool));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
