import type { Action } from './command.ts';
import type { ProxyDetail } from '../../api/fleet-api-types.ts';
import { counted } from '../../text/counted.ts';
import { AnswerError, askServer } from '../ask/ask-server.ts';
import { proxyPages } from '../ask/list-proxies.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { FlagOptions } from '../flags/flags.ts';
import type { CommandIo } from '../terminal/io.ts';
import { formatOutput, styleOf } from '../terminal/output.ts';
import { renderProxies, renderProxy } from '../tables/proxy-table.ts';
import type { ServerProxy } from '../tables/proxy-table.ts';
import { serverAccess } from '../ask/server-options.ts';
import type { ServerAccess, ServerOptions } from '../ask/server-options.ts';
import { showOutput } from './show-output.ts';
import type { Shown } from './show-output.ts';
import { oneLine } from '../../text/plain-text.ts';

type ProxyStatusOptions = FlagOptions<'mesh' | 'state' | 'watch' | 'output'> & ServerOptions;

/** Lists connected, reconnecting and lost proxies, and their versions. */
export const proxyStatus: Action<ProxyStatusOptions> = async ({ operands: [node], options, io }) => {
  if (node === '') throw new CommandError(exitCode.usage, 'the node id is empty');
  const servers = await serverAccess(options, io);
  const show = node === undefined ? showAll : showOne(node);
  const ask = (): Promise<Shown> => show(io, servers, options);
  await showOutput(io, ask, options.watch === true);
  return exitCode.ok;
};

type Show = (io: CommandIo, servers: readonly ServerAccess[], options: ProxyStatusOptions) => Promise<Shown>;

const showAll: Show = async (io, servers, options) => {
  const lists = await Promise.all(
    servers.map((server) => proxiesOf(server, options, io.signal).catch(unlessUnreachable)),
  );
  const missing = lists.find((list) => list.missing !== undefined)?.missing;
  // If no server answers, there are no proxies to show.
  if (missing !== undefined && lists.every(({ proxies: some }) => some === undefined)) throw missing;
  const proxies = lists.flatMap(({ proxies: some }) => some ?? []);
  const { output } = options;
  const data = formatOutput(output, { proxies }, (plain) =>
    renderProxies(plain.proxies, { ...styleOf(io, output), now: Date.now(), servers: servers.length }),
  );
  return { data, talk: `${summary(proxies)}\n`, missing };
};

/** Turns the failure of one server into a result, so that the proxies of the others are shown. */
function unlessUnreachable(error: unknown): { readonly proxies: undefined; readonly missing: CommandError } {
  if (!(error instanceof CommandError) || error.code !== exitCode.unreachable) throw error;
  return { proxies: undefined, missing: error };
}

function showOne(node: string): Show {
  return async (io, servers, { mesh, output }) => {
    const query = mesh === undefined ? '' : `?mesh=${encodeURIComponent(mesh)}`;
    const path = `/api/v1/proxies/${encodeURIComponent(node)}${query}`;
    const found = await Promise.all(
      servers.map((server) => detailOf(server, path, io.signal).catch(unlessUnreachable)),
    );
    const missing = found.find((one) => one.missing !== undefined)?.missing;
    const proxies = found.flatMap((one) => one.proxies ?? []);
    // It may be connected to the server that does not answer.
    if (proxies.length === 0 && missing !== undefined) throw missing;
    if (proxies.length === 0) {
      const where = servers.map(({ name }) => name).join(', ');
      throw new CommandError(
        exitCode.negative,
        `proxy ${node}: not connected to ${where}, and not known as reconnecting, lost or disconnected`,
      );
    }
    const style = styleOf(io, output);
    const people = (plain: { readonly proxies: typeof proxies }): string =>
      plain.proxies.map((proxy) => renderProxy(proxy, style, Date.now())).join('\n');
    const talk = proxies.flatMap(({ server, mesh: named, alsoIn = [] }) =>
      alsoIn.map(
        (other) =>
          `${oneLine(`${node} at ${server} is shown in mesh ${named}; it is also in mesh ${other}: give --mesh`)}\n`,
      ),
    );
    return { data: formatOutput(output, { proxies }, people), talk: talk.join(''), missing };
  };
}

async function detailOf(
  server: ServerAccess,
  path: string,
  signal: AbortSignal,
): Promise<{ readonly proxies: readonly ServerProxy<ProxyDetail>[]; readonly missing?: undefined }> {
  try {
    const detail = (await askServer(server, 'GET', path, signal)) as ProxyDetail;
    return { proxies: [{ ...detail, server: server.name }] };
  } catch (error) {
    if (error instanceof AnswerError && error.apiCode === 'unknown-proxy') return { proxies: [] };
    throw error;
  }
}

interface Proxies {
  /** Undefined if the server does not answer. */
  readonly proxies: readonly ServerProxy[] | undefined;
  /** Why the list is incomplete. */
  readonly missing: CommandError | undefined;
}

async function proxiesOf(
  server: ServerAccess,
  { mesh, state }: ProxyStatusOptions,
  signal: AbortSignal,
): Promise<Proxies> {
  const proxies: ServerProxy[] = [];
  let missing: CommandError | undefined;
  for await (const list of proxyPages(server, { mesh, state }, signal)) {
    proxies.push(...list.proxies.map((proxy) => ({ ...proxy, server: server.name })));
    if (!list.complete) {
      const text = `${server.name}: a worker does not answer, so its proxies are missing from the list`;
      missing = new CommandError(exitCode.unreachable, text);
    }
  }
  return { proxies, missing };
}

function summary(proxies: readonly ServerProxy[]): string {
  const states = Map.groupBy(proxies, ({ state }) => state);
  const parts = [...states].map(([state, some]) => `${some.length} ${state}`);
  return `${counted(proxies.length, 'proxy')}${parts.length > 0 ? `: ${parts.join(', ')}` : ''}`;
}
