/**
 * `npm run test:fuzz`: runs the tests that use random cases, round after round, each from another seed and with twenty
 * times as many cases as `npm test`. Ends after the given minutes with 0, or at the first failure with 1, and prints
 * how to run the failed round again.
 *
 *     npm run test:fuzz -- [--minutes=10] [--seed=SEED of the first round] [FILE…]
 */
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { glob, readFile } from 'node:fs/promises';
import { env } from 'node:process';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, seed: { type: 'string' } },
  allowPositionals: true,
});
const repeats = '20';
const until = Date.now() + Number(values.minutes) * 60_000;
if (Number.isNaN(until)) throw new Error(`--minutes=${values.minutes} is not a number`);

/** Returns the test files that use random cases, except for those that need Envoy and other tools. */
async function findFiles(): Promise<readonly string[]> {
  const files: string[] = [];
  for await (const file of glob('test/**/*.test.ts', { exclude: ['test/e2e/**', 'test/kit/**'] }))
    if (/from '.*\/(?:fast-check|seed|random-cases|odd-cases)\.ts'/.test(await readFile(file, 'utf8')))
      files.push(file);
  return files.sort();
}

const files = positionals.length > 0 ? positionals : await findFiles();
let seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed);
console.log(`${files.length} test files, for ${values.minutes} minutes`);
for (let round = 1; Date.now() < until; round += 1) {
  const settings = { TEST_SEED: String(seed), TEST_REPEATS: repeats };
  console.log(`round ${round}: seed ${seed}`);
  const run = spawn(process.execPath, ['--test', '--test-timeout=3600000', '--test-reporter=dot', ...files], {
    stdio: 'inherit',
    env: { ...env, ...settings, TEST_UNTIL: String(until) },
  });
  const [code] = (await once(run, 'exit')) as [number | null];
  if (code !== 0) {
    console.error(`Round ${round} failed. To run it again: npm run test:fuzz -- --seed=${seed} [FILE]`);
    process.exitCode = 1;
    break;
  }
  seed = randomInt(2 ** 31);
}
