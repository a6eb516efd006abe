import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import type { ProxyDetail } from '../../api/fleet-api-types.ts';
import { counted } from '../../observe/log/describe-change.ts';
import { AnswerError, askServer } from '../ask/ask-server.ts';
import { proxyPages } from '../ask/list-proxies.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import { flag } from '../flags/flags.ts';
import type { FlagOptions } from '../flags/flags.ts';
import type { CommandIo } from '../terminal/io.ts';
import { formatOutput, styleOf } from '../terminal/output.ts';
import { renderProxies, renderProxy } from '../tables/proxy-table.ts';
import type { ServerProxy } from '../tables/proxy-table.ts';
import { addServerOptions, serverAccess } from '../ask/server-options.ts';
import type { ServerAccess, ServerOptions } from '../ask/server-options.ts';
import { clearScreen } from '../terminal/terminal.ts';
import { oneLine } from '../../text/plain-text.ts';

type ProxyStatusOptions = FlagOptions<'mesh' | 'state' | 'watch' | 'output'> & ServerOptions;

/** How often a watch asks, ms. */
const watchMs = 1_000;

/** `meshtrust proxy-status`: which proxies are connected, reconnecting or lost, and what each has acknowledged. */
export function addProxyStatusCommand(program: Command, io: CommandIo, done: (code: number) => void): void {
  const command = program
    .command('proxy-status')
    .alias('ps')
    .description(
      'the proxies of running servers, connected, reconnecting and lost, and what each has acknowledged',
    )
    .argument('[node]', 'node id of one proxy, for all that is known of it')
    .addOption(flag('mesh'))
    .addOption(flag('state'))
    .addOption(flag('watch'))
    .addOption(flag('output'));
  addServerOptions(command).action(async (node: string | undefined, options: ProxyStatusOptions) => {
    const servers = await serverAccess(options, io);
    const show = node === undefined ? showAll : showOne(node);
    const ask = (): Promise<Shown> => show(io, servers, options);
    const missing = options.watch === true ? await watch(io, ask) : await once(io, ask);
    if (missing !== undefined) throw missing;
    done(exitCode.ok);
  });
}

/** Data for stdout, and a sentence about it for stderr. */
interface Shown {
  readonly data: string;
  readonly talk: string;
  /** Why it is not all: a server did not answer, while others did. */
  readonly missing?: CommandError | undefined;
}

type Show = (io: CommandIo, servers: readonly ServerAccess[], options: ProxyStatusOptions) => Promise<Shown>;

async function once(io: CommandIo, show: () => Promise<Shown>): Promise<CommandError | undefined> {
  const { data, talk, missing } = await show();
  io.stdout.write(data);
  io.stderr.write(talk);
  return missing;
}

/**
 * Prints what changed until it is interrupted; a terminal is cleared before. What cannot be asked at first is a
 * mistake in the command; a server, or a proxy, that goes away later may come back.
 */
async function watch(io: CommandIo, show: () => Promise<Shown>): Promise<undefined> {
  const clear = 'isTTY' in io.stdout && io.stdout.isTTY === true ? clearScreen : '';
  let before: string | undefined;
  while (!io.signal.aborted) {
    const shown = await show().catch((error: unknown): Partial<Shown> => {
      if (!(error instanceof CommandError) || before === undefined) throw error;
      return { missing: error };
    });
    const { data, talk = '', missing } = shown;
    const said = `${data ?? ''}${missing?.message ?? ''}`;
    if (said !== before && !io.signal.aborted) {
      if (data !== undefined) io.stdout.write(`${clear}${data}`);
      io.stderr.write(missing === undefined ? talk : `${talk}error: ${oneLine(missing.message)}\n`);
    }
    before = said;
    // The only thing that ends it early is the signal.
    await delay(watchMs, undefined, { signal: io.signal }).catch(() => undefined);
  }
}

const showAll: Show = async (io, servers, options) => {
  const lists = await Promise.all(
    servers.map((server) => proxiesOf(server, options, io.signal).catch(unlessUnreachable)),
  );
  const missing = lists.find((list) => list.missing !== undefined)?.missing;
  // Where nobody answers there is nothing to show.
  if (missing !== undefined && lists.every(({ proxies: some }) => some === undefined)) throw missing;
  const proxies = lists.flatMap(({ proxies: some }) => some ?? []);
  const { output } = options;
  const data = formatOutput(output, { proxies }, (plain) =>
    renderProxies(plain.proxies, { ...styleOf(io, output), now: Date.now(), servers: servers.length }),
  );
  return { data, talk: `${summary(proxies)}\n`, missing };
};

/** A server that does not answer says nothing about the others. */
function unlessUnreachable(error: unknown): Proxies {
  if (!(error instanceof CommandError) || error.code !== exitCode.unreachable) throw error;
  return { proxies: undefined, missing: error };
}

function showOne(node: string): Show {
  return async (io, servers, { mesh, output }) => {
    const query = mesh === undefined ? '' : `?mesh=${encodeURIComponent(mesh)}`;
    const path = `/api/v1/proxies/${encodeURIComponent(node)}${query}`;
    const found = await Promise.all(servers.map((server) => detailOf(server, path, io.signal)));
    const proxies = found.flatMap((proxy) => proxy ?? []);
    if (proxies.length === 0) {
      const where = servers.map(({ name }) => name).join(', ');
      throw new CommandError(
        exitCode.negative,
        `no proxy ${node} is connected to ${where}, or was lately; it is not told anything there`,
      );
    }
    const style = styleOf(io, output);
    const people = (plain: { readonly proxies: typeof proxies }): string =>
      plain.proxies.map((proxy) => renderProxy(proxy, style, Date.now())).join('\n');
    const talk = proxies.flatMap(({ server, mesh: named, alsoIn = [] }) =>
      alsoIn.map(
        (other) =>
          `${oneLine(`${server} has it in mesh ${other} too, beside ${named}: --mesh says which`)}\n`,
      ),
    );
    return { data: formatOutput(output, { proxies }, people), talk: talk.join('') };
  };
}

async function detailOf(
  server: ServerAccess,
  path: string,
  signal: AbortSignal,
): Promise<ServerProxy<ProxyDetail> | undefined> {
  try {
    const detail = (await askServer(server, 'GET', path, signal)) as ProxyDetail;
    return { ...detail, server: server.name };
  } catch (error) {
    if (error instanceof AnswerError && error.apiCode === 'unknown-proxy') return undefined;
    throw error;
  }
}

interface Proxies {
  /** Undefined where the server does not answer. */
  readonly proxies: readonly ServerProxy[] | undefined;
  /** Why these are not all. */
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
      const text = `a worker of ${server.name} does not answer, and its proxies are missing`;
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
