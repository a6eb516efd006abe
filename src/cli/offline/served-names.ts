import { proxyPages } from '../ask/list-proxies.ts';
import { serverAccess } from '../ask/server-options.ts';
import type { ServerAccess, ServerOptions } from '../ask/server-options.ts';
import { meshNames, servedMeshes } from './served-meshes.ts';
import type { CommandIo } from '../terminal/io.ts';

/** The kinds of names that a running server knows. */
type ServedName = 'mesh' | 'proxy' | 'secret' | 'trust-domain';

/** A person who presses Tab does not wait longer, in milliseconds. */
const timeoutMs = 500;

/** Names of other characters need quotes in a shell, and node ids come from strangers. */
const plainName = /^[\w.@:/-]{1,200}$/;

/** Returns the names of a kind that the first server knows; an empty list on any failure. */
export async function servedNames(
  what: ServedName,
  options: ServerOptions,
  io: CommandIo,
): Promise<readonly string[]> {
  const signal = AbortSignal.any([io.signal, AbortSignal.timeout(timeoutMs)]);
  try {
    const [server] = await serverAccess(options, { ...io, signal });
    const names = server === undefined ? [] : await askNames(what, server, signal);
    return [...new Set(names)].filter((name) => plainName.test(name)).toSorted();
  } catch {
    // An error message would stand in the middle of the command line.
    return [];
  }
}

async function askNames(
  what: ServedName,
  server: ServerAccess,
  signal: AbortSignal,
): Promise<readonly string[]> {
  switch (what) {
    case 'mesh':
      return meshNames(server, signal);
    case 'proxy': {
      for await (const { proxies } of proxyPages(server, {}, signal)) return proxies.map(({ node }) => node);
      return [];
    }
    case 'secret':
      return (await servedMeshes(server, signal)).flatMap(({ secrets }) => secrets.map(({ name }) => name));
    case 'trust-domain':
      return (await servedMeshes(server, signal)).flatMap(({ trustDomains }) =>
        trustDomains.map(({ name }) => name),
      );
  }
}
