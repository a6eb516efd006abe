/** `npm run coverage`: runs the tests of all rooms, and prints which lines, branches and functions they reach. */
import { spawnSync } from 'node:child_process';
import { execPath } from 'node:process';
import { roomTests } from './test-folders.ts';

const coverage = ['--experimental-test-coverage', '--test-coverage-include=src/**'];
const { status } = spawnSync(execPath, ['--test', '--test-timeout=60000', ...coverage, ...roomTests], {
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
