/**
 * Builds ghz, the gRPC load generator, from the Go module proxy into `.cache/bin/` of the checkout:
 *
 *     node scripts/install-ghz.ts
 *
 * The go command checks what it downloads against the public checksum database.
 */
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { isExecutable } from './install-envoy.ts';

/** A fixed version, so that all see the same. */
export const ghzVersion = 'v0.93.0';

const bin = fileURLToPath(new URL('../.cache/bin', import.meta.url));
const run = promisify(execFile);

/** Where `installGhz` puts the binary. */
export const installedGhzPath: string = join(bin, 'ghz');

/**
 * The path of a built ghz; builds it if it is not there yet, which takes a minute.
 * @throws {Error} that says what is missing (Go, the network).
 */
export async function installGhz(): Promise<string> {
  if (await isExecutable(installedGhzPath)) return installedGhzPath;
  await mkdir(bin, { recursive: true });
  try {
    // `go install` writes the binary only once it is built.
    await run('go', ['install', `github.com/bojand/ghz/cmd/ghz@${ghzVersion}`], {
      env: { ...process.env, GOBIN: bin },
      maxBuffer: 16 * 1024 * 1024,
    });
  } catch (error) {
    throw new Error(`ghz cannot be built: ${reason(error)}`, { cause: error });
  }
  return installedGhzPath;
}

function reason(error: unknown): string {
  const { code, stderr = '' } = error as { readonly code?: unknown; readonly stderr?: string };
  if (code === 'ENOENT') return 'there is no go on the PATH';
  return stderr.trim().split('\n').at(-1) ?? String(error);
}

if (import.meta.main) {
  try {
    console.log(await installGhz());
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
