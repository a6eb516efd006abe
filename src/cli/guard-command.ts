import type { Command } from 'commander';
import type { GuardRelease } from '../admin/api-types.ts';
import { askServer } from './ask-server.ts';
import { exitCode } from './exit-code.ts';
import { flag } from './flags.ts';
import type { CommandIo } from './io.ts';
import { writeOutput } from './output.ts';
import type { OutputFormat } from './output.ts';
import { addServerOptions, serverAccess } from './server-options.ts';
import type { ServerOptions } from './server-options.ts';
import { say } from './terminal.ts';

interface GuardOptions extends ServerOptions {
  readonly output: OutputFormat;
}

/** `meshtrust guard release`: lets a mass loss through that the server holds back. */
export function addGuardCommand(program: Command, io: CommandIo, done: (code: number) => void): void {
  const command = program
    .command('guard')
    .description('the mass-loss guard of a running server')
    .command('release')
    .description('let go now of the trust domains that are held')
    .addOption(flag('output'));
  addServerOptions(command).action(async (options: GuardOptions) => {
    const released: GuardRelease['released'][number][] = [];
    for (const server of await serverAccess(options, io)) {
      const answer = await askServer(server, 'POST', '/api/v1/guard/release', io.signal);
      released.push(...(answer as GuardRelease).released);
    }
    writeOutput(io, options.output, { released } satisfies GuardRelease, (_, plain) =>
      plain.released.map(({ mesh, trustDomain }) => `${mesh} ${trustDomain}\n`).join(''),
    );
    if (released.length === 0) say(io, 'nothing was held');
    done(exitCode.ok);
  });
}
