/**
 * Changes one operator, constant, condition or return at a time in the pure rooms, and runs the tests that load
 * the file against each change:
 *
 *     nice -n 19 node scripts/mutate.ts [--count=60] [--from=0] [--seed=1] [--room=trust/x509]
 *
 * `--from` skips this number of changes of the seed, so that a long run can be split into parts. The rooms take turns.
 * The outcome of a change is one of these:
 *
 * - `noticed`: the first failed test follows.
 * - `SURVIVED`: all tests pass. A test is missing, or the change has no effect.
 * - `TIMED OUT`: tests took too long, and none failed for another reason. Look whether the change makes an endless
 *   loop.
 * - `no mutant`: the compiler refuses the change, so it does not count.
 *
 * A test file that fails must pass without the change. Works on a copy of the checkout in a temporary folder. Exits
 * with 1 if a change survived or timed out.
 */
import { execFile, spawn } from 'node:child_process';
import { globSync, rmSync } from 'node:fs';
import { cp, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { timerMs } from '../src/xds/timers/timers.ts';
import { pureRooms } from './lint/rooms.ts';
import { isDecisive, outcomeOf, parseFailures, type Outcome, type TestRun } from './mutation/outcome.ts';
import { filesThatLoad, importsOf } from './mutation/reach.ts';
import { mutate, mutationsOf, roundsOf, shuffle, type Mutation } from './mutation/places.ts';
import { testsOf } from './mutation/tests-of.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const compiler = join(root, 'node_modules/.bin/tsc');
/** Folders that are not copied. The tests need only the packages, for which the copy has a link. */
const notCopied = new Set(['node_modules', '.git', '.cache', 'dist', 'out']);

/** Ends the running tests. */
let endRun = (): void => undefined;

/** Runs test files until all have ended, or a test fails for another reason than its time-out. */
async function runTests(copy: string, files: readonly string[], limitMs: number): Promise<TestRun> {
  const reporter = pathToFileURL(join(copy, 'scripts/mutation/report-failures.ts')).href;
  const args = ['--test', '--test-timeout=60000', `--test-reporter=${reporter}`, ...files];
  // A process group of its own: a file in an endless loop does not end with the runner.
  const run = spawn(process.execPath, args, {
    cwd: copy,
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, NODE_COMPILE_CACHE: join(copy, 'out') },
  });
  let hasEnded = false;
  const end = (): void => {
    if (run.pid !== undefined && !hasEnded) process.kill(-run.pid, 'SIGKILL');
    hasEnded = true;
  };
  endRun = end;
  let output = '';
  let isOverLimit = false;
  const timer = setTimeout(() => {
    isOverLimit = true;
    end();
  }, timerMs(limitMs));
  run.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (parseFailures(output).some(isDecisive)) end();
  });
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    run.once('error', reject).once('close', resolve);
  });
  hasEnded = true;
  clearTimeout(timer);
  return { failures: parseFailures(output), exitCode, isOverLimit };
}

/** Returns the files of the copy in which the compiler finds an error. Unused code and variables are no errors. */
async function filesWithErrors(copy: string): Promise<ReadonlySet<string>> {
  const { output, failed } = await new Promise<{ readonly output: string; readonly failed: boolean }>(
    (resolve) => {
      execFile(compiler, ['-p', 'tsconfig.mutated.json'], { cwd: copy }, (error, stdout) =>
        resolve({ output: stdout, failed: error !== null }),
      );
    },
  );
  const files = new Set([...output.matchAll(/^(\S+)\(\d+,\d+\): error /gm)].map(([, file = '']) => file));
  if (failed && files.size === 0) throw new Error(`the compiler fails: ${output}`);
  return files;
}

/** Returns the mutations that the compiler refuses. It checks one change of each file at once. */
async function findRefused(copy: string, chosen: readonly Mutation[]): Promise<ReadonlySet<Mutation>> {
  const refused = new Set<Mutation>();
  if ((await filesWithErrors(copy)).size > 0) throw new Error('src does not compile without a change');
  for (const round of roundsOf(chosen)) {
    const errors = await withChanges(copy, round, () => filesWithErrors(copy));
    const own = round.filter(({ file }) => errors.has(file));
    for (const mutation of own) refused.add(mutation);
    if (own.length === errors.size) continue;
    // A change can cause an error in another file, too.
    for (const mutation of round)
      if ((await withChanges(copy, [mutation], () => filesWithErrors(copy))).size > 0) refused.add(mutation);
  }
  return refused;
}

/** Calls a function while the copy has these changes of different files. */
async function withChanges<T>(copy: string, changes: readonly Mutation[], use: () => Promise<T>): Promise<T> {
  const texts = await Promise.all(changes.map(({ file }) => readFile(join(copy, file), 'utf8')));
  const write = (change: (text: string, mutation: Mutation) => string): Promise<unknown> =>
    Promise.all(
      changes.map((mutation, index) =>
        writeFile(join(copy, mutation.file), change(texts[index] ?? '', mutation)),
      ),
    );
  await write(mutate);
  try {
    return await use();
  } finally {
    await write((text) => text);
  }
}

