import type { Command } from 'commander';
import type { GuardRelease } from '../admin/api-types.ts';
import { askServer } from './ask-server.ts';
import { exitCode } from './exit-code.ts';
import { flag } from './flags.ts';
import type { CommandIo } from './io.ts';

interface GuardOptions {
  readonly server: string;
  readonly output: 'text' | 'json';
}

/** `meshtrust guard release`: lets a mass loss through that the server holds back. */
export function addGuardCommand(program: Command, io: CommandIo, done: (code: number) => void): void {
  program
    .command('guard')
    .description('the mass-loss guard of a running server')
    .command('release')
    .description('let go now of the trust domains that are held')
    .addOption(flag('server'))
    .addOption(flag('output'))
    .action(async ({ server, output }: GuardOptions) => {
      const answer = (await askServer(server, 'POST', '/api/v1/guard/release', io.signal)) as GuardRelease;
      if (output === 'json') io.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
      else for (const { mesh, trustDomain } of answer.released) io.stdout.write(`${mesh} ${trustDomain}\n`);
      if (answer.released.length === 0) io.stderr.write('nothing was held\n');
      done(exitCode.ok);
    });
}
