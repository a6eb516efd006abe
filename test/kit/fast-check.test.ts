import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const kit = fileURLToPath(new URL('fast-check.ts', import.meta.url));

/** Runs a property of 50 cases in a process of its own, and returns the cases. */
async function casesOf(
  env: Readonly<Record<string, string>> = {},
  kind: 'property' | 'asyncProperty' = 'property',
): Promise<readonly number[]> {
  const code = `
    const fc = await import(${JSON.stringify(kit)});
    const cases = [];
    await fc.assert(fc.${kind}(fc.nat(), (value) => void cases.push(value)), { numRuns: 50 });
    console.log(JSON.stringify(cases));`;
  const output = await new Promise<string>((resolve, reject) => {
    const args = ['--input-type=module', '--eval', code];
    execFile(process.execPath, args, { env }, (error, stdout) =>
      error === null ? resolve(stdout) : reject(error),
    );
  });
  return JSON.parse(output) as readonly number[];
}

suite('properties', { concurrency: true }, () => {
  test('two runs: have the same cases', async () => {
    const [one, other] = await Promise.all([casesOf(), casesOf()]);
    assert.equal(one?.length, 50);
    assert.deepEqual(other, one);
  });

  test('TEST_SEED: other cases, equal in each run', async () => {
    const env = { TEST_SEED: '7' };
    const [usual, one, other] = await Promise.all([casesOf(), casesOf(env), casesOf(env)]);
    assert.notDeepEqual(one, usual);
    assert.deepEqual(other, one);
  });

  test('TEST_REPEATS: more cases, from the next seeds', async () => {
    const repeated = await casesOf({ TEST_SEED: '7', TEST_REPEATS: '3' });
    const single = await Promise.all(['7', '8', '9'].map((seed) => casesOf({ TEST_SEED: seed })));
    assert.deepEqual(repeated, single.flat());
  });

  test('TEST_UNTIL in the past: the cases of one seed', async () => {
    const [usual, ended] = await Promise.all([casesOf(), casesOf({ TEST_UNTIL: '0', TEST_REPEATS: '3' })]);
    assert.deepEqual(ended, usual);
  });

  test('asynchronous property: the same cases', async () => {
    const env = { TEST_REPEATS: '3' };
    const [plain, asynchronous] = await Promise.all([casesOf(env), casesOf(env, 'asyncProperty')]);
    assert.deepEqual(asynchronous, plain);
  });
});
