import { Command, CommanderError, Help } from 'commander';
import { addBootstrapCommand } from './commands/bootstrap-command.ts';
import { addBundleCommand } from './commands/bundle-command.ts';
import { addCheckCommand } from './commands/check-command.ts';
import { addCompleteCommand } from './commands/complete-command.ts';
import { addCompletionCommand } from './commands/completion-command.ts';
import { addDemoCommand } from './commands/demo-command.ts';
import { addDiffCommand } from './commands/diff-command.ts';
import { CommandError, exitCode } from './terminal/exit-code.ts';
import { addGuardCommand } from './commands/guard-command.ts';
import { readEnvironment } from './flags/flags.ts';
import type { CommandIo } from './terminal/io.ts';
import { addProxyStatusCommand } from './commands/proxy-status-command.ts';
import { addRevokeCommand } from './commands/revoke-command.ts';
import { addServeCommand } from './commands/serve-command.ts';
import { addValidateCommand } from './commands/validate-command.ts';
import { addVerifyCommand } from './commands/verify-command.ts';
import { guardTerminal, say } from './terminal/terminal.ts';
import { addWaitCommand } from './commands/wait-command.ts';
import { addWorkerCommand } from './commands/worker-command.ts';
import { version } from './terminal/version.ts';

/** Changes to the help if another program, such as kubectl, runs this one. */
export interface Host {
  /** Text before the program's name in usage lines. */
  readonly prefix: string;
  /** Text after the list of commands. */
  readonly help: string;
}

/** Runs one command line to its end and returns the exit code of the process. */
export async function runProgram(given: CommandIo, host?: Host): Promise<number> {
  const io = guardTerminal(given);
  let code: number = exitCode.ok;
  const program = createProgram(given, io, host, (result) => {
    code = result;
  });
  try {
    await program.parseAsync(io.args, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.ok : exitCode.usage;
    if (!(error instanceof CommandError)) throw error;
    say(io, `error: ${error.message}`);
    return error.code;
  }
}

/**
 * Defines all commands. `io` is `given` with its terminal guarded; `done` receives the exit code of the command that
 * ran.
 */
export function createProgram(
  given: CommandIo,
  io: CommandIo,
  host: Host | undefined,
  done: (code: number) => void,
): Command {
  const program = new Command('meshtrust')
    .description(
      'Serves the CA certificates of MeshTrust resources to Envoy, as SPIFFE validation contexts over SDS and ADS.',
    )
    .version(version)
    // Allows a command to have an option with the same name as an option of the program: `--version`.
    .enablePositionalOptions()
    .exitOverride()
    .hook('preAction', (_, command) => readEnvironment(command, io.env))
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      outputError: (text) => say(io, text.trim()),
    });
  if (host !== undefined) {
    const usage = (command: Command): string => `${host.prefix} ${new Help().commandUsage(command)}`;
    program.configureHelp({ commandUsage: usage }).addHelpText('after', host.help);
  }
  // `serve` and `worker` use the unguarded streams: the log escapes unsafe characters and has its own colours.
  addServeCommand(program, given, done);
  addDemoCommand(program, io, done, (commandIo) => runProgram(commandIo));
  addValidateCommand(program, io, done);
  addBundleCommand(program, io, done);
  addCheckCommand(program, io, done);
  addDiffCommand(program, io, done);
  addGuardCommand(program, io, done);
  addProxyStatusCommand(program, io, done);
  addRevokeCommand(program, io, done);
  addVerifyCommand(program, io, done);
  addWaitCommand(program, io, done);
  addBootstrapCommand(program, io, done);
  addCompletionCommand(program, io, done);
  addCompleteCommand(program, io, done);
  addWorkerCommand(program, given, done);
  return program;
}
