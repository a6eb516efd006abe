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
  /**
   * Resolves when the output on stdout and stderr matches. Rejects if the command ends before, or prints an error
   * first; `continuing` says that it prints errors and continues.
   */
  until(pattern: RegExp, options?: { readonly continuing: boolean }): Promise<void>;
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
    runProgram({ ...io, stdout: heard(io.stdout), stderr: heard(io.stderr), watchMs: 20 }),
  );
  return {
    outcome,
    until: (pattern, { continuing } = { continuing: false }) =>
      new Promise((resolve, reject) => {
        const fail = (what: string): void =>
          reject(new Error(`${what} without ${String(pattern)}:\n${text}`));
        const look = (): void => {
          if (pattern.test(text)) resolve();
          else if (!continuing && /^error: .*\n/m.test(text)) fail('it printed an error');
        };
        written.on('text', look);
        look();
        outcome.then(() => fail('it ended'), reject);
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
