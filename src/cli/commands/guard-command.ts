import type { Action } from './command.ts';
import type { GuardRelease, MeshDetail } from '../../api/api-types.ts';
import { counted } from '../../text/counted.ts';
import { askServer, mapFew } from '../ask/ask-server.ts';
import { canAsk, confirm } from '../terminal/confirm.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { FlagOptions } from '../flags/flags.ts';
import type { CommandIo } from '../terminal/io.ts';
import { formatDuration, writeOutput } from '../terminal/output.ts';
import { nameSome } from '../offline/one-mesh.ts';
import { servedMeshes } from '../offline/served-meshes.ts';
import { serverAccess } from '../ask/server-options.ts';
import type { ServerAccess, ServerOptions } from '../ask/server-options.ts';
import { say, sayError } from '../terminal/terminal.ts';

type GuardOptions = FlagOptions<'mesh' | 'trustDomain' | 'dryRun' | 'yes' | 'output'> & ServerOptions;

type Released = GuardRelease['released'][number];

/** A trust domain that a server holds, and that the options select. */
interface Held extends Released {
  readonly server: ServerAccess;
  readonly secondsLeft: number;
  readonly proxies: number;
}

/** Applies a mass loss that a server holds back. */
export const releaseGuard: Action<GuardOptions> = async ({ options, io }) => {
  const { mesh, trustDomain, dryRun = false, yes = false } = options;
  const servers = await serverAccess(options, io);
  const listed = await Promise.all(servers.map((server) => servedMeshes(server, io.signal)));
  const names = new Set(listed.flat().map(({ name }) => name));
  if (mesh !== undefined && !names.has(mesh))
    throw new CommandError(
      exitCode.negative,
      `mesh ${mesh}: no MeshTrust lists it (meshes: ${nameSome([...names])})`,
    );
  const all = servers.flatMap((server, index) => heldAt(server, listed[index] ?? []));
  const held = all.filter(
    (one) => (mesh ?? one.mesh) === one.mesh && (trustDomain ?? one.trustDomain) === one.trustDomain,
  );
  for (const one of held) say(io, describe(one));
  if (held.length === 0) say(io, describeNone(all.length > 0, options));
  const isAsked = held.length > 0 && !dryRun && !yes && canAsk(io);
  if (isAsked && !(await confirm(io, `Withdraw ${counted(held.length, 'trust domain')}?`)))
    throw new CommandError(exitCode.negative, 'cancelled: no trust domain was released');
  if (held.length > 0 && dryRun) say(io, 'nothing was released: --dry-run');
  const results = dryRun ? [] : await mapFew(held, (one) => release(one, io));
  const released = dryRun
    ? held.map((one): Released => ({ mesh: one.mesh, trustDomain: one.trustDomain }))
    : results.flatMap((result) => (result instanceof CommandError ? [] : result));
  writeOutput(io, options.output, { released } satisfies GuardRelease, (_, plain) =>
    plain.released.map((one) => `${one.mesh} ${one.trustDomain}\n`).join(''),
  );
  const [failed, ...others] = results.filter((result) => result instanceof CommandError);
  for (const { message } of others) sayError(io, message);
  if (failed !== undefined) throw failed;
  return exitCode.ok;
};

function heldAt(server: ServerAccess, meshes: readonly MeshDetail[]): readonly Held[] {
  return meshes.flatMap(({ name: mesh, held, proxies }) =>
    held.map(({ name: trustDomain, secondsLeft }) => ({ server, mesh, trustDomain, secondsLeft, proxies })),
  );
}

/** Describes that nothing is selected; `others`: the guard holds other trust domains. */
function describeNone(others: boolean, { mesh, trustDomain = '' }: GuardOptions): string {
  const where = mesh === undefined ? '' : ` of mesh ${mesh}`;
  const none = `the guard does not hold ${trustDomain === '' ? 'any trust domain' : `trust domain ${trustDomain}`}${where}`;
  return others ? `${none}; it holds others` : 'the guard holds no trust domain';
}

function describe({ server, mesh, trustDomain, secondsLeft, proxies }: Held): string {
  const left = formatDuration(secondsLeft * 1000);
  return `trust domain ${trustDomain} of mesh ${mesh}: held at ${server.name} for another ${left}; once released, ${counted(proxies, 'proxy')} of the mesh will refuse its clients`;
}

/**
 * Releases a trust domain that was printed, but no trust domain that the guard began to hold since then. An error of
 * one server is a result: others may have released theirs.
 */
async function release(
  { server, mesh, trustDomain }: Held,
  io: CommandIo,
): Promise<readonly Released[] | CommandError> {
  const path = `/api/v1/guard/release?${new URLSearchParams({ mesh, trustDomain }).toString()}`;
  try {
    return ((await askServer(server, 'POST', path, io.signal)) as GuardRelease).released;
  } catch (error) {
    if (error instanceof CommandError) return error;
    throw error;
  }
}
