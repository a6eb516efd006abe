import { runProgram } from './cli/program.ts';

// The only file that touches the process: arguments and environment in, exit code out, signals to aborts.
const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => stop.abort(signal));
}
process.exitCode = await runProgram({
  args: process.argv.slice(2),
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: stop.signal,
});
