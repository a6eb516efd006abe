/**
 * `npm test`: runs the test files that it is given, or all of them. The whole run has a limit of its own, because a
 * process that a test file left behind keeps Node.js waiting for its output, and a synchronous wait for a child is
 * bounded by no other limit. At the limit everything that the run started is ended, and the run fails.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { env, pid } from 'node:process';
import { fileURLToPath } from 'node:url';

const files = process.argv.slice(2);
const limitMs = Number(env['TEST_RUN_LIMIT_MS'] ?? 60 * 60_000);
const testMs = Number(env['TEST_TIMEOUT_MS'] ?? 300_000);

if (files.length === 0)
  console.log(
    `Running all tests: units, the protocol over loopback, real Envoys, API servers and browsers. This takes about 25 minutes on two cores; npm run test:unit takes a minute.`,
  );

const limits = fileURLToPath(new URL('kit/file-limit.ts', import.meta.url));
/** Attacks compare CPU times, and have time limits for honest clients: these files run alone. */
const alone = 'test/e2e/attack/**/*.test.ts';

/** A part of the run: the files of a part run at the same time, up to a number. */
interface Part {
  readonly files: readonly string[];
  readonly concurrency: number;
}

const parts: readonly Part[] =
  files.length > 0
    ? [{ files, concurrency: 1 }]
    : [
        { files: globSync('test/**/*.test.ts', { exclude: [alone] }).sort(), concurrency: 2 },
        { files: [alone], concurrency: 1 },
      ];

let running: ChildProcess | undefined;
/** True once a signal or the time limit has ended the run. */
let isEnded = false;

/** Runs the files of a part. Returns the exit code. */
async function runPart({ files: patterns, concurrency }: Part): Promise<number> {
  const options = ['--import', limits, '--test', `--test-timeout=${testMs}`];
  const args = [...options, `--test-concurrency=${concurrency}`, ...patterns];
  // A process group of its own, so that it can be ended as a whole.
  running = spawn(process.execPath, args, { stdio: 'inherit', detached: true });
  const [code] = (await once(running, 'exit')) as [number | null];
  return code ?? 1;
}

function endAll(signal: NodeJS.Signals): void {
  isEnded = true;
  try {
    process.kill(-(running?.pid ?? pid), signal);
  } catch {
    // Everything has ended already.
  }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => endAll(signal));

const timer = setTimeout(() => {
  console.error(
    `The tests are ended: they ran for ${limitMs} ms. Look for a process that a test left behind.`,
  );
  endAll('SIGKILL');
}, limitMs);

for (const part of parts) {
  process.exitCode = await runPart(part);
  // The failures are the last lines that the run prints.
  if (process.exitCode !== 0 || isEnded) break;
}
clearTimeout(timer);
