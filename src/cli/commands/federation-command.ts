import type { Action } from './command.ts';
import type {
  FederationList,
  FederationRefresh,
  FederationRelationship,
} from '../../api/federation-api-types.ts';
import { counted } from '../../text/counted.ts';
import { askAll } from '../ask/ask-all.ts';
import { askServer } from '../ask/ask-server.ts';
import { serverAccess } from '../ask/server-options.ts';
import type { ServerAccess, ServerOptions } from '../ask/server-options.ts';
import type { FlagOptions } from '../flags/flags.ts';
import { renderFederation } from '../tables/federation-table.ts';
import type { ListedRelationship } from '../tables/federation-table.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { CommandIo } from '../terminal/io.ts';
import { formatOutput, styleOf } from '../terminal/output.ts';
import { say } from '../terminal/terminal.ts';
import { showOutput } from './show-output.ts';

type StatusOptions = FlagOptions<'mesh' | 'watch' | 'output'> & ServerOptions;
type RefreshOptions = FlagOptions<'mesh' | 'trustDomain'> & ServerOptions;

/** Lists the relationships of servers. Each replica fetches on its own, so one may fail while another does not. */
export const federation: Action<StatusOptions> = async ({ options, io }) => {
  const servers = await serverAccess(options, io);
  const style = { ...styleOf(io, options.output), servers: servers.length };
  await showOutput(
    io,
    async () => {
      const { answers, missing } = await askAll(servers, (server) => relationshipsOf(server, io));
      const relationships = answers.flatMap(({ server, answer }) =>
        answer
          .filter(({ mesh }) => (options.mesh ?? mesh) === mesh)
          .map((relationship): ListedRelationship => ({ ...relationship, server })),
      );
      const failing = relationships.filter(({ error }) => error !== undefined).length;
      const data = formatOutput(options.output, { relationships }, (plain) =>
        renderFederation(plain.relationships, style),
      );
      const where = servers.length > 1 ? ` of ${counted(answers.length, 'server')}` : '';
      const talk = `${counted(relationships.length, 'relationship')}${where}, ${failing} failing\n`;
      return { data, talk, missing };
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
  const path = `/api/v1/federation/refresh?${query.toString()}`;
  const { answers, missing } = await askAll(
    await serverAccess(options, io),
    async (server) => (await askServer(server, 'POST', path, io.signal)) as FederationRefresh,
  );
  const most = Math.max(0, ...answers.map(({ answer }) => answer.refreshed));
  // The server starts the fetches, and does not wait for them.
  if (most > 0) say(io, `fetching ${counted(most, 'bundle')}: meshtrust federation shows the result`);
  if (missing !== undefined) throw missing;
  if (most === 0) throw new CommandError(exitCode.negative, 'no such relationship: see meshtrust federation');
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
