/**
 * `npm run test:unit`: runs the tests of the pure rooms and of what is nearly pure, in about a minute. With `--watch`
 * (`npm run test:watch`) it runs them again after each change.
 */
import { spawnSync } from 'node:child_process';
import { argv, execPath } from 'node:process';

const patterns = [
  'test/{access,access-log,trust,text,lint,fleet,runtime,api,page}/**/*.test.ts',
  'test/bundle-endpoint/core/*.test.ts',
  'test/xds/{core,rate,small,timers,wire}/*.test.ts',
  'test/kubernetes/*/core/*.test.ts',
  'test/http2/{connection,frame,hpack}.test.ts',
];

// Node.js ignores options behind the patterns.
const { status } = spawnSync(execPath, ['--test', '--test-timeout=60000', ...argv.slice(2), ...patterns], {
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
