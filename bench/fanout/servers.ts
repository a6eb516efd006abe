import { execFile } from 'node:child_process';
import { rename, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startChild } from '../../test/kit/child.ts';
import { startMeshtrust } from '../../test/kit/meshtrust.ts';
import { poll } from '../../test/kit/poll.ts';
import { makeTempDir } from '../../test/kit/temp-dir.ts';
import { createClient } from '../../test/xds/client.ts';
import type { Content } from './content.ts';
import { secretType } from './messages.ts';
import { argumentsOf, peerArgumentsOf, prepareTls } from './security.ts';
import type { ClientTls, Security } from './security.ts';

/** A server under test: a separate process that serves one content. */
interface Served extends AsyncDisposable {
  readonly pid: number;
  /** The address for proxies. */
  readonly address: string;
  /** `undefined`: proxies connect in plain text. */
  readonly tls: ClientTls | undefined;
  /** Prepares a change to the other form of the secret. The returned function makes the change. */
  prepareChange(): Promise<() => Promise<void>>;
}

/** A kind of server to compare. */
export interface Contestant {
  readonly name: string;
  readonly start: (content: Content) => Promise<Served>;
}

export interface MeshtrustVariant {
  readonly workers?: number;
  /** Value of `--xds-transport`. */
  readonly transport?: string;
  readonly security?: Security;
  readonly env?: Readonly<Record<string, string>>;
  /** Further arguments of `serve`. */
  readonly args?: readonly string[];
}

/** meshtrust as users start it, with a watched directory. */
export function meshtrust({
  workers = 1,
  transport = 'own',
  security = 'plain',
  env = {},
  args = [],
}: MeshtrustVariant): Contestant {
  const name = [
    'meshtrust',
    ...(transport === 'own' ? [] : [`${transport} transport`]),
    ...(workers === 1 ? [] : [`${workers} workers`]),
  ].join(', ');
  const all = [`--workers=${workers}`, `--xds-transport=${transport}`, ...args];
  return { name, start: (content) => startWatching(content, all, env, security) };
}

async function startWatching(
  content: Content,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  security: Security,
): Promise<Served> {
  const [dir, tlsDir] = [await makeTempDir(), await makeTempDir()];
  const tls = await prepareTls(security, tlsDir);
  for (const [name, text] of content.standing) await writeFile(dir.join(name), text);
  await writeFile(dir.join('changing.yaml'), content.changing[0]);
  const all = ['--log-level=warn', ...args, ...(tls === undefined ? [] : argumentsOf(tls))];
  const server = await startMeshtrust({ dirs: [dir.path], args: all, env });
  let form = 0;
  return {
    pid: server.pid,
    address: `127.0.0.1:${server.xdsPort}`,
    tls: tls?.client,
    async prepareChange() {
      form = 1 - form;
      await writeFile(dir.join('.changing'), content.changing[form] ?? '');
      return () => rename(dir.join('.changing'), dir.join('changing.yaml'));
    },
    async [Symbol.asyncDispose]() {
      // A profile is written only at a regular exit.
      await server.stop('SIGTERM');
      await dir[Symbol.asyncDispose]();
      await tlsDir[Symbol.asyncDispose]();
    },
  };
}

const run = promisify(execFile);
const source = fileURLToPath(new URL('../peers/go-control-plane', import.meta.url));
const binary = fileURLToPath(new URL('../../.cache/bin/go-control-plane-peer', import.meta.url));

/**
 * Starts go-control-plane with the same secrets, byte by byte. Returns the reason if it cannot be built. Its
 * LinearCache is the cheapest cache for streams, but does not support Fetch.
 */
export async function goControlPlane(
  cache: 'linear' | 'snapshot' = 'linear',
  security: Security = 'plain',
): Promise<Contestant | { readonly missing: string }> {
  try {
    await run('go', ['build', '-o', binary, '.'], { cwd: source, timeout: 300_000 });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { missing: code === 'ENOENT' ? 'there is no `go` on the PATH' : message };
  }
  return { name: 'go-control-plane', start: (content) => startPeer(content, cache, security) };
}

async function startPeer(content: Content, cache: string, security: Security): Promise<Served> {
  const forms = await secretsOf(content);
  const dir = await makeTempDir();
  const tls = await prepareTls(security, dir);
  const child = await startChild(binary, [
    '-cache',
    cache,
    ...(tls === undefined ? [] : peerArgumentsOf(tls)),
  ]);
  const { xds, control } = await poll('the peer to listen', () => {
    const [line] = child.stdout().split('\n', 1);
    return line === undefined || line === ''
      ? undefined
      : (JSON.parse(line) as { readonly xds: string; readonly control: string });
  });
  async function put(name: string, body: Uint8Array): Promise<void> {
    const url = `http://${control}/${encodeURIComponent(name)}`;
    const response = await fetch(url, { method: 'PUT', body: Buffer.from(body) });
    if (!response.ok) throw new Error(`the peer answered ${response.status}: ${await response.text()}`);
  }
  for (const [name, body] of forms[0]) await put(name, body);
  let form = 0;
  return {
    pid: child.pid,
    address: xds,
    tls: tls?.client,
    prepareChange() {
      form = 1 - form;
      const body = forms[form]?.get(content.name) ?? Buffer.alloc(0);
      return Promise.resolve(() => put(content.name, body));
    },
    async [Symbol.asyncDispose]() {
      await child[Symbol.asyncDispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

type Secrets = ReadonlyMap<string, Uint8Array>;

/** Returns the encoded secrets of both forms of a content, as meshtrust encodes them. */
async function secretsOf(content: Content): Promise<readonly [Secrets, Secrets]> {
  await using served = await startWatching(content, [], {}, 'plain');
  using client = createClient(served.address);
  const domains = [...content.standing.keys()].filter((name) => name.startsWith('other-'));
  const names = [content.name, ...domains.map((name) => `spiffe://${name.replace('.yaml', '.test')}`)];

  async function fetchAll(): Promise<Secrets> {
    const secrets = new Map<string, Uint8Array>();
    for (const name of names) {
      const { resources } = await client.fetch(
        '/envoy.service.secret.v3.SecretDiscoveryService/FetchSecrets',
        { type_url: secretType, resource_names: [name] },
      );
      const [secret] = resources;
      if (secret === undefined) throw new Error(`there is no secret ${name}`);
      secrets.set(name, secret.value);
    }
    return secrets;
  }

  const before = await fetchAll();
  const change = await served.prepareChange();
  await change();
  const after = await poll('the other form', async () => {
    const secrets = await fetchAll();
    const [now, then] = [secrets.get(content.name), before.get(content.name)];
    return now !== undefined && then !== undefined && Buffer.compare(now, then) !== 0 ? secrets : undefined;
  });
  return [before, after];
}
