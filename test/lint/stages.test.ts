import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFile, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { makeTempDir } from '../kit/temp-dir.ts';

const root = new URL('../../', import.meta.url);
const oxlint = fileURLToPath(new URL('node_modules/.bin/oxlint', root));

const leaves = ['findings', 'pem', 'x509'];
const stages = ['source', 'model', 'ledger', 'bundle', 'secret', 'snapshot'];
/** The stages to the left of one. */
const before = (stage: string): readonly string[] => stages.slice(0, stages.indexOf(stage));

/** What each folder may import from, as in ARCHITECTURE.md; `xds` is the entry of the library. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  wire: [],
  rate: [],
  http2: ['http2/hpack'],
  'http2/hpack': [],
  timers: [],
  net: ['timers'],
  findings: [],
  pem: ['findings'],
  x509: ['findings', 'pem'],
  source: ['findings', 'timers'],
  model: [...leaves, ...before('model')],
  ledger: [...leaves, ...before('ledger')],
  bundle: [...leaves, ...before('bundle')],
  secret: [...leaves, ...before('secret'), 'wire'],
  snapshot: [...leaves, ...before('snapshot'), 'wire', 'xds'],
  'xds/core': ['wire'],
  'xds/server': ['wire', 'rate', 'timers', 'xds', 'xds/core'],
  status: ['findings', 'x509', 'rate', 'timers', 'status/core', ...stages],
  'status/core': ['findings', 'x509', ...stages],
  webhook: ['findings', 'x509', 'webhook/core', ...stages, 'net', 'timers'],
  'webhook/core': ['findings', 'x509', ...stages],
  verify: ['bundle', 'x509'],
  telemetry: [...leaves, ...stages, 'net', 'timers', 'xds'],
  grpc: ['net', 'telemetry', 'timers'],
  admin: [...leaves, ...stages, 'net', 'telemetry', 'timers', 'xds'],
  app: [
    ...leaves,
    ...stages,
    'admin',
    'grpc',
    'net',
    'status',
    'status/core',
    'telemetry',
    'timers',
    'verify',
    'webhook',
    'webhook/core',
    'wire',
    'xds',
  ],
  page: ['findings', 'admin'],
  cli: [
    ...leaves,
    ...stages,
    'admin',
    'app',
    'grpc',
    'net',
    'status',
    'status/core',
    'telemetry',
    'timers',
    'verify',
    'webhook',
    'webhook/core',
    'wire',
    'xds',
  ],
};
const folders = Object.keys(allowed);

const pure = stages
  .slice(1)
  .concat(
    leaves,
    'wire',
    'rate',
    'http2',
    'http2/hpack',
    'xds/core',
    'status/core',
    'webhook/core',
    'verify',
  );
const impure = [
  "export * as files from 'node:fs/promises';",
  "export * as sockets from 'node:net';",
  "export * as threads from 'node:worker_threads';",
  "export * as timers from 'node:timers/promises';",
  "export * as grpc from '@grpc/grpc-js';",
  "export * as cluster from '@kubernetes/client-node';",
  "export * as log from 'pino';",
  'export const time = Date.now();',
  'export const elapsed = performance.now();',
  'export const luck = Math.random();',
  'export const timer = setTimeout(() => undefined, 1);',
  'export const environment = process.env;',
  'export const answer = fetch("http://localhost");',
  'console.log(1);',
];

/** Lints these texts, by path, by the rules of the repository: the refused lines of each, from 0. */
async function refusedLines(
  files: ReadonlyMap<string, readonly string[]>,
): Promise<ReadonlyMap<string, ReadonlySet<number>>> {
  await using dir = await makeTempDir();
  await copyFile(new URL('.oxlintrc.json', root), dir.join('.oxlintrc.json'));
  for (const [path, lines] of files) {
    await mkdir(dirname(dir.join(path)), { recursive: true });
    await writeFile(dir.join(path), `${lines.join('\n')}\n`);
  }
  const output = await new Promise<string>((resolve) => {
    // It exits with 1, since there is much to refuse.
    execFile(oxlint, ['--format', 'json', 'src'], { cwd: dir.path, maxBuffer: 2 ** 26 }, (_, stdout) =>
      resolve(stdout),
    );
  });
  const { diagnostics } = JSON.parse(output) as {
    readonly diagnostics: readonly {
      readonly code: string;
      readonly filename: string;
      readonly labels: readonly { readonly span: { readonly line: number } }[];
    }[];
  };
  const refused = new Map([...files.keys()].map((path) => [path, new Set<number>()]));
  for (const { code, filename, labels } of diagnostics)
    if (code.includes('no-restricted-')) refused.get(filename)?.add((labels[0]?.span.line ?? 0) - 1);
  return refused;
}

/** The folder as a module of `from` writes it: that beside it is `../`. */
function moduleIn(folder: string, from: string): string {
  const file = folder === 'xds' ? 'xds/index.ts' : `${folder}/probe-target.ts`;
  const [top, ...deeper] = from.split('/');
  return deeper.length > 0 && file.startsWith(`${top}/`)
    ? `../${file.slice(`${top}/`.length)}`
    : `${'../'.repeat(deeper.length + 1)}${file}`;
}

describe('lint', () => {
  it('knows every folder of the source', async () => {
    const entries = await readdir(new URL('src/', root), { withFileTypes: true });
    const here = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    assert.deepEqual(here.sort(), [...new Set(folders.map((folder) => folder.split('/')[0] ?? ''))].sort());
  });

  it('lets a folder import from its left alone, and the library by its entry', async () => {
    const targets = (from: string) => folders.concat('xds').filter((folder) => folder !== from);
    const files = new Map(
      folders.map((from) => [
        `src/${from}/probe.ts`,
        targets(from).map((folder, index) => `export * as n${index} from '${moduleIn(folder, from)}';`),
      ]),
    );
    const refused = await refusedLines(files);
    for (const from of folders) {
      const lines = refused.get(`src/${from}/probe.ts`);
      assert.deepEqual(
        targets(from)
          .filter((_, index) => lines?.has(index) === false)
          .sort(),
        [...(allowed[from] ?? [])].sort(),
        from,
      );
    }
  });

  it('lets no pure folder do I/O, or have a clock, a timer, luck or a logger', async () => {
    const files = new Map(pure.map((folder) => [`src/${folder}/probe.ts`, impure]));
    for (const [path, lines] of await refusedLines(files))
      assert.deepEqual(
        impure.filter((_, index) => !lines.has(index)),
        [],
        path,
      );
  });

  // No rule of the linter tells `new Date()` from `new Date(time)`.
  it('finds the current time read nowhere in them', async () => {
    let read = 0;
    for (const folder of pure) {
      const directory = new URL(`src/${folder}/`, root);
      for (const name of await readdir(directory)) {
        if (!name.endsWith('.ts')) continue;
        read += 1;
        assert.doesNotMatch(
          await readFile(new URL(name, directory), 'utf8'),
          /\bDate\(\)/,
          `${folder}/${name}`,
        );
      }
    }
    assert.ok(read > 50, `only ${read} files were looked at`);
  });
});
