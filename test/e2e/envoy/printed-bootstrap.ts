import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { run } from '../../cli/run.ts';
import { makeSelfSignedLeaf } from '../../kit/certificates.ts';
import type { Certificate } from '../../kit/certificates.ts';
import { startChild } from '../../kit/child.ts';
import type { Child } from '../../kit/child.ts';
import { freePort } from '../../kit/free-port.ts';
import type { TempDir } from '../../kit/temp-dir.ts';

/** Writes a certificate and its key to files. Returns their paths. */
export async function writePair(
  dir: TempDir,
  name: string,
  { certPem, keyPem }: Pick<Certificate, 'certPem' | 'keyPem'>,
): Promise<{ readonly cert: string; readonly key: string }> {
  const [cert, key] = [dir.join(`${name}.crt`), dir.join(`${name}.key`)];
  await writeFile(cert, certPem);
  await writeFile(key, keyPem);
  return { cert, key };
}

/** Writes what `meshtrust bootstrap` prints to a file. Returns its path. */
export async function writeBootstrap(
  dir: TempDir,
  args: readonly string[],
  name = 'envoy.yaml',
): Promise<string> {
  const { code, stdout, stderr } = await run(['bootstrap', ...args]);
  assert.equal(code, 0, stderr);
  await writeFile(dir.join(name), stdout);
  return dir.join(name);
}

/** Starts an Envoy with a bootstrap file. */
export function startEnvoyOf(envoyPath: string, config: string): Promise<Child> {
  return startChild(envoyPath, ['--config-path', config, '--concurrency', '1', '--disable-hot-restart']);
}

/**
 * Starts an Envoy with the bootstrap that the command prints for a control plane with TLS, whose name is
 * `meshtrust.test` and whose CA is in the file `ca.crt`. Returns the port of its listener.
 */
export async function startPrinted(
  stack: AsyncDisposableStack,
  dir: TempDir,
  { envoyPath, xdsPort }: { readonly envoyPath: string; readonly xdsPort: number },
  args: readonly string[],
): Promise<number> {
  const listener = await writePair(dir, 'listener', makeSelfSignedLeaf({ commonName: 'listener' }));
  const [port, adminPort] = [await freePort(), await freePort()];
  const config = await writeBootstrap(dir, [
    `--xds-address=127.0.0.1:${xdsPort}`,
    `--xds-ca=${dir.join('ca.crt')}`,
    '--xds-name=meshtrust.test',
    `--proxy-listen=127.0.0.1:${port}`,
    `--proxy-admin=127.0.0.1:${adminPort}`,
    `--proxy-cert=${listener.cert}`,
    `--proxy-key=${listener.key}`,
    ...args,
  ]);
  stack.use(await startEnvoyOf(envoyPath, config));
  return port;
}
