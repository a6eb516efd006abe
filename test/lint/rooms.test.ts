import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { suite, test } from 'node:test';
import { pureRooms, rooms } from '../../scripts/lint/rooms.ts';
import { refusedLines } from './refused-lines.ts';

const root = new URL('../../', import.meta.url);
const names = Object.keys(rooms);

const impure = [
  "export * as files from 'node:fs/promises';",
  "export * as sockets from 'node:net';",
  "export * as threads from 'node:worker_threads';",
  "export * as timers from 'node:timers/promises';",
  "export * as grpc from '@grpc/grpc-js';",
  "export * as cluster from '@kubernetes/client-node';",
  "export * as log from 'pino';",
  "export const files2 = import('node:fs');",
  "import { randomBytes } from 'node:crypto'; export const key = randomBytes(1);",
  "export { randomUUID } from 'node:crypto';",
  "export * from 'node:crypto';",
  "import * as c1 from 'node:crypto'; export const key1 = c1.randomBytes(1);",
  "import c2 from 'node:crypto'; export const key2 = c2.randomBytes(1);",
  "import { getRandomValues } from 'node:crypto'; export const key3 = getRandomValues;",
  "import { webcrypto } from 'node:crypto'; export const key4 = webcrypto;",
  "export const key5 = import('node:crypto');",
  "import forge from 'node-forge'; export const key6 = forge.random;",
  "export const files3 = require('node:fs');",
  'const { now: now2 } = Date; export const time2 = now2();',
  'const { random } = Math; export const dice2 = random();',
  'const Day = Date; export const time3 = Day.now();',
  "export const time4 = Date['now']();",
  'export const time5 = Temporal.Now.instant();',
  'const { Now } = Temporal; export const time6 = Now.instant();',
  'export const environment2 = global.process.env;',
  'export const now = new Date();',
  'export const nowText = Date();',
  'export const time = Date.now();',
  'export const elapsed = performance.now();',
  'export const dice = Math.random();',
  'export const timer = setTimeout(() => undefined, 1);',
  'export const start = setTimeout;',
  'export const aborted = AbortSignal.timeout(1);',
  'export const environment = process.env;',
  'export const answer = fetch("http://localhost");',
  'console.log(1);',
];
const pure = [
  "import { createHash } from 'node:crypto'; export const hash = createHash('sha256');",
  "import type { KeyObject } from 'node:crypto'; export type Key = KeyObject;",
  "import { X509Certificate, verify } from 'node:crypto'; export const uses = [X509Certificate, verify];",
  'export const isDate = (value: unknown): value is Date => value instanceof Date;',
  'export const largest = Math.max(1, 2);',
  'export const then = new Date(0);',
  'export const parsed = Date.parse("2026-01-01");',
  'export const field = { process: 1, fetch: 2 };',
  'export const read = field.process;',
];

/** The specifier with which the file `probe.ts` of one room imports from another. */
function specifier(from: string, to: string): string {
  const path = relative(from, to === 'xds' ? 'xds/index.ts' : `${to}/target.ts`);
  return path.startsWith('.') ? path : `./${path}`;
}

/** All folders below `src` that contain a module. */
async function foldersWithModules(): Promise<readonly string[]> {
  const entries = await readdir(new URL('src/', root), { recursive: true });
  return [...new Set(entries.filter((name) => name.endsWith('.ts')).map((name) => dirname(name)))];
}

