import type { Action } from './command.ts';
import type { GuardRelease } from '../../api/api-types.ts';
import { counted } from '../../text/counted.ts';
import { askServer, mapFew } from '../ask/ask-server.ts';
import { canAsk, confirm } from '../terminal/confirm.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { FlagOptions } from '../flags/flags.ts';
import type { CommandIo } from '../terminal/io.ts';
import { formatDuration, writeOutput } from '../terminal/output.ts';
import { servedMeshes } from '../offline/served-meshes.ts';
import { serverAccess } from '../ask/server-options.ts';
import type { ServerAccess, ServerOptions } from '../ask/server-options.ts';
import { say } from '../terminal/terminal.ts';

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
  const servers = await serverAccess(options, io);
  const held = (await Promise.all(servers.map((server) => heldAt(server, options, io)))).flat();
  for (const one of held) say(io, describe(one));
  if (held.length === 0) say(io, 'the guard holds no trust domain');
  const isAsked = held.length > 0 && options.dryRun !== true && options.yes !== true && canAsk(io);
  if (isAsked && !(await confirm(io, `Withdraw ${counted(held.length, 'trust domain')}?`)))
    throw new CommandError(exitCode.negative, 'cancelled: no trust domain was released');
  const released =
    options.dryRun === true || held.length === 0
      ? held.map(({ mesh, trustDomain }): Released => ({ mesh, trustDomain }))
      : (await mapFew(held, (one) => release(one, io))).flat();
  writeOutput(io, options.output, { released } satisfies GuardRelease, (_, plain) =>
    plain.released.map(({ mesh, trustDomain }) => `${mesh} ${trustDomain}\n`).join(''),
  );
  return exitCode.ok;
};

async function heldAt(server: ServerAccess, options: GuardOptions, io: CommandIo): Promise<readonly Held[]> {
  const meshes = await servedMeshes(server, io.signal);
  return meshes.flatMap(({ name: mesh, held, proxies }) =>
    held
      .map(({ name: trustDomain, secondsLeft }) => ({
        server,
        mesh,
        trustDomain,
        secondsLeft,
        proxies,
      }))
      .filter(
        (one) =>
          (options.mesh ?? one.mesh) === one.mesh &&
          (options.trustDomain ?? one.trustDomain) === one.trustDomain,
      ),
  );
}

function describe({ server, mesh, trustDomain, secondsLeft, proxies }: Held): string {
  const left = formatDuration(secondsLeft * 1000);
  return `trust domain ${trustDomain} of mesh ${mesh}: held at ${server.name} for another ${left}; once released, ${counted(proxies, 'proxy')} of the mesh will refuse its clients`;
}

/** Releases a trust domain that was printed, but no trust domain that the guard began to hold since then. */
async function release({ server, mesh, trustDomain }: Held, io: CommandIo): Promise<readonly Released[]> {
  const path = `/api/v1/guard/release?${new URLSearchParams({ mesh, trustDomain }).toString()}`;
  return ((await askServer(server, 'POST', path, io.signal)) as GuardRelease).released;
}
