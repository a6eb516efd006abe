import { constants } from 'node:os';
import { basename } from 'node:path';
import { inspect } from 'node:util';
import type { CommandIo, ProcessChannel } from './cli/terminal/io.ts';
import { runKubectlCompletion, runKubectlPlugin } from './cli/kubectl-plugin.ts';
import { runProgram } from './cli/program.ts';
import { terminalText } from './cli/terminal/terminal.ts';

// The only file that touches the process: arguments and environment in, exit code out, signals to aborts.
const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    // Whoever asks a second time does not want to wait. Not left to the kernel: it spares a process 1.
    if (stop.signal.aborted) process.exit(128 + constants.signals[signal]);
    stop.abort(signal);
  });
}
for (const stream of [process.stdout, process.stderr]) {
  // `meshtrust validate … | head`, or a reader of the log that went away: nobody is left to be told.
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}
/** kubectl runs its plugins by their names. */
function programOf(name: string): (io: CommandIo) => Promise<number> {
  if (name.startsWith('kubectl_complete-')) return runKubectlCompletion;
  return name.startsWith('kubectl-') ? runKubectlPlugin : runProgram;
}

try {
  process.exitCode = await programOf(basename(process.argv[1] ?? ''))({
    args: process.argv.slice(2),
    env: process.env,
    stdout: process.stdout,
    stderr: process.stderr,
    stdin: process.stdin,
    signal: stop.signal,
    channel: parentChannel(),
  });
} catch (error) {
  // A defect. Its message can have text from outside.
  process.stderr.write(terminalText(`${inspect(error)}\n`));
  process.exitCode = 1;
}

/** A worker's connection to its parent. Without one it would serve what nobody keeps up to date, so it ends. */
function parentChannel(): ProcessChannel | undefined {
  if (!process.connected) return undefined;
  process.on('disconnect', () => process.exit(1));
  return {
    send: (message) => void process.send?.(message, undefined, {}, () => undefined),
    onMessage: (listener) => void process.on('message', listener),
  };
}

/** How long what is still open may keep a program that has ended, in milliseconds. */
const lastWordsMs = 2000;
// A peer that opened an HTTP/2 connection and never reads holds its socket open, and with it the process. The
// timer itself keeps nothing alive.
setTimeout(() => process.exit(), lastWordsMs).unref();
