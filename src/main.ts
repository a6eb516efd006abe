import { constants } from 'node:os';
import { basename } from 'node:path';
import { inspect } from 'node:util';
import type { CommandIo, ProcessChannel } from './cli/terminal/io.ts';
import { terminalText } from './cli/terminal/terminal.ts';
import { reasonOf } from './text/system-error.ts';

// The only file that uses the process: reads arguments and environment, sets the exit code, turns signals into aborts.
const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    // A second signal ends the process at once. The default action would not: the kernel does not apply it to
    // process 1.
    if (stop.signal.aborted) process.exit(128 + constants.signals[signal]);
    stop.abort(signal);
  });
}
let isOutputLost = false;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader closed the pipe, as in `meshtrust validate … | head`: no one can receive an error message.
  if (error.code === 'EPIPE' || isOutputLost) return;
  // For example: the disk is full. A server goes on serving without its log.
  isOutputLost = true;
  process.stderr.write(`error: standard output: ${reasonOf(error)}\n`);
});
process.once('exit', () => {
  if (isOutputLost && (process.exitCode ?? 0) === 0) process.exitCode = 1;
});
// Nothing is left to report the error to.
process.stderr.on('error', () => undefined);

/** Prints the version without the definitions of the commands: in a checkout, loading them takes twice as long. */
async function printVersion({ stdout }: CommandIo): Promise<number> {
  const { version } = await import('./cli/terminal/version.ts');
  stdout.write(`${version}\n`);
  return 0;
}

/** Loads the program for the name by which the executable was started: kubectl runs plugins by their names. */
async function loadProgram(
  name: string,
  args: readonly string[],
): Promise<(io: CommandIo) => Promise<number>> {
  if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) return printVersion;
  if (!name.startsWith('kubectl')) return (await import('./cli/program.ts')).runProgram;
  const { runKubectlCompletion, runKubectlPlugin } = await import('./cli/kubectl-plugin.ts');
  return name.startsWith('kubectl_complete-') ? runKubectlCompletion : runKubectlPlugin;
}

try {
  const program = await loadProgram(basename(process.argv[1] ?? ''), process.argv.slice(2));
  process.exitCode = await program({
    args: process.argv.slice(2),
    env: process.env,
    stdout: process.stdout,
    stderr: process.stderr,
    stdin: process.stdin,
    signal: stop.signal,
    channel: parentChannel(),
  });
  // A worker that has drained. The channel would keep it alive, and the parent waits for its end.
  process.channel?.unref();
} catch (error) {
  // A defect. Its message may contain text from outside.
  process.stderr.write(terminalText(`${inspect(error)}\n`));
  process.exitCode = 1;
}

/** Returns a worker's channel to its parent. The worker ends when the channel closes: its state would become stale. */
function parentChannel(): ProcessChannel | undefined {
  if (!process.connected) return undefined;
  process.on('disconnect', () => process.exit(1));
  return {
    send: (message) => void process.send?.(message, undefined, {}, () => undefined),
    onMessage: (listener) => void process.on('message', listener),
  };
}

/** Milliseconds for which open sockets may keep the process alive after the program has ended. */
const openSocketsMs = 2000;
// A peer that opened an HTTP/2 connection and never reads keeps its socket open, and thus the process alive. The timer
// itself does not keep it alive.
setTimeout(() => process.exit(), openSocketsMs).unref();
