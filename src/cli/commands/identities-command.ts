import type { Action } from './command.ts';
import type {
  IdentityDetail,
  IdentityList,
  IdentityRelease,
  SupersededCertificate,
} from '../../api/identity-api-types.ts';
import { counted } from '../../text/counted.ts';
import { askAll } from '../ask/ask-all.ts';
import { askServer } from '../ask/ask-server.ts';
import { serverAccess } from '../ask/server-options.ts';
import type { ServerAccess, ServerOptions } from '../ask/server-options.ts';
import type { FlagOptions } from '../flags/flags.ts';
import { renderIdentities } from '../tables/identity-table.ts';
import type { ListedIdentity } from '../tables/identity-table.ts';
import { canAsk, confirm } from '../terminal/confirm.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { CommandIo } from '../terminal/io.ts';
import { writeOutput } from '../terminal/output.ts';
import { say } from '../terminal/terminal.ts';

type IdentitiesOptions = FlagOptions<'mesh' | 'output'> & ServerOptions;
type ReleaseOptions = FlagOptions<'mesh' | 'defaultMesh' | 'yes'> & ServerOptions;

/** Lists the MeshIdentities of servers. Replicas may have read different versions, or replaced a CA at other times. */
export const identities: Action<IdentitiesOptions> = async ({ options, io }) => {
  const servers = await serverAccess(options, io);
  const { answers, missing } = await askAll(servers, (server) => identitiesOf(server, io));
  const selected = answers.flatMap(({ server, answer }) =>
    answer
      .filter(({ mesh }) => (options.mesh ?? mesh) === mesh)
      .map((identity): ListedIdentity => ({ ...identity, server })),
  );
  writeOutput(io, options.output, { identities: selected }, (style, plain) =>
    renderIdentities(plain.identities, { ...style, servers: servers.length }),
  );
  const where = options.mesh === undefined ? '' : ` of mesh ${options.mesh}`;
  const which = answers.length === 1 ? 'the server has' : 'the servers have';
  if (selected.length === 0) say(io, `${which} no MeshIdentity${where}`);
  if (missing !== undefined) throw missing;
  return exitCode.ok;
};

/** Withdraws the CA certificates that a MeshIdentity no longer has, on all servers. */
export const releaseIdentity: Action<ReleaseOptions> = async ({ operands: [name = ''], options, io }) => {
  const servers = await serverAccess(options, io);
  const mesh = options.mesh ?? options.defaultMesh;
  const [identity = '', namespace = ''] = name.split('/').toReversed();
  const isNamed = (one: IdentityDetail): boolean =>
    one.mesh === mesh && one.name === identity && one.namespace === namespace;
  const found = await Promise.all(
    servers.map(async (server) => ({ server, known: (await identitiesOf(server, io)).find(isNamed) })),
  );
  if (found.every(({ known }) => known === undefined))
    throw new CommandError(
      exitCode.negative,
      `mesh ${mesh} has no MeshIdentity ${name}: see meshtrust identities`,
    );
  // Replicas may have seen the replacement at different times, or only some of them.
  const holders = found.filter(({ known }) => known !== undefined && known.superseded.length > 0);
  const superseded = lastOfEach(holders.flatMap(({ known }) => known?.superseded ?? []));
  for (const { subject, trustDomain, until } of superseded)
    say(
      io,
      `${subject}: trusted in trust domain ${trustDomain} ${until === undefined ? 'without an end' : `until ${until}`}`,
    );
  const question = `Stop trusting ${counted(superseded.length, 'CA certificate')} now?`;
  const isAsked = superseded.length > 0 && options.yes !== true && canAsk(io);
  if (isAsked && !(await confirm(io, question)))
    throw new CommandError(exitCode.negative, 'cancelled: no CA certificate was released');
  const query = new URLSearchParams({ mesh, namespace, name: identity }).toString();
  const results = await Promise.allSettled(
    holders.map(async ({ server }) => {
      const path = `/api/v1/identities/release?${query}`;
      return ((await askServer(server, 'POST', path, io.signal)) as IdentityRelease).released;
    }),
  );
  const released = results.map((result) => (result.status === 'fulfilled' ? result.value : 0));
  say(io, `${counted(Math.max(0, ...released), 'CA certificate')} released`);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  return exitCode.ok;
};

/** Returns each superseded CA certificate of a trust domain once, with its latest end. */
function lastOfEach(all: readonly SupersededCertificate[]): readonly SupersededCertificate[] {
  const byCa = Map.groupBy(all, ({ fingerprint, trustDomain }) => `${trustDomain} ${fingerprint}`);
  const end = ({ until }: SupersededCertificate): number =>
    until === undefined ? Infinity : Date.parse(until);
  return [...byCa.values()].map((some) => some.reduce((a, b) => (end(b) > end(a) ? b : a)));
}

async function identitiesOf(server: ServerAccess, io: CommandIo): Promise<readonly IdentityDetail[]> {
  const { read, identities: list } = (await askServer(
    server,
    'GET',
    '/api/v1/identities',
    io.signal,
  )) as IdentityList;
  if (!read)
    throw new CommandError(
      exitCode.negative,
      `${server.name} does not read MeshIdentities: start it with --identities`,
    );
  return list;
}
