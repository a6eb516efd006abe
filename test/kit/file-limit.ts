/**
 * Preloaded by `npm test`: ends a test file that runs too long. `--test-timeout` of Node.js 26 bounds each test
 * and each hook, but not the file: what a test left behind, a timer or a socket, keeps its process for good. A
 * loop that never yields is not ended by this either, but by the limit of CPU time that `npm test` sets.
 */
import { env } from 'node:process';

const limitMs = Number(env['TEST_FILE_LIMIT_MS'] ?? 15 * 60_000);

// Set in the processes of test files, and not in the one that starts them.
if (env['NODE_TEST_CONTEXT'] !== undefined) {
  setTimeout(() => {
    console.error(
      `${process.argv[1]} is ended: it ran for ${limitMs} ms. Look for what keeps its event loop busy.`,
    );
    process.exit(1);
  }, limitMs).unref();
}
