/**
 * Builds helm from the Go module proxy into `.cache/helm/<version>/` of the checkout, for the tests of the chart:
 *
 *     node scripts/install-helm.ts
 *
 * That takes two minutes on two cores. The go command checks what it downloads against the public checksum
 * database.
 */
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { isExecutable } from './install-envoy.ts';

/** A fixed version, so that all see the same. */
export const helmVersion = 'v4.3.1';

const bin = fileURLToPath(new URL(`../.cache/helm/${helmVersion}`, import.meta.url));
const run = promisify(execFile);

/** Where `installHelm` puts the binary. */
export const installedHelmPath: string = join(bin, 'helm');

/**
 * The path of a built helm; builds it if it is not there yet.
 * @throws {Error} that says what is missing (Go, the network).
 */
export async function installHelm(): Promise<string> {
  if (await isExecutable(installedHelmPath)) return installedHelmPath;
  await mkdir(bin, { recursive: true });
  try {
    // `go install` writes the binary only once it is built.
    await run('go', ['install', '-trimpath', `helm.sh/helm/v4/cmd/helm@${helmVersion}`], {
      env: { ...process.env, GOBIN: bin },
      maxBuffer: 16 * 1024 * 1024,
    });
  } catch (error) {
    throw new Error(`helm cannot be built: ${reason(error)}`, { cause: error });
  }
  return installedHelmPath;
}

function reason(error: unknown): string {
  const { code, stderr = '' } = error as { readonly code?: unknown; readonly stderr?: string };
  if (code === 'ENOENT') return 'there is no go on the PATH';
  return stderr.trim() === '' ? String(error) : (stderr.trim().split('\n').at(-1) ?? '');
}

if (import.meta.main) {
  try {
    console.log(await installHelm());
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
