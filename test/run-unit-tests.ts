/**
 * `npm run test:unit`: runs the tests of the pure rooms and of what is nearly pure, in about a minute. With `--watch`
 * (`npm run test:watch`) it runs them again after each change.
 */
import { spawnSync } from 'node:child_process';
import { argv, execPath } from 'node:process';
import { unitTests } from './test-folders.ts';

// Node.js ignores options behind the patterns.
const { status } = spawnSync(execPath, ['--test', '--test-timeout=60000', ...argv.slice(2), ...unitTests], {
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
