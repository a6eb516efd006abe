/**
 * Changes one operator, constant, condition or return at a time in the pure rooms, and runs the tests that
 * load the file against each change:
 *
 *     nice -n 19 node scripts/mutate.ts [--count=60] [--from=0] [--seed=1] [--room=trust/x509]
 *
 * `--from` skips this number of changes of the seed, so that a long run can be split into parts. The rooms take turns.
 * The outcome of a change is one of these:
 *
 * - `noticed`: the first failed test follows.
 * - `SURVIVED`: all tests pass. A test is missing, or the change has no effect.
 * - `TIMED OUT`: tests took too long, and none failed otherwise. An endless loop, or a slow machine: look at it.
 * - `no mutant`: the compiler refuses the change. Such a change is not counted.
 *
 * Works on a copy of the checkout in a temporary folder, in which the tests must pass before the first change.
 * Exits with 1 if a change survived or timed out.
 */
import { execFile, spawn } from 'node:child_process';
import { globSync, rmSync } from 'node:fs';
import { cp, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { pureRooms } from './lint/rooms.ts';
import { isDecisive, outcomeOf, parseFailures, type Outcome, type TestRun } from './mutation/outcome.ts';
import { filesThatLoad, importsOf } from './mutation/reach.ts';
import { mutate, mutationsOf, shuffle, type Mutation } from './mutation/places.ts';
import { testsOf } from './mutation/tests-of.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const compiler = join(root, 'node_modules/.bin/tsc');
/** Not copied: tests of pure rooms need nothing of it, except for the packages, to which a link leads. */
const notCopied = new Set(['node_modules', '.git', '.cache', 'dist', 'out']);

/** Ends the tests that run. */
let endRun = (): void => undefined;

/** Runs test files until all passed, or one fails for another reason than time. */
async function runTests(copy: string, files: readonly string[], limitMs: number): Promise<TestRun> {
  const reporter = pathToFileURL(join(copy, 'scripts/mutation/report-failures.ts')).href;
  const args = ['--test', '--test-timeout=60000', `--test-reporter=${reporter}`, ...files];
  // A process group of its own: a file in an endless loop does not end with the runner.
  const run = spawn(process.execPath, args, {
    cwd: copy,
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
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
  }, limitMs);
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

/** Returns true if the compiler accepts `src` of the copy. Code and variables without a use are no errors here. */
async function compiles(copy: string): Promise<boolean> {
  return new Promise((resolve) => {
    execFile(compiler, ['-p', 'tsconfig.mutated.json'], { cwd: copy }, (error) => resolve(error === null));
  });
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

/** Runs test files without a change, each once, and returns the limit in milliseconds for a run with one. */
function makeBaseline(copy: string): (files: readonly string[]) => Promise<number> {
  const durations = new Map<string, number>();
  return async (files) => {
    const unknown = files.filter((file) => !durations.has(file));
    if (unknown.length > 0) {
      const start = performance.now();
      const outcome = outcomeOf(await runTests(copy, unknown, 1_200_000));
      if (outcome.kind !== 'passed') throw new Error(`fails without a change: ${describe(outcome)}`);
      for (const file of unknown) durations.set(file, (performance.now() - start) / unknown.length);
    }
    // A longer run is no endless loop on a machine with other work.
    return files.reduce((sum, file) => sum + 5 * (durations.get(file) ?? 0), 60_000);
  };
}

function describe(outcome: Outcome): string {
  if (outcome.kind === 'noticed') return `${outcome.by.file}: ${outcome.by.name}`;
  if (outcome.kind === 'passed') return 'passed';
  return outcome.at === undefined ? 'the limit of the run' : `${outcome.at.file}: ${outcome.at.name}`;
}

/**
 * Returns the outcome of the tests that load the file, which end at the first group that does not pass. `undefined` if the
 * change does not compile. The file is the old one again afterwards, and whenever a baseline is made.
 */
async function tryChange(
  copy: string,
  mutation: Mutation,
  baseline: (files: readonly string[]) => Promise<number>,
): Promise<Outcome | undefined> {
  const path = join(copy, mutation.file);
  const text = await readFile(path, 'utf8');
  const withChange = async <T>(use: () => Promise<T>): Promise<T> => {
    await writeFile(path, mutate(text, mutation));
    try {
      return await use();
    } finally {
      await writeFile(path, text);
    }
  };
  if (!(await withChange(() => compiles(copy)))) return undefined;
  const loading = filesThatLoad(mutation.file, await imports);
  const tried = new Set<string>();
  for (const patterns of testsOf(mutation.file)) {
    // Other tests cannot notice the change.
    const matching = new Set(globSync([...patterns], { cwd: copy }));
    const files = [...loading].filter((file) => matching.has(file) && !tried.has(file));
    if (files.length === 0) continue;
    for (const file of files) tried.add(file);
    const limitMs = await baseline(files);
    const outcome = outcomeOf(await withChange(() => runTests(copy, files, limitMs)));
    if (outcome.kind !== 'passed') return outcome;
  }
  return { kind: 'passed' };
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
  const baseline = makeBaseline(copy);
  const counts = { noticed: 0, survived: 0, timedOut: 0, refused: 0 };
  try {
    if (!(await compiles(copy))) throw new Error('src does not compile without a change');
    for (const mutation of chosen) {
      const outcome = await tryChange(copy, mutation, baseline);
      if (outcome === undefined) {
        counts.refused += 1;
        print('no mutant', mutation);
      } else if (outcome.kind === 'noticed') {
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
  const { noticed, survived, timedOut, refused } = counts;
  console.log(
    `${noticed} of ${noticed + survived + timedOut} changes were noticed; ${survived} survived, ${timedOut} timed out; ${refused} more do not compile`,
  );
  process.exitCode = survived + timedOut === 0 ? 0 : 1;
}
