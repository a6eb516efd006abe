import { EventEmitter } from 'node:events';
import { Writable } from 'node:stream';
import type { CommandIo } from '../../src/cli/terminal/io.ts';
import { runProgram } from '../../src/cli/program.ts';

/** The result of a command line. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line in this process. Its environment contains only `env`. */
export async function run(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  signal: AbortSignal = new AbortController().signal,
  program: (io: CommandIo) => Promise<number> = runProgram,
): Promise<Outcome> {
  const [stdout, stderr] = [collect(), collect()];
  const code = await program({ args, env, stdout, stderr, signal });
  return { code, stdout: stdout.text(), stderr: stderr.text() };
}

/** A command line that is still running. */
export interface Running {
  readonly outcome: Promise<Outcome>;
  /** Resolves when the output on stdout and stderr matches; rejects if the command ends before. */
  until(pattern: RegExp): Promise<void>;
}

/** Starts a command line in this process. */
export function start(args: readonly string[], signal?: AbortSignal): Running {
  const written = new EventEmitter();
  let text = '';
  const heard = (to: Writable): Writable =>
    new Writable({
      decodeStrings: false,
      write: (chunk: string, _, done) => {
        to.write(chunk);
        text += chunk;
        written.emit('text');
        done();
      },
    });
  const outcome = run(args, {}, signal, (io) =>
    runProgram({ ...io, stdout: heard(io.stdout), stderr: heard(io.stderr) }),
  );
  return {
    outcome,
    until: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => void (pattern.test(text) && resolve());
        written.on('text', look);
        look();
        outcome.then(() => reject(new Error(`it ended without ${String(pattern)}:\n${text}`)), reject);
      }),
  };
}

function collect(): Writable & { readonly text: () => string } {
  const chunks: string[] = [];
  const stream = new Writable({
    decodeStrings: false,
    write: (chunk: string, _, done) => {
      chunks.push(chunk);
      done();
    },
  });
  return Object.assign(stream, { text: () => chunks.join('') });
}