async function makeCopy(): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), 'meshtrust-mutate-'));
  await cp(root, copy, { recursive: true, filter: (path) => !notCopied.has(relative(root, path)) });
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
  const compilerOptions = {
    noUnusedLocals: false,
    noUnusedParameters: false,
    allowUnreachableCode: true,
    incremental: true,
    tsBuildInfoFile: 'mutated.tsbuildinfo',
  };
  const config = { extends: './tsconfig.json', compilerOptions, include: ['src'] };
  await writeFile(join(copy, 'tsconfig.mutated.json'), JSON.stringify(config));
  return copy;
}

function describe(outcome: Outcome): string {
  if (outcome.kind === 'noticed') return `${outcome.by.file}: ${outcome.by.name}`;
  if (outcome.kind === 'passed') return 'passed';
  return outcome.at === undefined ? 'the limit of the run' : `${outcome.at.file}: ${outcome.at.name}`;
}

/** The files of tests that pass without a change. */
const passing = new Set<string>();

/** Returns the outcome of the tests that load the file, which end at the first group that does not pass. */
async function tryChange(copy: string, mutation: Mutation): Promise<Outcome> {
  const loading = [...filesThatLoad(mutation.file, await imports)];
  const tried = new Set<string>();
  for (const patterns of testsOf(mutation.file)) {
    // Other tests cannot notice the change.
    const matching = new Set(globSync([...patterns], { cwd: copy }));
    const files = loading.filter((file) => matching.has(file) && !tried.has(file));
    for (const group of [files.slice(0, 3), files.slice(3)]) {
      if (group.length === 0) continue;
      for (const file of group) tried.add(file);
      const limitMs = 120_000 + group.length * 30_000;
      const outcome = outcomeOf(await withChanges(copy, [mutation], () => runTests(copy, group, limitMs)));
      if (outcome.kind === 'noticed') await checkPasses(copy, outcome.by.file);
      if (outcome.kind !== 'passed') return outcome;
    }
  }
  return { kind: 'passed' };
}

/** Throws an error if a test file fails without a change: it cannot notice one. */
async function checkPasses(copy: string, file: string): Promise<void> {
  if (passing.has(file)) return;
  const outcome = outcomeOf(await runTests(copy, [file], 600_000));
  if (outcome.kind !== 'passed') throw new Error(`fails without a change: ${describe(outcome)}`);
  passing.add(file);
}

/** The imports of all modules and tests. */
async function readImports(): Promise<ReadonlyMap<string, readonly string[]>> {
  const files = globSync('{src,test}/**/*.ts', { cwd: root });
  const read = async (file: string) =>
    [file, importsOf(file, await readFile(join(root, file), 'utf8'))] as const;
  return new Map(await Promise.all(files.map(read)));
}

const imports = readImports();

async function modulesOf(room: string): Promise<readonly string[]> {
  const folder = join(root, 'src', room);
  const names = await readdir(folder, { recursive: true });
  return names.filter((name) => name.endsWith('.ts')).map((name) => relative(root, join(folder, name)));
}

function print(label: string, { file, line, before, after }: Mutation, detail = ''): void {
  console.log(`${label.padEnd(9)} ${file}:${line} ${before} → ${after || '(removed)'}${detail}`);
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      count: { type: 'string', default: '60' },
      from: { type: 'string', default: '0' },
      seed: { type: 'string', default: '1' },
      room: { type: 'string' },
    },
  });
  const rooms = values.room === undefined ? pureRooms : [values.room];
  const files = [...new Set((await Promise.all(rooms.map(modulesOf))).flat())].sort();
  const all = (
    await Promise.all(files.map(async (file) => mutationsOf(file, await readFile(join(root, file), 'utf8'))))
  ).flat();
  const from = Number(values.from);
  const chosen = shuffle(all, rooms, Number(values.seed)).slice(from, from + Number(values.count));
  console.log(`seed ${values.seed}, changes ${from} to ${from + chosen.length} of ${all.length}`);
  const copy = await makeCopy();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      endRun();
      rmSync(copy, { recursive: true, force: true });
      process.exit(1);
    });
  const counts = { noticed: 0, survived: 0, timedOut: 0 };
  let refused: ReadonlySet<Mutation> = new Set();
  try {
    refused = await findRefused(copy, chosen);
    for (const mutation of chosen) {
      if (refused.has(mutation)) {
        print('no mutant', mutation);
        continue;
      }
      const outcome = await tryChange(copy, mutation);
      if (outcome.kind === 'noticed') {
        counts.noticed += 1;
        print('noticed', mutation, ` | ${describe(outcome)}`);
      } else if (outcome.kind === 'timed-out') {
        counts.timedOut += 1;
        print('TIMED OUT', mutation, ` | ${describe(outcome)}`);
      } else {
        counts.survived += 1;
        print('SURVIVED', mutation);
      }
    }
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
  const { noticed, survived, timedOut } = counts;
  console.log(
    `${noticed} of ${noticed + survived + timedOut} changes were noticed; ${survived} survived, ${timedOut} timed out; ${refused.size} more do not compile`,
  );
  process.exitCode = survived + timedOut === 0 ? 0 : 1;
}
