/**
 * Puts kube-apiserver, kubectl and etcd into `.cache/kubernetes/<version>/` of the checkout, for the tests
 * that want a real API server:
 *
 *     node scripts/install-kubernetes.ts
 *
 * The first two are built from the Go module proxy, in four minutes on two cores; the go command checks what
 * it downloads against the public checksum database. etcd comes from Debian's package `etcd-server`, which
 * apt checks, and is unpacked without being installed.
 */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { isExecutable } from './install-envoy.ts';

/** A fixed version, so that all see the same. */
export const kubernetesVersion = 'v1.36.3';

/** The programs that a test cluster is made of. */
export const kubernetesTools = ['kube-apiserver', 'kubectl', 'etcd'] as const;
export type KubernetesTool = (typeof kubernetesTools)[number];

const cache = fileURLToPath(new URL(`../.cache/kubernetes/${kubernetesVersion}`, import.meta.url));
const run = promisify(execFile);
const maxBuffer = 64 * 1024 * 1024;
const longestBuildMs = 30 * 60_000;

/** Where `installKubernetesTool` puts a binary. */
export function installedKubernetesPath(tool: KubernetesTool): string {
  return join(cache, tool);
}

/**
 * The path of a tool, which is built or fetched if it is not there yet. Those who ask at the same time, as test
 * files do, wait for the first one.
 * @throws {Error} that says what is missing (Go, apt-get, the network).
 */
export async function installKubernetesTool(tool: KubernetesTool): Promise<string> {
  const path = installedKubernetesPath(tool);
  await mkdir(cache, { recursive: true });
  const work = join(cache, `.${tool}`);
  while (!(await isExecutable(path))) {
    if (!(await claim(work))) {
      await delay(500);
      continue;
    }
    try {
      const binary = tool === 'etcd' ? await unpackEtcd(work) : await build(tool, work);
      await rename(binary, path);
    } catch (error) {
      throw new Error(`${tool} cannot be had: ${reason(error)}`, { cause: error });
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }
  return path;
}

/** Makes the folder to work in; false while it is another's. One that is left over from a crash is taken away. */
async function claim(work: string): Promise<boolean> {
  try {
    await mkdir(work);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const made = await stat(work).catch(() => undefined);
  if (made !== undefined && Date.now() - made.birthtimeMs > longestBuildMs)
    await rm(work, { recursive: true, force: true });
  return false;
}

/**
 * Kubernetes is made of modules that its own go.mod names with version v0.0.0, since in its repository they
 * lie beside it. Published they have the minor and patch number of the release under v0.
 */
async function build(tool: Exclude<KubernetesTool, 'etcd'>, work: string): Promise<string> {
  const download = await run('go', ['mod', 'download', '-json', `k8s.io/kubernetes@${kubernetesVersion}`], {
    cwd: work,
    maxBuffer,
  });
  const { GoMod } = JSON.parse(download.stdout) as { readonly GoMod: string };
  const staged = [...(await readFile(GoMod, 'utf8')).matchAll(/^\t(k8s\.io\/[a-z-]+) v0\.0\.0$/gm)];
  const stagedVersion = kubernetesVersion.replace(/^v1\./, 'v0.');
  await writeFile(
    join(work, 'go.mod'),
    [
      'module meshtrust.invalid/kubernetes',
      'go 1.26.0',
      `require k8s.io/kubernetes ${kubernetesVersion}`,
      ...staged.map(([, name]) => `replace ${name} => ${name} ${stagedVersion}`),
      '',
    ].join('\n'),
  );
  const binary = join(work, tool);
  const versionPackage = 'k8s.io/component-base/version';
  const flags = [
    '-s',
    '-w',
    `-X ${versionPackage}.gitVersion=${kubernetesVersion}`,
    `-X ${versionPackage}.gitMajor=1`,
    `-X ${versionPackage}.gitMinor=${kubernetesVersion.split('.')[1]}`,
  ];
  await run(
    'go',
    [
      'build',
      '-mod=mod',
      '-trimpath',
      `-ldflags=${flags.join(' ')}`,
      '-o',
      binary,
      `k8s.io/kubernetes/cmd/${tool}`,
    ],
    { cwd: work, maxBuffer },
  );
  return binary;
}

async function unpackEtcd(work: string): Promise<string> {
  await run('apt-get', ['download', 'etcd-server'], { cwd: work, maxBuffer });
  const archive = (await readdir(work)).find((name) => name.endsWith('.deb'));
  if (archive === undefined) throw new Error('apt-get downloaded no package of etcd-server');
  await run('dpkg', ['-x', archive, 'unpacked'], { cwd: work });
  const binary = join(work, 'etcd');
  await copyFile(join(work, 'unpacked/usr/bin/etcd'), binary);
  return binary;
}

function reason(error: unknown): string {
  const { code, path, stderr = '' } = error as { code?: unknown; path?: string; stderr?: string };
  if (code === 'ENOENT' && path !== undefined) return `there is no ${path} on the PATH`;
  return stderr.trim() === '' ? String(error) : (stderr.trim().split('\n').at(-1) ?? '');
}

if (import.meta.main) {
  try {
    for (const tool of kubernetesTools) console.log(await installKubernetesTool(tool));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
