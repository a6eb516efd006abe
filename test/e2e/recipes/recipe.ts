import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import type { Certificate } from '../../kit/certificates.ts';
import { startChild } from '../../kit/child.ts';
import { createEnvoyAdmin } from '../../kit/envoy-admin.ts';
import type { EnvoyAdmin } from '../../kit/envoy-admin.ts';
import { adminPortIn } from '../../kit/envoy-process.ts';
import { freePort } from '../../kit/free-port.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { binaries } from '../../kit/both-envoys.ts';

const examples = fileURLToPath(new URL('../../../examples', import.meta.url));
const run = promisify(execFile);

interface RecipeEnvoyOptions {
  /** The bootstrap to use instead of the text of the file. */
  readonly text?: string;
  /** Further arguments, as a manifest of the recipe has them. */
  readonly args?: readonly string[];
  /** False if Envoy only starts and is not live, because its listeners wait for a secret. */
  readonly waitUntilLive?: boolean;
}

/** The files of `examples/<name>`, on this machine: with other ports and paths, and with certificates of the test. */
export interface Recipe extends AsyncDisposable {
  /** Root of the paths in the files: `/etc/envoy/x` in a file is `path('/etc/envoy/x')`. */
  readonly path: (absolute: string) => string;
  /** The port that stands for a port of the files. */
  readonly port: (port: number) => number;
  /** The text of a file, with everything replaced. */
  readonly text: (file: string) => string;
  /** Writes the files of a folder of the recipe to a path, as the page says. */
  readonly install: (folder: string, absolute: string) => Promise<void>;
  /** Writes a certificate and its key as `tls.crt`, `tls.key`, and with a CA `ca.crt`. */
  readonly installTls: (absolute: string, leaf: Certificate, ca?: Certificate) => Promise<void>;
  /** Starts an Envoy with a bootstrap of the recipe and waits until it is live; it ends with the recipe. */
  readonly envoy: (file: string, options?: RecipeEnvoyOptions) => Promise<EnvoyAdmin>;
  /** Starts an application on a port of the files: it answers 200 with the given text. */
  readonly application: (port: number, text: string) => Promise<void>;
}

/**
 * Opens a recipe. `certificates` are PEM texts by placeholder: a line `<NAME>` of a file is replaced by the PEM, with
 * the indentation of the line. Ports become free ports, names of Services 127.0.0.1, and paths lie in a temporary
 * folder. Nothing else of the files changes.
 */
export async function openRecipe(
  name: string,
  certificates: Readonly<Record<string, string>> = {},
): Promise<Recipe> {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await makeTempDir());
  const folder = join(examples, name);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = new Map<string, string>();
  for (const entry of entries.filter((one) => one.isFile())) {
    const path = join(entry.parentPath, entry.name);
    files.set(path.slice(folder.length + 1), await readFile(path, 'utf8'));
  }
  const ports = new Map<number, number>();
  for (const text of files.values())
    for (const [, port = ''] of text.matchAll(/port_value: (\d+)/g))
      if (!ports.has(Number(port))) ports.set(Number(port), await freePort());
  const portOf = (port: number): number => {
    const free = ports.get(port);
    if (free === undefined) throw new Error(`no file of ${name} has port_value: ${port}`);
    return free;
  };
  const pathOf = (absolute: string): string => dir.join(absolute);
  const textOf = (file: string): string => {
    const text = files.get(file);
    if (text === undefined) throw new Error(`${name} has no file ${file}`);
    return text
      .replaceAll(/port_value: (\d+)/g, (_, port: string) => `port_value: ${portOf(Number(port))}`)
      .replaceAll(/address: [\w-]+(?:\.[\w-]+)*\.(?:svc|example)\b/g, 'address: 127.0.0.1')
      .replaceAll(/(?<=[:\s])\/(?:etc|run)\/[\w./-]+/g, pathOf)
      .replaceAll(/^(?<indent> *)<(?<placeholder>[^>\n]+)>$/gm, (_, indent: string, placeholder: string) => {
        const pem = certificates[placeholder];
        if (pem === undefined) throw new Error(`${file}: there is no certificate for <${placeholder}>`);
        return pem.trim().replaceAll(/^/gm, indent);
      });
  };
  const write = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  };
  let started = 0;
  const owned = stack.move();
  return {
    path: pathOf,
    port: portOf,
    text: textOf,
    install: async (from, absolute) => {
      const prefix = from === '.' ? '' : `${from}/`;
      const inside = [...files.keys()].filter((file) => file.startsWith(prefix));
      if (inside.length === 0) throw new Error(`${name} has no folder ${from}`);
      for (const file of inside) await write(join(pathOf(absolute), file.slice(prefix.length)), textOf(file));
    },
    installTls: async (absolute, leaf, ca) => {
      await write(join(pathOf(absolute), 'tls.crt'), leaf.certPem);
      await write(join(pathOf(absolute), 'tls.key'), leaf.keyPem);
      if (ca !== undefined) await write(join(pathOf(absolute), 'ca.crt'), ca.certPem);
    },
    envoy: async (file, { text = textOf(file), args = [], waitUntilLive = true } = {}) => {
      const config = dir.join(`bootstrap-${++started}.yaml`);
      await write(config, text);
      // Every supported Envoy accepts the bootstrap. The newest Envoy runs it.
      for (const { path } of binaries)
        await run(path, ['--mode', 'validate', '--config-path', config, ...args]);
      const [newest] = binaries;
      if (newest === undefined) throw new Error('no Envoy');
      const files = { config, admin: `${config}.admin` };
      const own = ['--admin-address-path', files.admin, '--concurrency', '1', '--disable-hot-restart'];
      const child = owned.use(await startChild(newest.path, ['--config-path', config, ...own, ...args]));
      return poll(`the Envoy of ${file} to be live`, async () => {
        if (child.exited() !== undefined) throw new Error(`Envoy ended:\n${child.stderr()}`);
        const port = await adminPortIn(files);
        if (port === undefined) return undefined;
        const admin = createEnvoyAdmin(file, port);
        return admin.get(waitUntilLive ? '/ready' : '/server_info').then(
          () => admin,
          () => undefined,
        );
      });
    },
    application: async (port, text) => {
      const server = createServer((_, response) => response.end(text));
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      server.once('error', reject);
      server.listen(portOf(port), '127.0.0.1', resolve);
      await promise;
      owned.defer(async () => {
        server.closeAllConnections();
        const closed = Promise.withResolvers<void>();
        server.close(() => closed.resolve());
        await closed.promise;
      });
      if ((server.address() as AddressInfo).port !== portOf(port)) throw new Error('another port');
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Waits until a request to a listener without TLS is answered with that status, and returns the body. */
export async function untilStatus(port: number, status: number): Promise<string> {
  return poll(`status ${status} at port ${port}`, async () => {
    const response = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
    const text = await response?.text();
    return response?.status === status ? text : undefined;
  });
}

/**
 * Sends requests through an Envoy until it has refused a server because of its certificate. `send` returns the status
 * of a response. A single 503 proves nothing: it may come from a connection that was open before.
 */
export async function untilServerRefused(
  envoy: EnvoyAdmin,
  stat: string,
  send: () => Promise<number>,
): Promise<void> {
  await poll(`${stat} to rise`, async () => {
    const status = await send();
    if (status !== 503) throw new Error(`a request was answered with ${status}`);
    return (await envoy.stat(stat)) >= 1 ? true : undefined;
  });
}

/** The status of a request to a listener without TLS. */
export async function statusAt(port: number): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}/`);
  await response.text();
  return response.status;
}
