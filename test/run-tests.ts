/**
 * `npm test`: runs the test files that it is given, or all of them. The whole run has a limit of its own, because a
 * process that a test file left behind keeps Node.js waiting for its output, and a synchronous wait for a child is
 * bounded by no other limit. At the limit everything that the run started is ended, and the run fails.
 */
import { spawn } from 'node:child_process';
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
const patterns = files.length === 0 ? ['test/**/*.test.ts'] : files;
// A process group of its own, so that it can be ended as a whole.
const run = spawn(process.execPath, ['--import', limits, '--test', `--test-timeout=${testMs}`, ...patterns], {
  stdio: 'inherit',
  detached: true,
});

function endAll(signal: NodeJS.Signals): void {
  try {
    process.kill(-(run.pid ?? pid), signal);
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

run.once('exit', (code) => {
  clearTimeout(timer);
  process.exitCode = code ?? 1;
});
