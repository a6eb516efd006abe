/**
 * Changes one operator, constant, condition or return at a time in the pure rooms, and runs the tests of the room
 * against each change. A change that no test notices survives, and is printed with its line:
 *
 *     node scripts/mutate.ts [--count=60] [--from=0] [--seed=1] [--room=trust/x509]
 *
 * `--from` skips this number of changes of the seed, so that a long run can be split into parts.
 * Works on a copy of the checkout in a temporary folder. Exits with 1 if a change survived.
 */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { randomNumbers } from '../test/kit/seed.ts';
import { pureRooms } from './lint/rooms.ts';

const root = fileURLToPath(new URL('../', import.meta.url));

/** A place in a file, with its text before and after the change. */
export interface Mutation {
  readonly file: string;
  readonly line: number;
  readonly index: number;
  readonly before: string;
  readonly after: string;
}

/** The replacements. Each pattern matches the text that is replaced. */
const exchanges: readonly (readonly [pattern: RegExp, after: (found: string) => string])[] = [
  [/(?<= )===(?= )/g, () => '!=='],
  [/(?<= )!==(?= )/g, () => '==='],
  [/(?<= )<(?= )/g, () => '<='],
  [/(?<= )>(?= )/g, () => '>='],
  [/(?<= )<=(?= )/g, () => '<'],
  [/(?<= )>=(?= )/g, () => '>'],
  [/(?<= )&&(?= )/g, () => '||'],
  [/(?<= )\|\|(?= )/g, () => '&&'],
  [/(?<= )\+(?= [\w(])/g, () => '-'],
  [/(?<= )-(?= [\w(])/g, () => '+'],
  [/(?<=[( ])true(?=[;,) ])/g, () => 'false'],
  [/(?<=[( ])false(?=[;,) ])/g, () => 'true'],
  [/(?<=[( ])!(?=[a-z(])/g, () => ''],
  [/(?<== |[<>] |\()\d+(?=[;,) ])/g, (found) => String(Number(found) + 1)],
  [/(?<=^ +)return (?!undefined;)[^;\n]+;/gm, () => 'return undefined as never;'],
];

/** Returns the text with blanks instead of comments and string contents, so that patterns do not match in them. */
function codeOnly(text: string): string {
  const blank = (found: string): string => found.replaceAll(/[^\n]/g, '_');
  return text
    .replaceAll(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/[^\n]*/g, blank)
    .replaceAll(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g, blank);
}

/** Finds all places of a file that can be changed. Skips lines that only declare types. */
export function mutationsOf(file: string, text: string): readonly Mutation[] {
  const code = codeOnly(text);
  return exchanges.flatMap(([pattern, after]) =>
    [...code.matchAll(pattern)].flatMap(({ 0: found, index }) => {
      const before = text.slice(index, index + found.length);
      const start = text.lastIndexOf('\n', index) + 1;
      const end = text.indexOf('\n', index);
      const wholeLine = code.slice(start, end === -1 ? undefined : end);
      if (/^\s*(?:import|export (?:type|interface)|type|interface|readonly|\|) /.test(wholeLine)) return [];
      const line = text.slice(0, index).split('\n').length;
      return [{ file, line, index, before, after: after(before) }];
    }),
  );
}

/** Returns the tests that should notice a change in a file of the room, the nearest first: most changes fail there. */
function testsOf(file: string): readonly string[] {
  if (file.startsWith('src/xds/core/'))
    return ['test/xds/core/*.test.ts', 'test/xds/server/*.test.ts', 'test/xds/loopback/*.test.ts'];
  if (file.startsWith('src/xds/'))
    return ['test/xds/{core,server,wire,rate}/*.test.ts', 'test/xds/loopback/*.test.ts'];
  if (file.startsWith('src/http2/')) return ['test/http2/{connection,frame,hpack}.test.ts'];
  const [, stage] = /^src\/(trust\/[^/]+)\//.exec(file) ?? [];
  if (stage !== undefined)
    return [`test/${stage}/**/*.test.ts`, 'test/trust/**/*.test.ts', 'test/runtime/**/*.test.ts'];
  const [, room = ''] = /^src\/([^/]+(?:\/(?:status|webhook))?)/.exec(file) ?? [];
  return [`test/${room}/**/*.test.ts`];
}

/** Returns true if a test fails in the copy. */
async function isNoticed(copy: string, tests: readonly string[]): Promise<boolean> {
  for (const pattern of tests) {
    const passed = await new Promise<boolean>((resolve) => {
      const args = ['--test', '--test-timeout=60000', '--test-reporter=dot', pattern];
      execFile(process.execPath, args, { cwd: copy, timeout: 180_000 }, (error) => resolve(error === null));
    });
    if (!passed) return true;
  }
  return false;
}

async function modulesOf(room: string): Promise<readonly string[]> {
  const folder = join(root, 'src', room);
  const names = await readdir(folder, { recursive: true });
  return names.filter((name) => name.endsWith('.ts')).map((name) => relative(root, join(folder, name)));
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
  const files = new Set((await Promise.all(rooms.map(modulesOf))).flat());
  const all = (
    await Promise.all(
      [...files].map(async (file) => mutationsOf(file, await readFile(join(root, file), 'utf8'))),
    )
  ).flat();
  const random = randomNumbers(Number(values.seed));
  const chosen = all
    .map((mutation) => ({ mutation, rank: random() }))
    .sort((a, b) => a.rank - b.rank)
    .slice(Number(values.from), Number(values.from) + Number(values.count))
    .map(({ mutation }) => mutation);
  const copy = await mkdtemp(join(tmpdir(), 'meshtrust-mutate-'));
  for (const part of ['src', 'test', 'scripts', 'bin', 'proto', 'examples', 'docs', 'deploy', 'package.json'])
    await cp(join(root, part), join(copy, part), { recursive: true });
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
  let survived = 0;
  try {
    for (const { file, line, index, before, after } of chosen) {
      const path = join(copy, file);
      const text = await readFile(path, 'utf8');
      await writeFile(path, text.slice(0, index) + after + text.slice(index + before.length));
      const noticed = await isNoticed(copy, testsOf(file));
      await writeFile(path, text);
      if (!noticed) survived += 1;
      console.log(`${noticed ? 'noticed ' : 'SURVIVED'} ${file}:${line} ${before} → ${after || '(removed)'}`);
    }
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
  console.log(
    `${chosen.length - survived} of ${chosen.length} changes were noticed (of ${all.length} places)`,
  );
  process.exitCode = survived === 0 ? 0 : 1;
}
