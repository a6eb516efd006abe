import type { Action } from './command.ts';
import type {
  FederationList,
  FederationRefresh,
  FederationRelationship,
} from '../../api/federation-api-types.ts';
import { counted } from '../../text/counted.ts';
import { askServer } from '../ask/ask-server.ts';
import { serverAccess } from '../ask/server-options.ts';
import type { ServerAccess, ServerOptions } from '../ask/server-options.ts';
import type { FlagOptions } from '../flags/flags.ts';
import { renderFederation } from '../tables/federation-table.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { CommandIo } from '../terminal/io.ts';
import { formatOutput, styleOf } from '../terminal/output.ts';
import { say } from '../terminal/terminal.ts';
import { showOutput } from './show-output.ts';

type StatusOptions = FlagOptions<'mesh' | 'watch' | 'output'> & ServerOptions;
type RefreshOptions = FlagOptions<'mesh' | 'trustDomain'> & ServerOptions;

/** Lists the relationships of a server. Each replica fetches on its own; the first server is asked. */
export const federation: Action<StatusOptions> = async ({ options, io }) => {
  const [server] = await serverAccess(options, io);
  await showOutput(
    io,
    async () => {
      const all = server === undefined ? [] : await relationshipsOf(server, io);
      const relationships = all.filter(({ mesh }) => (options.mesh ?? mesh) === mesh);
      const failing = relationships.filter(({ error }) => error !== undefined).length;
      const data = formatOutput(options.output, { relationships }, (plain) =>
        renderFederation(plain.relationships, styleOf(io, options.output)),
      );
      return { data, talk: `${counted(relationships.length, 'relationship')}, ${failing} failing\n` };
    },
    options.watch === true,
  );
  return exitCode.ok;
};

/** Makes all servers fetch bundles now. */
export const refreshFederation: Action<RefreshOptions> = async ({ options, io }) => {
  const query = new URLSearchParams();
  if (options.mesh !== undefined) query.set('mesh', options.mesh);
  if (options.trustDomain !== undefined) query.set('trustDomain', options.trustDomain);
  let most = 0;
  for (const server of await serverAccess(options, io)) {
    const path = `/api/v1/federation/refresh?${query.toString()}`;
    const { refreshed } = (await askServer(server, 'POST', path, io.signal)) as FederationRefresh;
    most = Math.max(most, refreshed);
  }
  if (most === 0) throw new CommandError(exitCode.negative, 'no such relationship: see meshtrust federation');
  // The server starts the fetches, and does not wait for them.
  say(io, `fetching ${counted(most, 'bundle')}: meshtrust federation shows the result`);
  return exitCode.ok;
};

async function relationshipsOf(
  server: ServerAccess,
  io: CommandIo,
): Promise<readonly FederationRelationship[]> {
  const answer = await askServer(server, 'GET', '/api/v1/federation', io.signal);
  const { read, relationships } = answer as FederationList;
  if (!read)
    throw new CommandError(
      exitCode.negative,
      `${server.name} fetches no bundles: start it with --federation`,
    );
  return relationships;
}