suite('rooms', () => {
  test('the matrix: lists every folder with modules, by itself or with a folder above', async () => {
    const folders = await foldersWithModules();
    const isListed = (folder: string): boolean =>
      folder !== '.' && (folder in rooms || isListed(dirname(folder)));
    assert.deepEqual(
      folders.filter((folder) => folder !== '.' && !isListed(folder)),
      [],
    );
  });

  test('the matrix: lists no folder that is absent', async () => {
    const folders = await foldersWithModules();
    assert.deepEqual(
      names.filter((name) => name !== '' && !folders.includes(name)),
      [],
    );
  });

  test('the matrix: lists no permission that no import uses', async () => {
    const roomOf = (folder: string): string =>
      folder === '.' ? '' : folder in rooms ? folder : roomOf(dirname(folder));
    const used = new Set<string>();
    const entries = await readdir(new URL('src/', root), { recursive: true });
    for (const name of entries.filter((entry) => entry.endsWith('.ts'))) {
      const text = await readFile(new URL(`src/${name}`, root), 'utf8');
      for (const [, to = ''] of text.matchAll(/(?:\bfrom|\bimport\(|\bimport)\s*'(\.[^']+)'/g))
        used.add(`${roomOf(dirname(name))} → ${roomOf(dirname(join(dirname(name), to)))}`);
    }
    const permissions = names.flatMap((from) => (rooms[from] ?? []).map((to) => `${from} → ${to}`));
    assert.deepEqual(
      permissions.filter((permission) => !used.has(permission)),
      [],
    );
  });

  test('the matrix: has no cycle', () => {
    const done = new Set<string>();
    const visit = (room: string, path: readonly string[]): void => {
      assert.ok(!path.includes(room), `cycle: ${[...path, room].join(' → ')}`);
      if (done.has(room)) return;
      for (const next of rooms[room] ?? []) visit(next, [...path, room]);
      done.add(room);
    };
    for (const room of names) visit(room, []);
  });

  test('imports: each room may import from its listed rooms and from no other', async () => {
    const targets = (from: string) => names.filter((room) => room !== from && room !== '');
    const files = new Map(
      names.map((from) => [
        from === '' ? 'main.ts' : `${from}/probe.ts`,
        targets(from).map((room, index) => `export * as n${index} from '${specifier(from, room)}';`),
      ]),
    );
    const refused = await refusedLines('rooms', files);
    for (const from of names) {
      const lines = refused.get(from === '' ? 'main.ts' : `${from}/probe.ts`);
      assert.deepEqual(
        targets(from)
          .filter((_, index) => lines?.has(index) === false)
          .sort(),
        [...new Set(rooms[from] ?? [])].sort(),
        from,
      );
    }
  });

  test('imports: the library is entered by xds/index.ts, and a folder must be listed', async () => {
    const refused = await refusedLines(
      'rooms',
      new Map([
        [
          'fleet/probe.ts',
          ["export * from '../xds/other.ts';", "import type { A } from '../xds/core/session.ts';"],
        ],
        ['unlisted/probe.ts', ["export * from '../text/plain-text.ts';"]],
        [
          'app/probe.ts',
          ["export * from '../../test/kit/pem.ts';", "export const a = import('../cli/program.ts');"],
        ],
      ]),
    );
    assert.deepEqual(refused.get('fleet/probe.ts'), new Set([0, 1]));
    assert.deepEqual(refused.get('unlisted/probe.ts'), new Set([0]));
    assert.deepEqual(refused.get('app/probe.ts'), new Set([0, 1]));
  });

  test('purity: each room of the path of trust is pure', () => {
    const path = names.filter((room) => /^trust(?:\/|$)/.test(room));
    assert.ok(path.length > 10);
    assert.deepEqual(
      path.filter((room) => !pureRooms.includes(room)),
      [],
    );
  });

  test('purity: a pure room may use no I/O, clock, timer, randomness or environment, and other rooms may', async () => {
    const texts = pureRooms.map((room) => [`${room}/probe.ts`, [...impure, ...pure]] as const);
    const refused = await refusedLines('pure', new Map([...texts, ['app/probe.ts', impure]]));
    const expected = new Set(impure.keys());
    for (const room of pureRooms) assert.deepEqual(refused.get(`${room}/probe.ts`), expected, room);
    assert.deepEqual(refused.get('app/probe.ts'), new Set());
  });

  test('purity: a pure room imports values only from pure rooms and listed pure files', async () => {
    const lines = [
      "import { callApi } from '../../client/call-api.ts'; export const call = callApi;",
      "export { addXdsServices } from '../../../xds/index.ts';",
      "export * from '../../../net/follow-file.ts';",
      "import type { CallApi } from '../../client/call-api.ts'; export type Call = CallApi;",
      "import { resource } from '../../client/api-object.ts'; export const kind = resource;",
      "export * from '../../../trust/pem/read-pem.ts';",
    ];
    const files = new Map([
      ['kubernetes/status/core/probe.ts', lines],
      ['api/present-time.ts', ["export * from './other.ts';", 'export const now = Date.now();']],
    ]);
    const refused = await refusedLines('pure', files);
    assert.deepEqual(refused.get('kubernetes/status/core/probe.ts'), new Set([0, 1, 2]));
    assert.deepEqual(refused.get('api/present-time.ts'), new Set([0, 1]));
  });
});
